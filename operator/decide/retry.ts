import type { Task, TaskStatus } from "../../crds/generated/types.ts";
import { bounded } from "./message.ts";

/** Longest pause between two attempts. */
export const LONGEST_RETRY_PAUSE_MS = 300_000;

/** How often a task is tried again by us; a batch Job counts its own retries (O-144, O-168). */
function retriesOf(task: Task): number {
  return task.resourceType === "Job" ? 0 : (task.retries ?? 0);
}

/** A task of which one attempt has failed and the next has not begun. */
export function isBetweenAttempts(record: TaskStatus): record is TaskStatus & { attempt: number } {
  return record.state === "waiting" && record.attempt !== undefined;
}

/** What a record keeps of the latest attempt while the task waits for the next, and of when it could first start. */
export function carried({ attempt, pod, startTime, exitCode, readyTime }: TaskStatus): Partial<TaskStatus> {
  return {
    ...(attempt === undefined ? {} : { attempt }),
    ...(pod === undefined ? {} : { pod }),
    ...(startTime === undefined ? {} : { startTime }),
    ...(exitCode === undefined ? {} : { exitCode }),
    ...(readyTime === undefined ? {} : { readyTime }),
  };
}

/**
 * The record of a task whose attempt has failed and that has another one; undefined if it has none left (O-144). The pause before the next attempt
 * doubles each time: `firstPauseMs`, twice that, … up to five minutes.
 */
export function retryRecord(task: Task, failed: TaskStatus, now: string, firstPauseMs: number): TaskStatus | undefined {
  const attempt = failed.attempt ?? 1;
  const retries = retriesOf(task);
  if (attempt > retries) return undefined;
  const pauseMs = Math.min(firstPauseMs * 2 ** (attempt - 1), LONGEST_RETRY_PAUSE_MS);
  const cause = failed.message ?? failed.reason ?? "no reason given";
  return {
    ...carried({ ...failed, attempt }),
    state: "waiting",
    reason: "Retrying",
    message: bounded(`attempt ${attempt} of ${retries + 1} failed: ${cause}`),
    retryTime: new Date(Date.parse(now) + pauseMs).toISOString(),
  };
}

/** The record of a task that has attempts left but gets none, because its run is ending. */
export function givenUp(record: TaskStatus, now: string): TaskStatus {
  const message = bounded(`not tried again, pipeline terminated; ${record.message ?? "its last attempt failed"}`);
  return { ...carried(record), state: "terminated", reason: "NotRetried", message, completionTime: now };
}
