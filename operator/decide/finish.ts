import type { Pipeline } from "../../crds/generated/types.ts";
import { taskId } from "../../crds/names.ts";
import { resultOf } from "../../crds/record.ts";
import type { Controls, TaskView } from "./run.ts";

/** Why nothing new starts any more, and how the run will end; the first that holds wins. */
export interface Ending {
  phase: "DONE" | "TERMINATED";
  reason: "Cancelled" | "TaskFailed" | "EarlyExit" | "Completed";
  message: string;
  /** What running tasks are stopped for; undefined: they may finish. */
  stop?: "Cancelled" | "FailFast";
}

/** The first task that failed by itself: by time, then by place in the definition (O-183). */
function firstFailure(tasks: readonly TaskView[]): TaskView | undefined {
  let first: TaskView | undefined;
  for (const view of tasks) {
    if (view.record.state !== "terminated" || view.record.reason === "Cancelled" || view.record.reason === "FailFast")
      continue;
    if (
      first === undefined ||
      Date.parse(view.record.completionTime ?? "") < Date.parse(first.record.completionTime ?? "")
    )
      first = view;
  }
  return first;
}

/** Whether the run is ending, and how (O-183, O-186, O-210). Undefined while tasks may still start. */
export function endingOf(
  run: Pick<Pipeline, "metadata">,
  tasks: readonly TaskView[],
  controls: Controls,
  failFast: boolean,
): Ending | undefined {
  if (tasks.every((view) => view.record.state === "executed")) {
    return { phase: "DONE", reason: "Completed", message: "" };
  }
  if (controls.cancel) {
    return {
      phase: "TERMINATED",
      reason: "Cancelled",
      message: `cancelled by ${controls.cancelledBy ?? "a change of spec.cancel"}`,
      stop: "Cancelled",
    };
  }
  const failure = firstFailure(tasks);
  if (failure !== undefined) {
    const { name } = failure.task;
    const cause = failure.record.message ?? `Task \`${taskId(run.metadata.name, name)}\` failed`;
    return {
      phase: "TERMINATED",
      reason: "TaskFailed",
      message: `task ${name}: ${cause}`,
      ...(failFast ? { stop: "FailFast" as const } : {}),
    };
  }
  const early = tasks.find(
    (view) => view.record.state === "executed" && resultOf(view.record).request_early_exit === true,
  );
  if (early !== undefined) {
    return { phase: "DONE", reason: "EarlyExit", message: `task ${early.task.name} asked for an early exit` };
  }
  return undefined;
}
