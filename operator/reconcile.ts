import type { Pipeline } from "../crds/generated/types.ts";
import { PIPELINE } from "../crds/resources.ts";
import { type KubeObject, objectPath } from "../kube/resource.ts";
import { type Decision, decide, type View } from "./decide/decide.ts";
import { failureClass } from "./decide/failure-class.ts";
import { hasLingering } from "./decide/lingering.ts";
import { controlsOf } from "./decide/plan.ts";
import type { Plan } from "./decide/run.ts";
import type { StatusInput } from "./decide/status.ts";
import { LONGEST_SLEEP_MS, type Next, sooner } from "./next-look.ts";
import { observe } from "./observe.ts";
import type { ReconcilerOptions } from "./reconciler-options.ts";
import { RunActions, startsOf } from "./run-actions.ts";
import { RunMemory } from "./run-memory.ts";
import { RunPreparation } from "./run-preparation.ts";
import { RunRecorder } from "./run-recorder.ts";
import { placeOf } from "./run-turns.ts";
import { withTroubles } from "./troubles.ts";

/** Pause before a task's second attempt where the settings do not say. */
const RETRY_PAUSE_MS = 10_000;
/** A run whose pods outlive their tasks is looked at again this soon, once that is recorded. */
const LINGERING_LOOK_MS = 250;

