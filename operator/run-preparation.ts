import type { Pipeline } from "../crds/generated/types.ts";
import { engineKindOf } from "../crds/task-kinds.ts";
import { controlsOf } from "./decide/plan.ts";
import type { Plan } from "./decide/run.ts";
import { buildingStatus, refusedStatus, waitingStatus } from "./decide/status.ts";
import { LONGEST_SLEEP_MS, type Next, sooner } from "./next-look.ts";
import type { ReconcilerOptions } from "./reconciler-options.ts";
import type { RunRecorder } from "./run-recorder.ts";
import { makeTaskDirectories, VolumeUnavailable } from "./task-directories.ts";

const VOLUME_RETRY_MS = 5_000;
const SUSPENDED_BEFORE =
  "the run is suspended and waits for no turn among those of its job until spec.suspend is false";

/** What a run is to do once it may begin, or when to ask again. */
export type Preparation = { kind: "ready"; plan: Plan } | { kind: "notYet"; next: Next };

/** Brings a run to where its first task may start: what it runs is known and frozen, the cluster can run it, it is its turn, and its directories are there. */
export class RunPreparation {
  readonly #options: ReconcilerOptions;
  readonly #recorder: RunRecorder;
  /** Runs that wait for a Job, by key. */
  readonly #waitingForJob = new Set<string>();

  constructor(options: ReconcilerOptions, recorder: RunRecorder) {
    this.#options = options;
    this.#recorder = recorder;
  }

  /** Does what is missing; what is in the way is written to the run's status. Called until it is ready, and once after a restart. */
  async prepare(key: string, run: Pipeline): Promise<Preparation> {
    const { client, plans } = this.#options;
    const result = await plans.planFor(run, client.clock.nowMs());
    if (result.kind === "refused") return await this.#refuse(key, run, result.reason, result.message);
    if (result.kind === "wait")
      return { kind: "notYet", next: await this.#waitForJob(key, run, result.message, result.untilMs) };
    const { plan } = result;
    const unserved = run.status?.tasks === undefined ? await this.#unservedKind(plan) : undefined;
    if (unserved !== undefined) return await this.#refuse(key, run, "KindNotServed", unserved);
    const later = (await this.#waitForTurn(key, run, plan)) ?? (await this.#makeDirectories(key, run, plan));
    if (later !== undefined) return { kind: "notYet", next: later };
    this.#waitingForJob.delete(key);
    return { kind: "ready", plan };
  }

  /** Keys of the runs that wait for a Job: one of them may have come. */
  waitingForJob(): readonly string[] {
    return [...this.#waitingForJob];
  }

  /** The run has ended or is gone. */
  forget(key: string): void {
    this.#waitingForJob.delete(key);
  }

  async #refuse(
    key: string,
    run: Pipeline,
    reason: Parameters<typeof refusedStatus>[1],
    message: string,
  ): Promise<Preparation> {
    const status = refusedStatus(run, reason, message, this.#options.client.clock.now());
    return { kind: "notYet", next: await this.#recorder.write(key, run, status) };
  }

  async #waitForJob(key: string, run: Pipeline, message: string, untilMs: number): Promise<Next> {
    this.#waitingForJob.add(key);
    await this.#recorder.write(key, run, buildingStatus(run, "JobNotFound", message));
    return { requeueAfterMs: Math.max(50, untilMs - this.#options.client.clock.nowMs()) };
  }

  /** Keeps a run that has not begun until its job lets it go, or, where the job bounds its runs, until it is no longer suspended. */
  async #waitForTurn(key: string, run: Pipeline, plan: Plan): Promise<Next> {
    const { client, turns, caches } = this.#options;
    const { cancel, stop, suspend } = run.spec;
    // One that has an object already began before a crash kept that from being written down.
    const hasBegun =
      (run.status?.phase !== undefined && run.status.phase !== "BUILDING") ||
      caches.objectsByRun.of(run.metadata).length > 0;
    if (hasBegun || cancel || stop) return undefined;
    const wait = async (cause: Parameters<typeof waitingStatus>[3]): Promise<Next> =>
      await this.#recorder.write(key, run, waitingStatus(run, plan, controlsOf(run), cause, client.clock.now()));
    if (suspend) {
      // It must not take the turn of one that can go on.
      if (!turns.isLimited(run, plan)) return undefined;
      return (await wait({ reason: "Suspended", message: SUSPENDED_BEFORE })) ?? { requeueAfterMs: LONGEST_SLEEP_MS };
    }
    const turn = turns.turnOf(run, plan);
    if (turn === undefined) return undefined;
    const written = await wait({ reason: "JobParallelism", message: turn.message });
    return sooner(written, turn.againInMs);
  }

  /** Makes the directories of a run on the shared volume before its first task; undefined once they are there. */
  async #makeDirectories(key: string, run: Pipeline, plan: Plan): Promise<Next> {
    const { paths, sharedVolume } = this.#options.pods;
    const hasBegun = run.status?.phase !== undefined && run.status.phase !== "BUILDING";
    // A run that is cancelled or told to stop starts nothing, so it needs none.
    if (sharedVolume === undefined || hasBegun || run.spec.cancel || run.spec.stop) return undefined;
    const names = plan.tasks.map(({ name }) => name);
    try {
      await makeTaskDirectories({ volume: sharedVolume.path, data: paths.data }, run.metadata.name, names);
      return undefined;
    } catch (error) {
      if (!(error instanceof VolumeUnavailable)) throw error;
      await this.#recorder.write(key, run, buildingStatus(run, "VolumeUnavailable", error.message));
      return { requeueAfterMs: VOLUME_RETRY_MS };
    }
  }

  /** Why a run cannot be run here at all: it is refused before its first task, not at the task that the cluster cannot run (O-173, O-174). */
  async #unservedKind(plan: Plan): Promise<string | undefined> {
    for (const kind of new Set(plan.tasks.map(engineKindOf))) {
      const choice = await this.#options.caches.kinds.chooseNow(kind);
      if (choice.kind !== "unserved") continue;
      const task = plan.tasks.find(({ resourceType }) => resourceType === kind);
      return `task ${task?.name}: ${choice.message}`;
    }
    return undefined;
  }
}
