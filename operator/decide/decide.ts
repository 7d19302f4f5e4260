import type { Pipeline, Task, TaskStatus } from "../../crds/generated/types.ts";
import { TextProblem } from "../../crds/problem.ts";
import type { Paths } from "../../crds/run-paths.ts";
import { type CacheAnswer, isCacheable } from "./caching.ts";
import { blockedMessage, blockedTasks } from "./failure-policy.ts";
import { type Ending, endingOf } from "./finish.ts";
import { judged, lossOf } from "./given-up.ts";
import { lingeringObjects } from "./lingering.ts";
import { NODE_LOST_MS } from "./loss.ts";
import { bounded } from "./message.ts";
import { ownFailures } from "./own-failures.ts";
import { Places, type Room } from "./parallelism.ts";
import { pendingDeadlineOf, pendingTooLong } from "./pending-timeout.ts";
import { unrecordedEnds, waitingForDependencies } from "./ready.ts";
import { afterFailure, carried, givenUp, isBetweenAttempts } from "./retry.ts";
import type { Controls, ObservedObject, Plan, Stop, TaskView } from "./run.ts";
import { runDeadlineOf } from "./run-timeout.ts";
import { resumedRecord, suspendedRecord } from "./suspension.ts";
import { deletedReason, isTerminal, kindWord, recordOfObject, STARTING } from "./task-state.ts";
import { textFiller } from "./texts.ts";
import { deadlineOf } from "./timeout.ts";

/** What a skipped task has in place of an object's name (O-200). */
const CACHED = "Cached";

/** Something to do in the cluster; carried out by `act/`, told apart by `kind`. */
export type Action =
  | { kind: "create"; task: Task; attempt: number; args: string[]; env: Record<string, string>; cacheKey?: string }
  | { kind: "lookUp"; task: Task; args: string[]; env: Record<string, string>; inputs: string[] }
  | { kind: "delete"; object: ObservedObject };

/** Everything a decision rests on. */
export interface View {
  /** The run as last persisted. */
  run: Pipeline;
  plan: Plan;
  controls: Controls;
  /** Objects of the run's tasks, any order, any attempt. */
  objects: readonly ObservedObject[];
  /** Tasks whose creation is put off after a refusal: what their record says meanwhile. */
  heldBack: ReadonlyMap<string, TaskStatus>;
  /** Tasks whose next object is being created, with the attempt that it is for: what becomes of that is not known yet. */
  starting?: ReadonlyMap<string, number>;
  /** Since when tasks with a timeout could start whose record may not say so yet; absent: what their objects say has to do. */
  readyTimes?: ReadonlyMap<string, string>;
  /** Tasks whose object will never be created: the record that says why, which may not be written yet. */
  refused?: ReadonlyMap<string, TaskStatus>;
  paths: Paths;
  /** What the cache knows about tasks that are about to start; absent where there is no cache (O-202). */
  cache?: ReadonlyMap<string, CacheAnswer>;
  /** How many tasks may start as far as the rest of the namespace is concerned; absent: as many as there are. */
  room?: Room;
  /** Pause before a task's second attempt; it doubles from then on (O-144). */
  retryPauseMs: number;
  /** Attempts of a task that may be lost to the infrastructure where the task does not say (F-18, F-19). */
  infrastructureRetries?: number;
  /** How long a node may be lost before its tasks are tried again, in milliseconds; 0: for ever (F-20). */
  nodeLostMs?: number;
  /** UIDs of the objects that this process has asked to go. */
  askedToGo?: ReadonlySet<string>;
  /** ISO time of the decision. */
  now: string;
}

/** What to do, what the records are, and whether and how the run is ending. */
export interface Decision {
  actions: Action[];
  /** Records by task, in the order of the definition; those of tasks to be created are still `waiting`. */
  tasks: TaskView[];
  ending?: Ending;
  /** Tasks that only the room in the namespace keeps from starting; absent: none. */
  wants?: number;
  /** ISO time at which to decide again even if nothing changes: a pause or a timeout ends. */
  wakeAt?: string;
}

