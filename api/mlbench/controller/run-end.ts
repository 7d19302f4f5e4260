import { MLBENCH_MANAGER } from "../../../crds/names.ts";
import type { Requeue } from "../../../kube/queue.ts";
import type { CommandEnd, RunCommands } from "../runs/managed-run.ts";
import type { Register } from "../runs/register.ts";
import type { RunSettings } from "../runs/run-settings.ts";
import { planOf, runIdOf, type StoredPipeline } from "../runs/run-spec.ts";
import { workersName } from "../runs/workers.ts";
import { LOOK_AGAIN_MS } from "./look-again.ts";
import { failure, type RunLines, told } from "./run-lines.ts";
import type { RunMemories } from "./run-memories.ts";
import { endedStatus } from "./run-status.ts";
import type { RunWrites } from "./run-writes.ts";
import type { WorkerObjects } from "./worker-objects.ts";

interface RunEndParts {
  commands: RunCommands;
  objects: WorkerObjects;
  register: Pick<Register, "release">;
  settings: RunSettings;
  lines: RunLines;
  memories: RunMemories;
  writes: RunWrites;
  /** Removes from the store what belongs to a run that is being deleted; to be repeated where it rejects. */
  forget(run: StoredPipeline): Promise<void>;
  /** Workers have become free. */
  freed(): void;
}

/** For a command to end when its run is taken away. */
const STOP_MS = 2_000;

/** Ends runs and takes away what they had (M-52 to M-54, M-58). */
export class RunEnd {
  readonly #parts: RunEndParts;

  constructor(parts: RunEndParts) {
    this.#parts = parts;
  }

  /** Ends a run: `finished` without a reason, else `failed`. Its lines are stored before its state is written. */
  async endAs(
    run: StoredPipeline,
    id: number,
    reason: string | undefined,
    end?: CommandEnd,
  ): Promise<Requeue | undefined> {
    const { commands, lines, writes, freed } = this.#parts;
    if (end === undefined) await commands.stop(run.metadata.uid, STOP_MS);
    if (reason !== undefined) {
      await lines.step(id, "initialized", told("Initializing run"));
      await lines.step(id, "ended", failure(reason));
    }
    const ended = await writes.status(run, endedStatus(run, reason, end, writes.now()));
    freed();
    return ended === undefined ? undefined : await this.cleanUp(ended);
  }

  /** Nothing of a run that has ended stays in the cluster but its Pipeline (M-54). */
  async cleanUp(run: StoredPipeline): Promise<Requeue | undefined> {
    await this.#parts.commands.stop(run.metadata.uid, 0);
    const isGone = await this.#removeWorkers(run);
    if (isGone) this.#parts.memories.forget(run);
    return isGone ? undefined : { requeueAfterMs: LOOK_AGAIN_MS };
  }

  /** A run that is being deleted: each step may be repeated, and the object goes last (M-58). */
  async takeAway(run: StoredPipeline): Promise<Requeue | undefined> {
    const { commands, register, lines, memories, writes, forget, freed } = this.#parts;
    freed();
    const { uid, resourceVersion, finalizers = [] } = run.metadata;
    if (!finalizers.includes(MLBENCH_MANAGER)) return undefined;
    await commands.stop(uid, STOP_MS);
    if (!(await this.#removeWorkers(run))) return { requeueAfterMs: LOOK_AGAIN_MS };
    await forget(run);
    const id = runIdOf(run.metadata);
    if (id !== undefined) await register.release({ id, object: run.metadata.name });
    const left = finalizers.filter((finalizer) => finalizer !== MLBENCH_MANAGER);
    await writes.patch(run, undefined, { metadata: { uid, resourceVersion, finalizers: left } });
    memories.forget(run);
    if (id !== undefined) lines.forget(id);
    return undefined;
  }

  async #removeWorkers(run: StoredPipeline): Promise<boolean> {
    const { objects, settings } = this.#parts;
    const id = runIdOf(run.metadata);
    const plan = planOf(run);
    const own = id === undefined || "problem" in plan ? undefined : workersName(plan.name, id, settings.release);
    const name = run.status?.workers?.name ?? own;
    return name === undefined || (await objects.remove(run.metadata.uid, name));
  }
}
