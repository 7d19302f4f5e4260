import type { Pipeline, PipelineStatus, TaskCounts, TaskStatus } from "../../crds/generated/types.ts";
import { MAX_OBJECT_BYTES } from "../../crds/limits.ts";
import { givenUp, isBetweenAttempts } from "./retry.ts";
import type { ObservedObject } from "./run.ts";
import { isTerminal, recordOfObject } from "./task-state.ts";

/** Reason of a run whose status the API server takes for too large, and of the tasks that were stopped for it (F-26, F-27). */
export const STATUS_TOO_LARGE = "StatusTooLarge";

/** How such a run ends, in what a small write can say: the records stay as they were written last. */
export function tooLargeEnd(run: Pipeline, now: string): PipelineStatus {
  const isOld = Object.values(run.status?.tasks ?? {}).some(({ state }) => state === "executing");
  const old = isOld ? "; the tasks' records are from before that, and what they call executing was stopped" : "";
  return endWith(`${MESSAGE}${old}`, now);
}

const MESSAGE = `the run's object would be larger than ${MAX_OBJECT_BYTES} bytes; use fewer or smaller tasks`;

function endWith(message: string, now: string): PipelineStatus {
  return {
    phase: "TERMINATED",
    reason: STATUS_TOO_LARGE,
    message,
    completionTime: now,
    conditions: [{ type: "Failed", status: "True", reason: STATUS_TOO_LARGE, lastTransitionTime: now }],
  };
}

/**
 * The same with what became of each task, in as few bytes as that can be said: ended records stay as they are (I-3), the others lose their words and their
 * results, which nothing waits for any more. Mostly that is less than what is stored. Undefined where no record is stored yet. `objects`: those of the
 * run's tasks as they were before they were stopped.
 */
export function tooLargeStatus(
  run: Pipeline,
  objects: readonly ObservedObject[],
  now: string,
): PipelineStatus | undefined {
  const { status } = run;
  if (status?.tasks === undefined) return undefined;
  const tasks: Record<string, TaskStatus> = {};
  const counts: TaskCounts = { total: 0, waiting: 0, executing: 0, executed: 0, terminated: 0 };
  for (const [name, last] of Object.entries(status.tasks)) {
    const record = isTerminal(last) ? last : ended(last, latestOf(name, objects), now);
    tasks[name] = record;
    counts.total += 1;
    counts[record.state] += 1;
  }
  return {
    ...status,
    ...endWith(MESSAGE, now),
    progress: `${counts.executed}/${counts.total}`,
    counts,
    tasks,
    observedGeneration: run.metadata.generation ?? 0,
  };
}

/** The last record of a task of which nothing is to be waited for any more. */
function ended(last: TaskStatus, object: ObservedObject | undefined, now: string): TaskStatus {
  // Of a task between two attempts the object of the first says nothing new.
  const known = (last.attempt ?? 0) + (last.state === "executing" ? 0 : 1);
  if (object !== undefined && object.attempt >= known) {
    const record = recordOfObject(last, object, now, undefined);
    return terse(isTerminal(record) ? record : { ...record, ...stopped(now) });
  }
  if (last.state === "executing") return terse({ ...last, ...stopped(now) });
  return isBetweenAttempts(last) ? terse(givenUp(last, now)) : { state: "waiting", reason: "NotStarted" };
}

function stopped(now: string): Pick<TaskStatus, "state" | "reason" | "completionTime"> {
  return { state: "terminated", reason: STATUS_TOO_LARGE, completionTime: now };
}

function terse({ message: _message, result: _result, ...record }: TaskStatus): TaskStatus {
  return record;
}

function latestOf(task: string, objects: readonly ObservedObject[]): ObservedObject | undefined {
  let latest: ObservedObject | undefined;
  for (const object of objects) if (object.task === task && object.attempt >= (latest?.attempt ?? 0)) latest = object;
  return latest;
}