/**
 * Decides what a run needs next: a pure function of what is persisted and what is observed (O-180 – O-188). A task starts as soon as its own
 * dependencies are executed. Deciding twice on the same view gives the same answer, so a crash between acting and recording loses nothing.
 */
export function decide(view: View): Decision {
  const { plan, controls } = view;
  const latest = latestObjects(view.objects);
  let failed: ReadonlySet<string> = new Set();
  const observe = (stop: Stop | undefined, mayRetry: boolean): TaskView[] =>
    plan.tasks.map((task) =>
      observed(view, task, latest.get(task.name), failed.has(task.name) ? undefined : stop, mayRetry),
    );
  let tasks = observe(controls.cancel ? STOPS.Cancelled : undefined, true);
  let ending = endingOf(view, tasks);
  if (ending === undefined) return start(view, tasks);
  if (ending.stop === "FailFast") failed = ownFailures(view.run, tasks, view.askedToGo ?? new Set());
  // An ending run tries nothing again; that may make a failure of what was to be tried again, and the run end differently.
  for (let round = 0, stop: Ending["stop"] | null = null; round < 3 && ending.stop !== stop; round++) {
    stop = ending.stop;
    tasks = observe(stop && STOPS[stop], false);
    ending = endingOf(view, tasks) ?? ending;
  }
  return concluded(view, tasks, ending);
}

const STOPS = {
  Cancelled: { reason: "Cancelled", message: "stopped because the run was cancelled" },
  FailFast: { reason: "FailFast", message: "stopped because another task failed" },
  RunTimeout: { reason: "RunTimeout", message: "stopped because the run's time was over (spec.timeout)" },
} as const satisfies Record<string, Stop>;

/** A task as it stands, from its last record and what is seen of its latest attempt. */
function observed(
  view: View,
  task: Task,
  latest: ObservedObject | undefined,
  stopRun: Stop | undefined,
  mayRetry: boolean,
): TaskView {
  const last = lastRecord(view, task, latest);
  // What an earlier attempt left says nothing of the one that is recorded, which has gone while nobody watched (I-3).
  const isEarlier = last.state === "executing" && (latest?.attempt ?? 0) < (last.attempt ?? 0);
  const object = isEarlier ? undefined : latest;
  const starting = view.starting?.get(task.name);
  if (starting !== undefined && !isTerminal(last) && (object === undefined || object.attempt < starting)) {
    // In a moment there may be an object that has to be stopped, so until then the task is taken for one that is neither stopped nor late.
    const before = judgedTask(view, task, last, object, { mayRetry: true });
    const { record } = before;
    return {
      ...before,
      record: { ...carried(record), ...readySince(view, task, record), state: "waiting", reason: STARTING },
    };
  }
  const refusal = view.refused?.get(task.name);
  if (refusal !== undefined && last.state === "waiting") return { task, record: { ...carried(last), ...refusal } };
  const overdue = overdueStop(task, last, object, view.now);
  const stop = stopRun ?? overdue;
  return judgedTask(view, task, last, object, { stop, isOverdue: overdue !== undefined, mayRetry });
}

/** What becomes of a task of which nothing is under way: `stop`, and whether that is for its own time. */
function judgedTask(
  view: View,
  task: Task,
  last: TaskStatus,
  object: ObservedObject | undefined,
  { stop, isOverdue = false, mayRetry }: { stop?: Stop | undefined; isOverdue?: boolean; mayRetry: boolean },
): TaskView {
  const { now } = view;
  if (isBetweenAttempts(last) && (object === undefined || object.attempt <= last.attempt)) {
    if (stop !== undefined) return { task, record: stopped(last, stop, now) };
    return { task, record: mayRetry ? last : givenUp(last, now) };
  }
  if (object === undefined) {
    if (last.state === "waiting") return { task, record: isOverdue && stop ? stopped(last, stop, now) : last };
    const record = vanished(task, last, now, stop);
    return { task, record: retried(view, task, last, record, mayRetry && stop === undefined) };
  }
  // What is stopped anyhow is not waited for: that it was asked to go is enough.
  const judgement = stop === undefined ? judged(object, view.nodeLostMs ?? NODE_LOST_MS, Date.parse(now)) : object;
  const record = recordOfObject(last, judgement, now, stop);
  return { task, object: judgement, record: retried(view, task, last, record, mayRetry && stop === undefined) };
}

