import type { Pipeline, PipelineStatus, TaskStatus } from "../crds/generated/types.ts";
import { PIPELINE } from "../crds/resources.ts";
import type { KubeClient } from "../kube/client.ts";
import { POD } from "../kube/core-resources.ts";
import type { Logger } from "../kube/logger.ts";
import { type KubeObject, objectPath } from "../kube/resource.ts";
import type { LogKeeper } from "./act/archive.ts";
import type { CoreEvents } from "./act/core-events.ts";
import { createObject, deleteObject, notCreatable } from "./act/objects.ts";
import { tellNews } from "./act/run-news.ts";
import { writeStatus } from "./act/status.ts";
import type { TaskCache } from "./cache/task-cache.ts";
import type { Caches } from "./caches.ts";
import { type Action, concludedTasks, type Decision, decide, type View } from "./decide/decide.ts";
import { failureClass } from "./decide/failure-class.ts";
import { endingOf } from "./decide/finish.ts";
import { hasLingering } from "./decide/lingering.ts";
import { controlsOf } from "./decide/plan.ts";
import type { Plan, TaskView } from "./decide/run.ts";
import { buildingStatus, phaseOf, refusedStatus, type StatusInput, statusOf, waitingStatus } from "./decide/status.ts";
import { kindWord, recordOfObject } from "./decide/task-state.ts";
import type { PodSettings } from "./kinds/pod-template.ts";
import type { Metrics } from "./metrics.ts";
import { noteOwnObject, observe } from "./observe.ts";
import type { PlanSource } from "./plan-source.ts";
import { RunMemory } from "./run-memory.ts";
import { placeOf, type RunTurns } from "./run-turns.ts";
import { makeTaskDirectories, VolumeUnavailable } from "./task-directories.ts";
import type { TaskSlots } from "./task-slots.ts";
import { withTroubles } from "./troubles.ts";

/** Pods created in one pass; what is observed meanwhile is looked at in the next. */
const CREATE_BATCH = 50;

/** Pause before a task's second attempt where the settings do not say. */
const RETRY_PAUSE_MS = 10_000;
/** A run whose pods outlive their tasks is looked at again this soon, once that is recorded. */
const LINGERING_LOOK_MS = 250;
const LONGEST_SLEEP_MS = 3_600_000;
const VOLUME_RETRY_MS = 5_000;
const SUSPENDED_BEFORE =
  "the run is suspended and waits for no turn among those of its job until spec.suspend is false";

export interface ReconcilerOptions {
  client: KubeClient;
  caches: Caches;
  plans: PlanSource;
  events: CoreEvents;
  pods: PodSettings;
  /** Pause before a task's second attempt; 10 s if left out. */
  retryPauseMs?: number;
  /** Attempts of a task that may be lost to the infrastructure where the task does not say. */
  infrastructureRetries?: number;
  /** How long a node may be lost before its tasks are tried again; 0: for ever. */
  nodeLostMs?: number;
  /** What tasks left on the shared volume; absent where there is none (O-202). */
  cache?: TaskCache;
  logger: Logger;
  metrics: Metrics;
  /** How many tasks the runs of a namespace may start. */
  slots: TaskSlots;
  /** Whose turn it is among the runs of a job. */
  turns: RunTurns;
  /** Keeps the logs of what is stopped. */
  logs?: LogKeeper;
  /** Does something for a run beside its passes; the run stays in this process's hands until that is done. `action` never rejects. */
  beside: (key: string, action: () => Promise<void>) => Promise<void>;
  /** Has a run looked at again. */
  again: (key: string) => void;
}

/** When the queue is to look at the run again, if before the next change. */
export type Next = { requeueAfterMs: number } | undefined;