/** Brings one run a step further: get, observe, decide, act, and one status write. */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #memory = new Map<string, RunMemory>();
  /** Those of the runs that have tasks which were refused for now. */
  readonly #holding = new Set<RunMemory>();
  readonly #recorder: RunRecorder;
  readonly #preparation: RunPreparation;
  readonly #actions: RunActions;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#recorder = new RunRecorder(options, {
      memoryOf: (uid) => this.#memory.get(uid),
      forget: (key, uid) => this.forget(key, uid),
    });
    this.#preparation = new RunPreparation(options, this.#recorder);
    this.#actions = new RunActions(options);
  }

  /**
   * One pass over the run at `namespace/name`, called for at monotonic time `calledMs`; throws what the queue should repeat with back-off.
   */
  async reconcile(key: string, calledMs = performance.now()): Promise<Next> {
    const { caches } = this.#options;
    const cached = caches.runs.get(key);
    if (cached?.active === undefined) {
      if (cached !== undefined) this.forget(key, cached.metadata.uid);
      return undefined;
    }
    const run = cached.active;
    const memory = this.#memoryOf(key, run);
    const pauseMs = memory.pace.passPauseMs(performance.now());
    if (pauseMs > 0) return { requeueAfterMs: Math.ceil(pauseMs) };
    memory.passes += 1;
    memory.calledMs = calledMs;
    const { failure } = memory;
    memory.failure = undefined;
    if (failure !== undefined) throw failure.error;
    // What is being created is to be stopped with the rest.
    if (memory.isTooLarge && memory.starts > 0) return undefined;
    if (memory.isTooLarge) return await this.#recorder.endTooLarge(key, run, memory);
    if (memory.plan === undefined) {
      const preparation = await this.#preparation.prepare(key, run);
      if (preparation.kind === "notYet") return preparation.next;
      memory.plan = preparation.plan;
    }
    return await this.#advance(key, run, memory, memory.plan);
  }

  /** Drops what is remembered of a run that has ended or is gone. */
  forget(key: string, uid: string): void {
    this.#memory.get(uid)?.end();
    this.#memory.delete(uid);
    this.#preparation.forget(key);
    this.#options.slots.leave(key);
    const { objectsByRun, warningsByObject } = this.#options.caches;
    for (const object of objectsByRun.forget({ namespace: key.split("/")[0], uid })) warningsByObject.forget(object);
    this.#options.plans.release(uid);
    this.#options.cache?.forget(uid);
  }

  /** Keys of the runs that wait for a Job: one of them may have come. */
  waitingForJob(): readonly string[] {
    return this.#preparation.waitingForJob();
  }

  /** Whether an object of that attempt is being created, and the answer will have the run looked at. */
  isStarting(runUid: string, task: string, attempt: number): boolean {
    return this.#memory.get(runUid)?.isStarting(task, attempt) ?? false;
  }

  /** Lets the held tasks of a namespace's runs try again; returns the keys of those runs. */
  wakeHeld(namespace: string | undefined): string[] {
    // Asked at the end of every pod: going through all runs would make a burst dearer the larger it is.
    if (this.#holding.size === 0) return [];
    const held = [...this.#holding].filter((memory) => memory.namespace === namespace);
    for (const memory of held) memory.wake();
    return held.map((memory) => memory.key);
  }

  #memoryOf(key: string, { metadata: { uid, namespace } }: Pipeline): RunMemory {
    let memory = this.#memory.get(uid);
    if (memory === undefined) {
      memory = new RunMemory(key, namespace, this.#holding);
      this.#memory.set(uid, memory);
    }
    return memory;
  }

  async #advance(key: string, run: Pipeline, memory: RunMemory, plan: Plan): Promise<Next> {
    const { client, caches, pods, cache, infrastructureRetries, nodeLostMs, slots } = this.#options;
    const { objects, warnings, againInMs } = await observe(client, caches, run, plan);
    const place = placeOf(run);
    const startedAt = performance.now();
    const now = client.clock.now();
    const view: View = {
      run,
      plan,
      controls: controlsOf(run),
      objects: withTroubles(objects, caches.nodes, memory.troubledSince, now),
      heldBack: memory.held(performance.now()),
      starting: memory.starting,
      readyTimes: memory.readyTimes,
      refused: memory.refused,
      paths: pods.paths,
      retryPauseMs: this.#options.retryPauseMs ?? RETRY_PAUSE_MS,
      ...(infrastructureRetries === undefined ? {} : { infrastructureRetries }),
      ...(cache === undefined ? {} : { cache: cache.answers(run.metadata.uid) }),
      ...(slots.limit === undefined ? {} : { room: { tasks: slots.available(place), message: slots.message(key) } }),
      ...(nodeLostMs === undefined ? {} : { nodeLostMs }),
      askedToGo: memory.askedToGo,
      now,
    };
    const decision = decide(view);
    const costMs = performance.now() - startedAt;
    memory.pace.passed(costMs, startedAt + costMs);
    slots.wait(place, decision.wants ?? 0);
    const loses = losesPod(run, decision);
    if (loses) {
      if (await this.#isOutdated(run)) return { requeueAfterMs: 0 };
      // Other runs may have taken the room meanwhile.
      if (slots.limit !== undefined && startsOf(decision, memory) > slots.available(place))
        return { requeueAfterMs: 0 };
    }
    const { tasks, more } = await this.#actions.act(view, decision, memory);
    memory.begunAt ??= view.now;
    const input: StatusInput = {
      run,
      begunAt: memory.begunAt,
      plan,
      controls: view.controls,
      tasks,
      warnings,
      now: view.now,
      ...(decision.ending === undefined ? {} : { ending: decision.ending }),
    };
    const written = await this.#recorder.record(key, memory, input, loses || skipsTask(run, decision));
    if (more) return { requeueAfterMs: 0 };
    const lingering = hasLingering(tasks) ? LINGERING_LOOK_MS : undefined;
    const due = sooner(sooner(written, memory.nextTryMs(performance.now())), lingering);
    return sooner(sooner(due, againInMs), wakeMs(decision, client.clock.nowMs()));
  }

  /**
   * Reads the run again where its pods were deleted: a cancellation comes on another watch than the deletion that follows it, and what was stopped
   * on purpose must not be told as lost. True if the cache had an older version, which is mended.
   */
  async #isOutdated(run: Pipeline): Promise<boolean> {
    const { client, caches } = this.#options;
    const fresh = await client.get<KubeObject>(objectPath(PIPELINE, run.metadata.namespace, run.metadata.name));
    if (fresh.metadata.resourceVersion === run.metadata.resourceVersion) return false;
    caches.runs.noteWritten(fresh);
    return true;
  }
}

/** Whether the decision calls an attempt lost because its object is gone or going, which may be our own doing. */
function losesPod(run: Pipeline, decision: Decision): boolean {
  return decision.tasks.some(({ task, record, object }) => {
    if (run.status?.tasks?.[task.name]?.state !== "executing") return false;
    if (object !== undefined && !object.gone && !object.deleting) return false;
    return (
      record.state === "waiting" ||
      record.reason === "ObjectDeleted" ||
      (record.state === "terminated" && failureClass(record.reason) === "infrastructure")
    );
  });
}

/** Whether a task was skipped just now: what waited for it may start at once. */
function skipsTask(run: Pipeline, decision: Decision): boolean {
  return decision.tasks.some(
    ({ task, record }) => record.reason === "Cached" && run.status?.tasks?.[task.name]?.state !== "executed",
  );
}

/** Milliseconds until the decision says to look again; bounded by what a timer takes. */
function wakeMs({ wakeAt }: Decision, nowMs: number): number | undefined {
  if (wakeAt === undefined) return undefined;
  return Math.min(Math.max(1, Date.parse(wakeAt) - nowMs), LONGEST_SLEEP_MS);
}