/** The last persisted record of a task, in the time that goes on again where its run does. */
function lastRecord(view: View, task: Task, object: ObservedObject | undefined): TaskStatus {
  const { run, controls, now } = view;
  const last: TaskStatus = run.status?.tasks?.[task.name] ?? { state: "waiting" };
  // It was started before its turn, a crash, or another suspension let that be written down.
  if (object !== undefined && object.attempt > (last.attempt ?? 0)) {
    const record = resumedRecord(last, run.status, object.createdAt);
    return { ...record, ...readySince(view, task, record, object.createdAt) };
  }
  return controls.suspend ? last : resumedRecord(last, run.status, now);
}

/** Since when a task with a timeout can start; `otherwise` where nothing is known of that. */
function readySince(view: View, task: Task, { readyTime }: TaskStatus, otherwise = view.now): Partial<TaskStatus> {
  if (task.timeout === undefined) return {};
  return { readyTime: readyTime ?? view.readyTimes?.get(task.name) ?? otherwise };
}

/** The record with what a failure leads to: another attempt where the task has one (O-144, F-18). */
function retried(view: View, task: Task, last: TaskStatus, record: TaskStatus, mayRetry: boolean): TaskStatus {
  if (record.state !== "terminated" || isTerminal(last)) return record;
  const { run, plan, now, retryPauseMs, infrastructureRetries } = view;
  const hasTask = (name: string): boolean => plan.dependencies.has(name);
  const around = { runUid: run.metadata.uid, now, retryPauseMs, infrastructureRetries, hasTask };
  const after = afterFailure(task, record, around);
  return after.state === "waiting" && !mayRetry ? record : after;
}

/** Why a task is stopped for itself, if one of its times is over. */
function overdueStop(task: Task, last: TaskStatus, object: ObservedObject | undefined, now: string): Stop | undefined {
  if (task.timeout === undefined && task.pendingTimeout === undefined) return undefined;
  const nowMs = Date.parse(now);
  if ((deadlineOf(task, last, object?.createdAt) ?? Number.POSITIVE_INFINITY) <= nowMs) return timedOut(task, last);
  // What is seen of an attempt that has ended already says nothing about the next one.
  const current = last.attempt === undefined || last.state === "executing" || (object?.attempt ?? 0) > last.attempt;
  if (object === undefined || !current) return undefined;
  return (pendingDeadlineOf(task, last, object) ?? Number.POSITIVE_INFINITY) <= nowMs
    ? pendingTooLong(task, last, object)
    : undefined;
}

function timedOut(task: Task, last: TaskStatus): Stop {
  const doing = last.message === undefined ? "" : `; last seen: ${last.message}`;
  return { reason: "Timeout", message: bounded(`timed out after ${task.timeout}s${doing}`) };
}

function stopped(last: TaskStatus, stop: Stop, now: string): TaskStatus {
  return { ...carried(last), state: "terminated", ...stop, completionTime: now };
}

/** The decision for a run in which nothing starts any more. */
function concluded(view: View, tasks: readonly TaskView[], ending: Ending): Decision {
  return withWakeUp(view, {
    actions: stopActions(view, tasks, ending),
    tasks: tasks.map(notStarted(view, tasks, ending)),
    ending,
  });
}

/** The tasks of a run that ends because of one that could not begin. */
function withoutRetries(view: View, tasks: readonly TaskView[]): TaskView[] {
  return tasks.map((current) => {
    const { task, record } = current;
    return isBetweenAttempts(record) && !view.starting?.has(task.name)
      ? { ...current, record: givenUp(record, view.now) }
      : current;
  });
}

