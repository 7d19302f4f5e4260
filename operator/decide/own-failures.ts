import type { Pipeline } from "../../crds/generated/types.ts";
import { isStopReason } from "./finish.ts";
import type { TaskView } from "./run.ts";

/**
 * The tasks that have failed by themselves where a failure stops the run, by name. A pod that is gone looks the same whether it was lost, which is why
 * the run stops, or was stopped for another task's failure; calling the first the second would leave the run without a failure to end by. Once a
 * failure is recorded what goes is taken for stopped, and before that what this process has asked to go.
 */
export function ownFailures(
  run: Pipeline,
  tasks: readonly TaskView[],
  askedToGo: ReadonlySet<string>,
): ReadonlySet<string> {
  const recorded = Object.values(run.status?.tasks ?? {});
  if (recorded.some(({ state, reason }) => state === "terminated" && !isStopReason(reason))) return new Set();
  const failed = tasks.filter(({ record, object }) => {
    if (record.state !== "terminated" || isStopReason(record.reason)) return false;
    // The pod of a task whose time is over was asked to go for that.
    if (record.reason === "Timeout" || record.reason === "PendingTimeout") return true;
    return object === undefined || object.givenUp === true || !askedToGo.has(object.uid);
  });
  return new Set(failed.map(({ task }) => task.name));
}
