/** When the queue is to look at the run again, if before the next change. */
export type Next = { requeueAfterMs: number } | undefined;

/** Longest time after which a run is looked at again although nothing happened; a timer does not take just any number. */
export const LONGEST_SLEEP_MS = 3_600_000;

/** The earlier of the two looks. */
export function sooner(next: Next, ms: number | undefined): Next {
  if (ms === undefined) return next;
  return { requeueAfterMs: Math.min(ms, next?.requeueAfterMs ?? Number.POSITIVE_INFINITY) };
}
