import type { Condition, Pipeline, PipelineStatus, TaskCounts, TaskStatus } from "../../crds/generated/types.ts";
import type { Ending } from "./finish.ts";
import { hasLingering } from "./lingering.ts";
import { bounded } from "./message.ts";
import type { Controls, ObservedWarning, Plan, TaskView } from "./run.ts";
import { suspendedMs } from "./run-timeout.ts";
import { withinBudget } from "./status-size.ts";
import { happenings, withNews } from "./story.ts";
import { STARTING } from "./task-state.ts";

/** Everything that goes into a run's status. */
export interface StatusInput {
  run: Pipeline;
  plan: Plan;
  controls: Controls;
  tasks: readonly TaskView[];
  ending?: Ending;
  warnings: readonly ObservedWarning[];
  now: string;
  /** When the run was taken up, where the status that says so comes later; otherwise now. */
  begunAt?: string;
}

/** The phase that the status would have, without making it. */
export function phaseOf({ tasks, ending }: Pick<StatusInput, "tasks" | "ending">): "RUNNING" | Ending["phase"] {
  if (ending === undefined || hasLingering(tasks)) return "RUNNING";
  // Where a run is ending, only what is being started at this moment says so: what comes of that is still to be stopped or waited for.
  const isUnderWay = ({ record }: TaskView): boolean => record.state === "executing" || record.reason === STARTING;
  return tasks.some(isUnderWay) ? "RUNNING" : ending.phase;
}

/** The run's new status (O-180, O-183): derived from the records alone, so that its counters always agree with them (I-6). */
export function statusOf(input: StatusInput): PipelineStatus {
  const { run, plan, ending, now } = input;
  const before = run.status;
  const tasks = withinBudget(input.tasks, before?.tasks, plan.textBytes);
  const counts = countsOf(input.tasks);
  const phase = phaseOf(input);
  const ended = ending !== undefined && phase !== "RUNNING";
  const cause = causeOf(input, ending);
  const status: PipelineStatus = {
    phase,
    progress: `${counts.executed}/${counts.total}`,
    ...cause,
    conditions: conditionsOf(before?.conditions ?? [], input, ended),
    ...(plan.version === undefined ? {} : { version: plan.version }),
    ...(plan.snapshot === undefined ? {} : { snapshot: plan.snapshot }),
    ...(plan.job === undefined ? {} : { job: plan.job }),
    startTime: before?.startTime ?? input.begunAt ?? now,
    ...(ended ? { completionTime: now } : {}),
    ...suspension(input),
    counts,
    tasks,
    observedGeneration: run.metadata.generation ?? 0,
  };
  if (status.conditions?.length === 0) delete status.conditions;
  return withEvents(before, status, input.warnings, now, wordsOf(input.tasks));
}

/** How long the run was suspended, once it has been resumed; rounded up, so that no time-out comes too soon. */
function suspension({ run, controls, now }: StatusInput): Pick<PipelineStatus, "suspendedSeconds"> {
  const seconds = controls.suspend ? run.status?.suspendedSeconds : Math.ceil(suspendedMs(run.status, now) / 1000);
  return seconds ? { suspendedSeconds: seconds } : {};
}

/** What the objects of tasks are called that are no pods. */
function wordsOf(tasks: readonly TaskView[]): Map<string, string> {
  return new Map(
    tasks.flatMap(({ task, object }) =>
      object === undefined || object.resource.kind === "Pod" ? [] : [[task.name, object.resource.kind] as const],
    ),
  );
}

/** A status for a run that cannot be run at all (O-14, O-148). */
export function refusedStatus(
  run: Pipeline,
  reason: "Invalid" | "JobNotFound" | "KindNotServed" | "SnapshotLost",
  message: string,
  now: string,
): PipelineStatus {
  const text = bounded(message, 1000);
  const tasks = run.status?.tasks;
  const status: PipelineStatus = {
    ...run.status,
    phase: "TERMINATED",
    reason,
    message: text,
    conditions: [{ type: "Failed", status: "True", reason, message: text, lastTransitionTime: now }],
    startTime: run.status?.startTime ?? now,
    completionTime: now,
    observedGeneration: run.metadata.generation ?? 0,
    ...(tasks === undefined ? {} : { tasks }),
  };
  return withEvents(run.status, status, [], now);
}

/** A status for a run that cannot be taken up yet: its Job is not there, or the shared volume cannot be written. */
export function buildingStatus(
  run: Pipeline,
  reason: "JobNotFound" | "VolumeUnavailable",
  message: string,
): PipelineStatus {
  return { ...run.status, phase: "BUILDING", reason, message: bounded(message, 1000) };
}

