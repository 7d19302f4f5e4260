import type { Task } from "../../crds/generated/types.ts";
import { jitter } from "./jitter.ts";

/** Longest pause between two attempts where the task does not say. */
export const LONGEST_RETRY_PAUSE_MS = 300_000;

/**
 * Pause after the `failures`th failure of a task's own, in milliseconds (O-144): `backoff.seconds`, else `firstPauseMs`, times `factor` for each
 * failure after the first, never over `maxSeconds`; varied by `jitter` percent, always in the same way for the same `key`.
 */
export function retryPauseMs(task: Task, failures: number, firstPauseMs: number, key: string): number {
  const { seconds, factor = 2, maxSeconds, jitter: percent = 0 } = task.retryPolicy?.backoff ?? {};
  const first = seconds === undefined ? firstPauseMs : seconds * 1000;
  const longest = maxSeconds === undefined ? LONGEST_RETRY_PAUSE_MS : maxSeconds * 1000;
  // A first pause that is longer than the usual bound is meant as it stands.
  const most = maxSeconds === undefined ? Math.max(longest, seconds === undefined ? 0 : first) : longest;
  return Math.round(Math.min(first * factor ** (failures - 1), most) * jitter(key, percent));
}
