import type { JobRow } from "../../../store/job-records.ts";
import type { Caller } from "../caller.ts";
import { ClockworkError } from "../clockwork-error.ts";

/**
 * Throws unless the caller may change the shared dict of a job (C-47): each name that the job has must be his, administrators included; one without
 * names is for everybody who sees it. Who may not see the job is not told whose it is.
 */
export function requireOwner(job: Pick<JobRow, "email" | "clusterUser" | "ccUser">, caller: Caller): void {
  if (!caller.seesAll && job.email !== caller.email) throw notHis("another user", caller.email);
  for (const [ofJob, ofCaller] of [
    [job.email, caller.email],
    [job.clusterUser, caller.username],
    [job.ccUser, caller.ccAccountUsername],
  ] as const) {
    if (ofJob !== null && ofJob !== ofCaller) throw notHis(ofJob, ofCaller ?? "None");
  }
}

function notHis(owner: string, caller: string): ClockworkError {
  return new ClockworkError(403, `This job belongs to ${owner} and not ${caller}.`);
}