/** Brings one run a step further: get, observe, decide, act, and one status write. */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #memory = new Map<string, RunMemory>();
  /** Runs that wait for a Job, by key. */
  readonly #waitingForJob = new Set<string>();

  constructor(options: ReconcilerOptions) {
    this.#options = options;
  }

  /**
   * One pass over the run at `namespace/name`, called for at monotonic time `calledMs`; throws what the queue should repeat with back-off.
   */
  async reconcile(key: string, calledMs = performance.now()): Promise<Next> {
    const { client, caches, plans } = this.#options;
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
    if (memory.plan === undefined) {
      const result = await plans.planFor(run, client.clock.nowMs());
      if (result.kind === "refused")
        return await this.#write(key, run, refusedStatus(run, result.reason, result.message, client.clock.now()));
      if (result.kind === "wait") return await this.#waitForJob(key, run, result.message, result.untilMs);
      const unserved = run.status?.tasks === undefined ? await this.#unservedKind(result.plan) : undefined;
      if (unserved !== undefined)
        return await this.#write(key, run, refusedStatus(run, "KindNotServed", unserved, client.clock.now()));
      const turn = await this.#waitForTurn(key, run, result.plan);
      if (turn !== undefined) return turn;
      const later = await this.#prepare(key, run, result.plan);
      if (later !== undefined) return later;
      memory.plan = result.plan;
      this.#waitingForJob.delete(key);
    }
    return await this.#advance(key, run, memory, memory.plan);
  }

  /** Drops what is remembered of a run that has ended or is gone. */
  forget(key: string, uid: string): void {
    this.#memory.delete(uid);
    this.#waitingForJob.delete(key);
    this.#options.slots.leave(key);
    const { objectsByRun, warningsByObject } = this.#options.caches;
    for (const object of objectsByRun.forget({ namespace: key.split("/")[0], uid })) warningsByObject.forget(object);
    this.#options.plans.release(uid);
    this.#options.cache?.forget(uid);
  }

  /** Keys of the runs that wait for a Job: one of them may have come. */
  waitingForJob(): readonly string[] {
    return [...this.#waitingForJob];
  }

  /** Lets the held tasks of a namespace's runs try again; returns the keys of those runs. */
  wakeHeld(namespace: string | undefined): string[] {
    return [...this.#memory.values()]
      .filter((memory) => memory.namespace === namespace && memory.wake())
      .map((memory) => memory.key);
  }

  #memoryOf(key: string, { metadata: { uid, namespace } }: Pipeline): RunMemory {
    let memory = this.#memory.get(uid);
    if (memory === undefined) {
      memory = new RunMemory(key, namespace);
      this.#memory.set(uid, memory);
    }
    return memory;
  }

  async #waitForJob(key: string, run: Pipeline, message: string, untilMs: number): Promise<Next> {
    this.#waitingForJob.add(key);
    await this.#write(key, run, buildingStatus(run, "JobNotFound", message));
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
      await this.#write(key, run, waitingStatus(run, plan, controlsOf(run), cause, client.clock.now()));
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
  async #prepare(key: string, run: Pipeline, plan: Plan): Promise<Next> {
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
      await this.#write(key, run, buildingStatus(run, "VolumeUnavailable", error.message));
      return { requeueAfterMs: VOLUME_RETRY_MS };
    }
  }

  /** Why a run cannot be run here at all: it is refused before its first task, not at the task that the cluster cannot run (O-173, O-174). */
  async #unservedKind(plan: Plan): Promise<string | undefined> {
    for (const kind of new Set(plan.tasks.map((task) => task.resourceType ?? "Pod"))) {
      const choice = await this.#options.caches.kinds.chooseNow(kind);
      if (choice.kind !== "unserved") continue;
      const task = plan.tasks.find(({ resourceType }) => resourceType === kind);
      return `task ${task?.name}: ${choice.message}`;
    }
    return undefined;
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
      if (slots.limit !== undefined && startsOf(decision) > slots.available(place)) return { requeueAfterMs: 0 };
    }
    this.#noteVanished(run, decision);
    this.#remember(view, decision);
    const { tasks: acted, more, refusal } = await this.#act(view, decision, memory);
    // A refusal for good ends the run, and changes what the other tasks are told.
    const refused = decision.ending === undefined ? endingOf(view, acted) : undefined;
    const ending = decision.ending ?? refused;
    const tasks = refused === undefined ? acted : concludedTasks(plan, acted, refused, view.now);
    const input: StatusInput = {
      run,
      plan,
      controls: view.controls,
      tasks,
      warnings,
      now: view.now,
      ...(ending === undefined ? {} : { ending }),
    };
    const written = await this.#record(key, memory, input, refusal || loses || skipsTask(run, decision));
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

  /** Asks the cache about tasks that are about to start, and tells it of those that have succeeded (O-200). */
  #remember({ run, plan }: View, decision: Decision): void {
    const { cache } = this.#options;
    if (cache === undefined) return;
    const { uid, name, namespace } = run.metadata;
    const common = { key: `${namespace}/${name}`, uid, run: name, plan };
    for (const action of decision.actions) if (action.kind === "lookUp") cache.ask({ ...common, ...action });
    for (const { task, record, object } of decision.tasks) {
      const isNews = record.state === "executed" && run.status?.tasks?.[task.name]?.state !== "executed";
      if (isNews && object?.cacheKey !== undefined)
        cache.store({ uid, run: name, task }, object.cacheKey, record.result);
    }
  }

  /** A pod that went while nobody watched took its log along; that is told where the log would be (O-225). */
  #noteVanished(run: Pipeline, decision: Decision): void {
    const { name, namespace = "", uid } = run.metadata;
    for (const { task, object } of decision.tasks) {
      const { state, pod, attempt = 1 } = run.status?.tasks?.[task.name] ?? {};
      // What pods an object of another kind had is not known; those that were seen are told of by themselves.
      const isPod = (task.resourceType ?? "Pod") === "Pod";
      if (state !== "executing" || pod === undefined || object !== undefined || !isPod) continue;
      this.#options.metrics.podsMissing.inc();
      this.#options.logs?.vanished({ namespace, run: name, runUid: uid, task: task.name, pod, attempt });
    }
  }

  /**
   * Carries the decision out and returns the records as they are then. `more`: not everything fitted into this pass; `refusal`: something will never be
   * created.
   */
  async #act(
    view: View,
    decision: Decision,
    memory: RunMemory,
  ): Promise<{ tasks: TaskView[]; more: boolean; refusal: boolean }> {
    const { client, caches, slots } = this.#options;
    const creates = decision.actions.filter((action) => action.kind === "create");
    const starting = creates.slice(0, CREATE_BATCH);
    slots.reserve(memory.key, starting.length);
    const results = new Map<string, TaskView>();
    const current = new Map(starting.length > 0 ? decision.tasks.map((view) => [view.task, view]) : []);
    let more = creates.length > CREATE_BATCH;
    await Promise.all([
      ...starting.map(async (action) => {
        try {
          results.set(
            action.task.name,
            await this.#create(view, action, memory, current.get(action.task)?.record ?? { state: "waiting" }),
          );
        } finally {
          slots.settle(memory.key);
        }
      }),
      ...decision.actions.map(async (action) => {
        if (action.kind !== "delete") return;
        const { namespace } = view.run.metadata;
        const members = caches.objectsByRun.membersOf(view.run.metadata, action.object.name);
        await Promise.all([action.object, ...members].map((pod) => this.#options.logs?.beforeStop(namespace, pod)));
        memory.askedToGo.add(action.object.uid);
        if (await deleteObject(client, namespace, action.object)) return;
        // The watch on pods is there before us and tells how they ended; one on another kind may have begun after the object went.
        if (action.object.resource === POD) return;
        caches.objectsByRun.markGone(view.run.metadata, action.object);
        more = true;
      }),
    ]);
    // Not in this pass; yet whoever looks in between is told why they wait (I-4).
    for (const { task } of creates.slice(CREATE_BATCH)) {
      const waits = current.get(task);
      if (waits !== undefined) results.set(task.name, { ...waits, record: { ...waits.record, reason: "Starting" } });
    }
    const tasks =
      results.size === 0 ? decision.tasks : decision.tasks.map((task) => results.get(task.task.name) ?? task);
    const refusal = [...results.values()].some(({ record }) => record.state === "terminated");
    return { tasks, more, refusal };
  }

  async #create(
    view: View,
    action: Extract<Action, { kind: "create" }>,
    memory: RunMemory,
    record: TaskStatus,
  ): Promise<TaskView> {
    const { client, caches, pods, logger, metrics } = this.#options;
    const { run, plan } = view;
    const { task, attempt: number, args, env, cacheKey } = action;
    const attempt = { run, plan, task, number, args, env, ...(cacheKey === undefined ? {} : { cacheKey }) };
    const choice = await caches.kinds.chooseNow(task.resourceType ?? "Pod");
    const result =
      choice.kind === "form"
        ? await createObject(client, choice.form, attempt, pods, view.now)
        : notCreatable(choice, view.now);
    const context = { namespace: run.metadata.namespace, run: run.metadata.name, task: task.name, attempt: number };
    if (result.kind === "created") {
      const sinceMs = memory.unhold(task.name);
      const object = noteOwnObject(caches, result.form, result.object);
      if (result.adopted) metrics.adoptions.inc();
      else metrics.starts.created(object.uid, sinceMs, performance.now());
      const word = kindWord(object.resource.kind);
      logger.info(context, `${result.adopted ? "adopted" : "created"} ${word}`);
      return { task, object, record: recordOfObject(record, object, view.now, undefined) };
    }
    logger.warn({ ...context, reason: result.record.reason, cause: result.record.message }, "object not created");
    if (result.kind === "later") memory.hold(task.name, result.record, performance.now(), result.retryAfterMs);
    return { task, record: { ...record, ...result.record } };
  }

  /**
   * Writes at once what matters at once, and the rest together with what comes meanwhile. A pass does not wait for the write: what ends while it is
   * under way has its followers started, which need no record of ours (I-2). Where the next pass would do the same again without the record
   * (`awaited`), it is waited for.
   */
  async #record(key: string, memory: RunMemory, input: StatusInput, awaited: boolean): Promise<Next> {
    const { run } = input;
    if (memory.writing !== undefined) {
      memory.hasMoreToWrite = true;
      if (awaited) await memory.writing;
      return undefined;
    }
    const pauseMs = memory.pace.writePauseMs(input.tasks.length, performance.now());
    if (pauseMs > 0 && !awaited && phaseOf(input) === run.status?.phase) return { requeueAfterMs: Math.ceil(pauseMs) };
    // Another process wrote, or a write of ours ended while this pass was acting: that is to be decided on.
    const current = this.#options.caches.runs.get(key)?.metadata.resourceVersion;
    if (current !== run.metadata.resourceVersion) return { requeueAfterMs: 0 };
    const status = statusOf(input);
    if (awaited || memory.writeFailed) {
      const next = await this.#write(key, run, status);
      memory.writeFailed = false;
      return awaited ? { requeueAfterMs: 0 } : next;
    }
    memory.writing = this.#options.beside(key, () => this.#writeBeside(key, run, status, memory));
    return undefined;
  }

  async #writeBeside(key: string, run: Pipeline, status: PipelineStatus, memory: RunMemory): Promise<void> {
    try {
      const next = await this.#write(key, run, status);
      memory.hasMoreToWrite ||= next !== undefined;
    } catch {
      // The next pass repeats it, and tells the queue what comes of that.
      memory.writeFailed = true;
      memory.hasMoreToWrite = true;
    }
    delete memory.writing;
    if (!memory.hasMoreToWrite) return;
    memory.hasMoreToWrite = false;
    this.#options.again(key);
  }

  async #write(key: string, run: Pipeline, status: PipelineStatus): Promise<Next> {
    const { client, caches, events, metrics, plans, logger } = this.#options;
    const startedAt = performance.now();
    const result = await writeStatus(client, run, status);
    if (result.kind === "written") this.#memory.get(run.metadata.uid)?.pace.wrote(startedAt, performance.now());
    switch (result.kind) {
      case "unchanged":
        return undefined;
      case "gone":
        this.forget(key, run.metadata.uid);
        return undefined;
      case "stale": {
        const fresh = await client.get<KubeObject>(objectPath(PIPELINE, run.metadata.namespace, run.metadata.name));
        caches.runs.noteWritten(fresh);
        return { requeueAfterMs: 0 };
      }
      case "written": {
        metrics.statusBytes.observe(result.bytes);
        const told = run.status?.eventCount ?? 0;
        const fresh = (status.events ?? []).filter(
          (event) => event.source === "odin" && Number(event.id.slice("odin-".length)) >= told,
        );
        events.tell(run, fresh);
        caches.runs.noteWritten(result.object as unknown as KubeObject);
        if (result.object.status?.snapshot !== undefined) plans.release(run.metadata.uid);
        tellNews(run, status, fresh, this.#memory.get(run.metadata.uid)?.passes ?? 0, { metrics, logger });
        if (status.completionTime !== undefined) this.forget(key, run.metadata.uid);
        return undefined;
      }
    }
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

/** How many tasks the decision starts in this pass. */
function startsOf({ actions }: Decision): number {
  return Math.min(CREATE_BATCH, actions.filter(({ kind }) => kind === "create").length);
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

function sooner(next: Next, ms: number | undefined): Next {
  if (ms === undefined) return next;
  return { requeueAfterMs: Math.min(ms, next?.requeueAfterMs ?? Number.POSITIVE_INFINITY) };
}
