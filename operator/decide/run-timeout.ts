import type { Pipeline, PipelineStatus } from "../../crds/generated/types.ts";
import type { Controls, Plan } from "./run.ts";
import { suspendedSince } from "./suspension.ts";

/** How long a run has been suspended up to `now`, in milliseconds: earlier times, and the one that its status says is going on. */
export function suspendedMs(status: PipelineStatus | undefined, now: string): number {
  const since = suspendedSince(status);
  const going = since === undefined ? 0 : Date.parse(now) - since;
  return (status?.suspendedSeconds ?? 0) * 1000 + Math.max(0, going);
}

/**
 * When the whole run times out, in milliseconds since 1970; undefined without a limit, and while it is suspended: that time does not count. It
 * counts from when the run was taken up, so waiting for its turn among the runs of its job does not count either.
 */
export function runDeadlineOf(
  { status }: Pick<Pipeline, "status">,
  { timeout }: Pick<Plan, "timeout">,
  { suspend }: Pick<Controls, "suspend">,
  now: string,
): number | undefined {
  if (timeout === undefined || suspend) return undefined;
  return Date.parse(status?.startTime ?? now) + timeout * 1000 + suspendedMs(status, now);
}

/** Whether the run's time is over. Once that is recorded it stays so: a run that was suspended afterwards is ending all the same. */
export function isRunOverdue(
  run: Pick<Pipeline, "status">,
  plan: Pick<Plan, "timeout">,
  controls: Pick<Controls, "suspend">,
  now: string,
): boolean {
  if (plan.timeout === undefined) return false;
  if (run.status?.reason === "RunTimeout") return true;
  return (runDeadlineOf(run, plan, controls, now) ?? Number.POSITIVE_INFINITY) <= Date.parse(now);
}
