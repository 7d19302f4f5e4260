import type { RunPolicy } from "../../crds/run-policy.ts";

/** What is kept of a run that has ended, as far as its deletion depends on it. */
export interface EndedRun {
  /** When it ended, in milliseconds since 1970. */
  endedMs: number;
  phase: "DONE" | "TERMINATED";
  /** Its own `spec.ttlSecondsAfterFinished`. */
  ttl?: number;
}

/** When an ended run is to be deleted for its age, in milliseconds since 1970; undefined: never. Its own word wins, then its Job's, then the settings'. */
export function expiryOf(
  run: EndedRun,
  job: RunPolicy | undefined,
  defaultTtl: number | undefined,
): number | undefined {
  const seconds = run.ttl ?? job?.ttlSecondsAfterFinished ?? defaultTtl;
  return seconds === undefined ? undefined : run.endedMs + seconds * 1000;
}

/** How many runs of a job that ended in this phase are kept; undefined: all. */
export function historyLimitOf(phase: EndedRun["phase"], job: RunPolicy | undefined): number | undefined {
  return phase === "DONE" ? job?.successfulRunsHistoryLimit : job?.failedRunsHistoryLimit;
}