/** A status for a run that waits for its turn among those of its job, or that is suspended before it had one. What it will run is fixed already. */
export function waitingStatus(
  run: Pipeline,
  plan: Plan,
  controls: Controls,
  cause: { reason: "JobParallelism" | "Suspended"; message: string },
  now: string,
): PipelineStatus {
  const { version, snapshot, job } = plan;
  const conditions = conditionsOf(run.status?.conditions ?? [], { run, controls, tasks: [], now }, false);
  const { conditions: _, ...before } = run.status ?? {};
  return {
    ...before,
    phase: "BUILDING",
    ...cause,
    ...(conditions.length === 0 ? {} : { conditions }),
    ...(version === undefined ? {} : { version }),
    ...(snapshot === undefined ? {} : { snapshot }),
    ...(job === undefined ? {} : { job }),
    observedGeneration: run.metadata.generation ?? 0,
  };
}

function withEvents(
  before: PipelineStatus | undefined,
  status: PipelineStatus,
  warnings: readonly ObservedWarning[],
  now: string,
  words?: ReadonlyMap<string, string>,
): PipelineStatus {
  const news = happenings(before, status, now, words);
  const told = withNews(before?.events ?? [], before?.eventCount ?? 0, news, warnings);
  return { ...status, events: [...told.events], eventCount: told.count };
}

function countsOf(tasks: readonly TaskView[]): TaskCounts {
  const counts: TaskCounts = { total: tasks.length, waiting: 0, executing: 0, executed: 0, terminated: 0 };
  for (const { record } of tasks) counts[record.state] += 1;
  return counts;
}

/** Reasons for waiting that are told of the run, not as trouble of a task. */
const QUIET_REASONS: ReadonlySet<string> = new Set([
  "Dependencies",
  "Suspended",
  "NotStarted",
  "RunParallelism",
  STARTING,
]);

/** The run's own reason and message: how it is ending, or what the first task in trouble waits for. */
function causeOf(input: StatusInput, ending: Ending | undefined): { reason?: string; message?: string } {
  if (ending !== undefined) {
    return { reason: ending.reason, ...(ending.message ? { message: bounded(ending.message, 1000) } : {}) };
  }
  const inTrouble = (view: TaskView): boolean => {
    const { state, reason } = view.record;
    return reason !== undefined && (state === "executing" || (state === "waiting" && !QUIET_REASONS.has(reason)));
  };
  const troubled = input.tasks.find(inTrouble);
  if (troubled !== undefined) {
    const { record, task } = troubled;
    return {
      reason: `${task.name}: ${record.reason}`,
      ...(record.message === undefined ? {} : { message: `task ${task.name}: ${record.message}` }),
    };
  }
  const failed = input.tasks.find(({ record }) => record.state === "terminated");
  if (failed !== undefined) {
    const { name } = failed.task;
    const cause = failed.record.message ?? "failed";
    return { reason: `${name}: ${failed.record.reason}`, message: `task ${name}: ${cause}; the others go on` };
  }
  return input.controls.suspend
    ? { reason: "Suspended", message: "no further task starts until spec.suspend is false" }
    : {};
}

/** Whether a task waits because the operator lacks a right (F-13). */
function isForbidden({ state, reason }: TaskStatus): boolean {
  return state === "waiting" && reason === "Forbidden";
}

function conditionsOf(
  before: readonly Condition[],
  input: Pick<StatusInput, "ending" | "controls" | "tasks" | "now" | "run">,
  ended: boolean,
): Condition[] {
  const { ending, controls, now, run } = input;
  const wanted: Condition[] = [];
  const want = (type: string, status: "True" | "False", reason: string, message: string): void => {
    const old = before.find((condition) => condition.type === type);
    const unchanged = old !== undefined && old.status === status;
    if (unchanged && old.reason === reason) wanted.push(old);
    else {
      const lastTransitionTime = unchanged ? (old.lastTransitionTime ?? now) : now;
      wanted.push({
        type,
        status,
        reason,
        message,
        lastTransitionTime,
        observedGeneration: run.metadata.generation ?? 0,
      });
    }
  };
  const suspended = controls.suspend && !ended;
  if (suspended || before.some((condition) => condition.type === "Suspended")) {
    want(
      "Suspended",
      suspended ? "True" : "False",
      suspended ? "Suspended" : "Resumed",
      suspended ? "spec.suspend is true" : "spec.suspend is not true",
    );
  }
  const forbidden = ended ? undefined : input.tasks.find(({ record }) => isForbidden(record));
  if (forbidden !== undefined || before.some((condition) => condition.type === "Degraded")) {
    const message = forbidden && `task ${forbidden.task.name}: ${forbidden.record.message ?? "not allowed"}`;
    if (message === undefined) want("Degraded", "False", "Allowed", "the operator may do what it has to");
    else want("Degraded", "True", "Forbidden", bounded(message, 1000));
  }
  if (ended && ending !== undefined) {
    want(
      ending.phase === "DONE" ? "Complete" : "Failed",
      "True",
      ending.reason,
      bounded(ending.message, 1000) || "all tasks were executed",
    );
  }
  return wanted;
}
