import type { Pipeline } from "../../crds/generated/types.ts";
import { taskId } from "../../crds/names.ts";
import { resultOf } from "../../crds/record.ts";
import { mayContinue } from "./failure-policy.ts";
import { failsRun } from "./retry-rules.ts";
import type { Controls, Plan, TaskView } from "./run.ts";
import { isRunOverdue } from "./run-timeout.ts";

/** Why nothing new starts any more, and how the run will end; the first that holds wins. */
export interface Ending {
  phase: "DONE" | "TERMINATED";
  reason: "Cancelled" | "TaskFailed" | "RunTimeout" | "Stopped" | "EarlyExit" | "Completed";
  message: string;
  /** What running tasks are stopped for; undefined: they may finish. */
  stop?: "Cancelled" | "FailFast" | "RunTimeout";
}

/** The first task that failed by itself: by time, then by place in the definition (O-183). */
function firstFailure(tasks: readonly TaskView[]): TaskView | undefined {
  let first: TaskView | undefined;
  for (const view of tasks) {
    if (view.record.state !== "terminated" || isStopReason(view.record.reason)) continue;
    if (
      first === undefined ||
      Date.parse(view.record.completionTime ?? "") < Date.parse(first.record.completionTime ?? "")
    )
      first = view;
  }
  return first;
}

/** Whether a task has ended only because its run was stopped. */
export function isStopReason(reason: string | undefined): boolean {
  return reason === "Cancelled" || reason === "FailFast" || reason === "RunTimeout";
}

/** What the end of a run is judged by. */
export interface RunView {
  run: Pipeline;
  plan: Plan;
  controls: Controls;
  /** ISO time of the decision. */
  now: string;
}

/** Whether the run is ending, and how (O-183, O-186, O-210). Undefined while tasks may still start. */
export function endingOf({ run, plan, controls, now }: RunView, tasks: readonly TaskView[]): Ending | undefined {
  if (tasks.every((view) => view.record.state === "executed")) {
    return { phase: "DONE", reason: "Completed", message: "" };
  }
  const by = (field: string): string => controls.cancelledBy ?? `a change of spec.${field}`;
  if (controls.cancel) {
    return { phase: "TERMINATED", reason: "Cancelled", message: `cancelled by ${by("cancel")}`, stop: "Cancelled" };
  }
  const isOverdue = isRunOverdue(run, plan, controls, now);
  const overdue = isOverdue ? { stop: "RunTimeout" as const } : {};
  const early = tasks.find(
    (view) => view.record.state === "executed" && resultOf(view.record).request_early_exit === true,
  );
  const failure = firstFailure(tasks);
  const isToldToEnd = isOverdue || controls.stop;
  // What is not tried again because the run is to end is not why it ends.
  if (failure !== undefined && !(isToldToEnd && failure.record.reason === "NotRetried")) {
    const failsAll = plan.failurePolicy === "FailFast" || tasks.some(({ task, record }) => failsRun(task, record));
    if (!isToldToEnd && early === undefined && !failsAll && mayContinue(plan, tasks)) return undefined;
    const { name } = failure.task;
    const cause = failure.record.message ?? `Task \`${taskId(run.metadata.name, name)}\` failed`;
    return {
      phase: "TERMINATED",
      reason: "TaskFailed",
      message: `task ${name}: ${cause}`,
      ...(failsAll ? { stop: "FailFast" as const } : overdue),
    };
  }
  if (isOverdue) {
    const message = `timed out after ${plan.timeout}s`;
    return { phase: "TERMINATED", reason: "RunTimeout", message, ...overdue };
  }
  if (controls.stop) return { phase: "TERMINATED", reason: "Stopped", message: `stopped by ${by("stop")}` };
  if (early !== undefined) {
    return { phase: "DONE", reason: "EarlyExit", message: `task ${early.task.name} asked for an early exit` };
  }
  return undefined;
}