/** Adds when the next pause or timeout ends; nothing else would call for another look then. */
function withWakeUp(view: View, decision: Decision): Decision {
  const nowMs = Date.parse(view.now);
  const runDeadline = runDeadlineOf(view.run, view.plan, view.controls, view.now);
  let wakeAt = runDeadline !== undefined && runDeadline > nowMs ? runDeadline : Number.POSITIVE_INFINITY;
  for (const { task, record, object } of decision.tasks) {
    const retry =
      record.state === "waiting" && record.retryTime !== undefined ? Date.parse(record.retryTime) : undefined;
    const times = [retry, deadlineOf(task, record, object?.createdAt), pendingDeadlineOf(task, record, object)];
    if (record.state === "executing" && object !== undefined)
      times.push(lossOf(object, view.nodeLostMs ?? NODE_LOST_MS)?.at);
    for (const time of times) if (time !== undefined && time > nowMs) wakeAt = Math.min(wakeAt, time);
  }
  return wakeAt === Number.POSITIVE_INFINITY ? decision : { ...decision, wakeAt: new Date(wakeAt).toISOString() };
}

/** The object of the highest attempt of each task. */
function latestObjects(objects: readonly ObservedObject[]): Map<string, ObservedObject> {
  const latest = new Map<string, ObservedObject>();
  for (const object of objects) {
    const other = latest.get(object.task);
    if (other === undefined || object.attempt > other.attempt || (object.attempt === other.attempt && other.gone))
      latest.set(object.task, object);
  }
  return latest;
}

/** A task that is recorded as executing but whose object is not there; the caller has made sure of that with the API server (F-18). */
function vanished(task: Task, last: TaskStatus, now: string, stop: Stop | undefined): TaskStatus {
  if (last.state !== "executing") return last;
  if (stop !== undefined) return stopped(last, stop, now);
  const message = `resource not found: ${kindWord(task.resourceType)} ${last.pod ?? "of the task"} was deleted by somebody else`;
  return {
    ...carried(last),
    state: "terminated",
    reason: deletedReason(task.resourceType),
    message,
    completionTime: now,
  };
}

/**
 * Objects that are to go: those of tasks that have timed out, all that run where the whole run is stopped, pods that outlive the object they
 * were made for, those that outlive their task, and those that are given up. These are asked to go like any other, never by force: on a node that is
 * only cut off a container may still run, and whoever looks at the pod should see so.
 */
function stopActions(view: View, tasks: readonly TaskView[], ending: Ending | undefined): Action[] {
  const judge = (object: ObservedObject): ObservedObject =>
    judged(object, view.nodeLostMs ?? NODE_LOST_MS, Date.parse(view.now));
  const lingering = lingeringObjects(view.run, view.objects, judge).map((object) => ({
    kind: "delete" as const,
    object,
  }));
  return tasks
    .flatMap(({ task, record, object }): Action[] => {
      // They go before the end is recorded, so that a crash in between forgets none.
      if (object?.leftovers !== undefined && !isTerminal(view.run.status?.tasks?.[task.name] ?? { state: "waiting" }))
        return object.leftovers.map((pod) => ({ kind: "delete" as const, object: pod }));
      if (object === undefined || object.deleting || object.gone) return [];
      if (record.state !== "executing") return [];
      const isOverdue = overdueStop(task, record, object, view.now) !== undefined;
      return isOverdue || ending?.stop !== undefined ? [{ kind: "delete" as const, object }] : [];
    })
    .concat(lingering);
}

/** Tasks that will never start say so (O-185); while others still run it is said that the run is ending. What is being started is waited for. */
function notStarted(
  { plan, starting }: View,
  tasks: readonly TaskView[],
  ending: Ending,
): (view: TaskView) => TaskView {
  const blocked = plan.failurePolicy === "Continue" ? blockedTasks(plan, tasks) : undefined;
  const common = ending.phase === "DONE" ? `not started: ${ending.message}` : "not started: pipeline terminated";
  return (view) => {
    if (view.record.state !== "waiting" || starting?.has(view.task.name)) return view;
    const cause = blocked?.get(view.task.name);
    const message = cause === undefined ? common : blockedMessage(cause);
    return { ...view, record: { state: "waiting", reason: "NotStarted", message } };
  };
}

