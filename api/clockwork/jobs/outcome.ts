import type { TaskRecord } from "./run-state.ts";
import { seconds } from "./seconds.ts";

/** What the operator has written of an attempt at a task, once it has judged it. */
export interface Outcome {
  succeeded: boolean;
  reason: string;
  exitCode?: number;
  /** Whole seconds since 1970. */
  endedAt: number | null;
}

/** How an attempt ended by the record of its task; undefined while that does not say: a task's record speaks of its latest attempt. */
export function outcomeOf(record: TaskRecord | undefined, attempt: number): Outcome | undefined {
  if (record === undefined || (record.attempt ?? 1) !== attempt) return undefined;
  const { state, exitCode, completionTime } = record;
  // A task that waits with the number of an attempt has lost that one, or is to try again.
  if (state === "executing" || (state === "waiting" && record.pod === undefined)) return undefined;
  return {
    succeeded: state === "executed",
    reason: reasonOf(record),
    ...(exitCode === undefined ? {} : { exitCode }),
    endedAt: state === "waiting" ? null : seconds(completionTime),
  };
}

/** Whether nothing more will be written of an attempt: it is judged, or a later one has begun. */
export function isJudged(record: TaskRecord | undefined, attempt: number): boolean {
  return outcomeOf(record, attempt) !== undefined || (record?.attempt ?? 0) > attempt;
}

function reasonOf({ state, reason = "" }: TaskRecord): string {
  // Between two attempts a run may be suspended: that says nothing of the attempt that failed before.
  return state === "waiting" && reason === "Suspended" ? "Retrying" : reason;
}
