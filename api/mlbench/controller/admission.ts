import { isKubeError } from "../../../kube/errors.ts";
import { admissions } from "../runs/queue.ts";
import { stateOf } from "../runs/run-object.ts";
import { planOf, runIdOf, type StoredPipeline, workersOf } from "../runs/run-spec.ts";
import type { MlbenchRuns } from "../runs/runs.ts";

interface AdmissionParts {
  runs: Pick<MlbenchRuns, "informer">;
  maxWorkers: number;
  /** Writes that a run is started, if it is still the one that was read; rejects with a KubeError. */
  admit(run: StoredPipeline): Promise<void>;
}

/**
 * Starts runs that wait, as long as there is room (M-55 to M-57). Only for the active controller. The number of workers of started runs never exceeds the
 * maximum: a start of which it is not known whether it was written counts until that is known.
 */
export class Admission {
  readonly #parts: AdmissionParts;
  readonly #unsure = new Set<string>();
  #walking: Promise<void> | undefined;
  #again: Promise<void> | undefined;

  constructor(parts: AdmissionParts) {
    this.#parts = parts;
  }

  /** A walk over the runs that begins after this call. Rejects where a start could not be written; it is to be called again then. */
  async walk(): Promise<void> {
    // All who call while one goes on share the next.
    this.#again ??= (this.#walking ?? Promise.resolve())
      .catch(() => undefined)
      .then(async () => {
        this.#walking = this.#again;
        this.#again = undefined;
        await this.#walk();
      });
    await this.#again;
  }

  async #walk(): Promise<void> {
    const { runs, maxWorkers } = this.#parts;
    let used = 0;
    const there = new Set<string>();
    const waiting: { id: number; workers: number; run: StoredPipeline }[] = [];
    const unsure: StoredPipeline[] = [];
    for (const run of runs.informer.list()) {
      const { uid, deletionTimestamp } = run.metadata;
      if (deletionTimestamp !== undefined) continue;
      there.add(uid);
      const state = stateOf(run);
      if (state !== "initialized") this.#unsure.delete(uid);
      if (state === "started" || this.#unsure.has(uid)) used += workersOf(run);
      const id = runIdOf(run.metadata);
      if (this.#unsure.has(uid)) unsure.push(run);
      else if (state === "initialized" && id !== undefined && isWaiting(run))
        waiting.push({ id, workers: workersOf(run), run });
    }
    for (const uid of this.#unsure) if (!there.has(uid)) this.#unsure.delete(uid);
    for (const run of unsure) await this.#admit(run);
    for (const { run } of admissions(waiting, maxWorkers - used)) await this.#admit(run);
  }

  async #admit(run: StoredPipeline): Promise<void> {
    const { uid } = run.metadata;
    this.#unsure.add(uid);
    try {
      await this.#parts.admit(run);
    } catch (error) {
      // Deleted or changed meanwhile: whoever did it wakes us again. Only no answer leaves it open what was written.
      const isLost = isKubeError(error, "notFound", "conflict");
      if (isLost || (isKubeError(error) && !isKubeError(error, "transient", "aborted"))) this.#unsure.delete(uid);
      if (!isLost) throw error;
    }
  }
}

function isWaiting(run: StoredPipeline): boolean {
  const { cancel, stop, suspend } = run.spec;
  return !cancel && !stop && !suspend && !("problem" in planOf(run));
}