function start(view: View, tasks: TaskView[]): Decision {
  const byName = new Map(tasks.map((other) => [other.task.name, other.record]));
  const unrecorded = unrecordedEnds(view.run, tasks, view.askedToGo ?? new Set());
  const isExecuted = (name: string): boolean => byName.get(name)?.state === "executed" && !unrecorded.has(name);
  // References are read from the run as it will be recorded, so that a result that came a moment ago counts. Most looks at a run start nothing.
  let filler: ReturnType<typeof textFiller> | undefined;
  const fill: typeof filler = (task) => {
    filler ??= textFiller(view, {
      ...view.run,
      status: { ...view.run.status, tasks: Object.fromEntries(byName) },
    });
    return filler(task);
  };
  const actions = stopActions(view, tasks, undefined);
  // Only a run that is to continue gets here with a failed task in it.
  const blocked = blockedTasks(view.plan, tasks);
  const places = new Places(view, tasks);
  const records = tasks.map((current): TaskView => {
    if (current.record.state !== "waiting") return current;
    const { task, record } = current;
    if (view.starting?.has(task.name)) return current;
    const cause = blocked.get(task.name);
    if (cause !== undefined)
      return { task, record: { state: "waiting", reason: "NotStarted", message: blockedMessage(cause) } };
    const unmet = waitingForDependencies(view.plan.dependencies.get(task.name) ?? [], isExecuted);
    if (unmet !== undefined) return isSaid(record, unmet) ? current : { task, record: unmet };
    if (record.retryTime !== undefined && Date.parse(record.retryTime) > Date.parse(view.now)) return current;
    if (view.controls.suspend) return { task, record: suspendedRecord(record) };
    const ready: TaskStatus = {
      ...carried(record),
      ...readySince(view, task, record),
      state: "waiting",
    };
    const held = view.heldBack.get(task.name);
    if (held !== undefined) return { task, record: { ...ready, ...held } };
    const refusal = places.refusal(task.name, ready);
    if (refusal !== undefined) return { task, record: refusal };
    try {
      const { inputs, ...filled } = fill(task);
      const answer = record.attempt === undefined ? cached(view, task) : undefined;
      if (answer === "unknown") {
        // It may start at the next look, so its place is kept.
        places.take(task.name);
        actions.push({ kind: "lookUp", task, ...filled, inputs });
        const message = "comparing its inputs and outputs with those of earlier runs";
        return { task, record: { ...ready, reason: "CacheLookup", message } };
      }
      if (answer?.kind === "hit") return { task, record: skipped(ready, answer, view.now) };
      places.take(task.name);
      const cacheKey = answer?.key === undefined ? {} : { cacheKey: answer.key };
      actions.push({ kind: "create", task, attempt: (record.attempt ?? 0) + 1, ...filled, ...cacheKey });
    } catch (error) {
      if (!(error instanceof TextProblem)) throw error;
      const failure = { reason: "ReferenceNotFound", message: bounded(error.message), completionTime: view.now };
      return { task, record: { ...ready, state: "terminated", ...failure } };
    }
    return { task, record: ready };
  });
  if (records.some((view) => view.record.reason === "ReferenceNotFound" && view.record.completionTime !== undefined)) {
    // A task that failed before it began ends the run like any other failure: nothing is started beside it.
    const ending = endingOf(view, records);
    if (ending !== undefined) return concluded(view, withoutRetries(view, records), ending);
  }
  return withWakeUp(view, { actions, tasks: records, ...(places.wants > 0 ? { wants: places.wants } : {}) });
}

/** Whether a record says just what it is to say: then it is kept, and need not be compared again. */
function isSaid(record: TaskStatus, { reason, message }: TaskStatus): boolean {
  return record.message === message && record.reason === reason && Object.keys(record).length === 3;
}

/** What the cache knows of a task; undefined: it is not asked. */
function cached({ cache }: View, task: Task): CacheAnswer | "unknown" | undefined {
  return cache === undefined || !isCacheable(task) ? undefined : (cache.get(task.name) ?? "unknown");
}

/** The record of a task that need not run (O-200). */
function skipped(ready: TaskStatus, { result }: { result?: string }, now: string): TaskStatus {
  return {
    ...carried(ready),
    state: "executed",
    reason: "Cached",
    message: "skipped: an earlier run left the same outputs",
    pod: CACHED,
    startTime: now,
    completionTime: now,
    ...(result === undefined ? {} : { result }),
  };
}
