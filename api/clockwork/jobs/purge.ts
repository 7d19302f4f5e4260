import { setTimeout as pause } from "node:timers/promises";
import { backoffDelayMs } from "../../../kube/backoff.ts";
import type { JobRecords } from "../../../store/job-records.ts";

/** Jobs removed in one write, at most and in the first. */
const AT_ONCE = 500;
const FIRST = 50;
/** What one write should take: requests wait for it where the database does one thing after the other (C-85). A job's dict may have 2 MiB. */
const GOAL_MS = 50;
/** Least pause before the next write: requests come in between. */
const PAUSE_MS = 50;
const EVERY_MS = 3_600_000;
/** Pauses after removals that failed. */
const AGAIN = { baseMs: 2_000, capMs: 600_000 };
const DAY_S = 24 * 3600;

/**
 * Removes the jobs that ended more than so many days ago, with what users have written into them; how many. 0 days: none (C-80). As many go in one write
 * as the database removes quickly, and between two writes it is free for at least as long as the one before took. Rejects with a `StoreProblem`, or
 * when `signal` aborts.
 */
export async function purgeJobs(
  records: Pick<JobRecords, "purge">,
  retentionDays: number,
  nowMs: number,
  signal: AbortSignal,
): Promise<number> {
  if (retentionDays === 0) return 0;
  const before = Math.floor(nowMs / 1000) - retentionDays * DAY_S;
  for (let removed = 0, atOnce = FIRST; ; ) {
    const startedAt = performance.now();
    const some = await records.purge(before, atOnce);
    const tookMs = performance.now() - startedAt;
    removed += some;
    if (some < atOnce) return removed;
    atOnce = Math.max(1, Math.min(AT_ONCE, atOnce * 2, Math.floor((atOnce * GOAL_MS) / tookMs)));
    await pause(Math.max(PAUSE_MS, tookMs), undefined, { signal });
  }
}

/** Purges every hour, and sooner after a `purge` that gives undefined because it failed. Ends only when `pause` rejects. */
export async function keepPurging(
  purge: () => Promise<number | undefined>,
  pause: (ms: number) => Promise<void>,
): Promise<never> {
  for (let failures = 0; ; ) {
    failures = (await purge()) === undefined ? failures + 1 : 0;
    await pause(failures > 0 ? backoffDelayMs(failures, AGAIN) : EVERY_MS);
  }
}
