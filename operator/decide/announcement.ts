import type { TaskStatus } from "../../crds/generated/types.ts";
import { phaseOf, type StatusInput } from "./status.ts";

/** Reasons for waiting that tell of no trouble. */
const QUIET: ReadonlySet<string> = new Set(["Dependencies", "Starting", "RunParallelism"]);

/**
 * Whether the status has nothing to say yet but that tasks have begun to run: no task has ended or is in trouble, nobody has asked for anything, and
 * what is run stands in the object already, so that whoever takes over comes to the same status from the objects that are there. False too
 * where nothing is new.
 */
export function isAnnouncement(
  input: Pick<StatusInput, "run" | "controls" | "tasks" | "ending" | "warnings">,
): boolean {
  const { run, controls, tasks, ending, warnings } = input;
  const { spec, status } = run;
  if (ending !== undefined || warnings.length > 0) return false;
  if (controls.suspend || controls.stop || controls.cancel) return false;
  if (status?.observedGeneration !== undefined && status.observedGeneration !== run.metadata.generation) return false;
  if (status?.reason !== undefined || (status?.conditions?.length ?? 0) > 0) return false;
  const isFixed = spec.tasks !== undefined || spec.snapshot !== undefined || status?.phase === "RUNNING";
  if (!isFixed) return false;
  let isNews = phaseOf(input) !== status?.phase;
  for (const { task, record } of tasks) {
    const before = status?.tasks?.[task.name];
    if (before !== undefined && isSame(before, record)) continue;
    if (!isQuiet(record) || (before !== undefined && !(before.state === "waiting" && isQuiet(before)))) return false;
    isNews = true;
  }
  return isNews;
}

/** A task that runs, or waits for no other reason than that its turn has not come. */
function isQuiet({ state, reason, retryTime, lost }: TaskStatus): boolean {
  if (retryTime !== undefined || lost !== undefined) return false;
  if (state === "executing") return reason === undefined;
  return state === "waiting" && (reason === undefined || QUIET.has(reason));
}

function isSame(before: TaskStatus, after: TaskStatus): boolean {
  return (
    before === after ||
    (before.state === after.state &&
      before.reason === after.reason &&
      before.attempt === after.attempt &&
      before.pod === after.pod &&
      before.message === after.message)
  );
}
