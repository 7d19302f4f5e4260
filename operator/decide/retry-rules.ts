import type { RetryRule, Task, TaskStatus } from "../../crds/generated/types.ts";
import { ANY_INFRASTRUCTURE } from "../../crds/retry-policy.ts";
import { failureClass } from "./failure-class.ts";

/** What a rule does, and its place in the list from 1, for the message. */
export interface RuleMatch {
  action: RetryRule["action"];
  number: number;
}

/** The first rule of a task that fits the failure in its record; undefined if none does, and the failure's class decides. */
export function matchingRule(task: Task, failed: TaskStatus): RuleMatch | undefined {
  const rules = task.retryPolicy?.rules ?? [];
  const index = rules.findIndex((rule) => fits(rule, failed));
  const rule = rules[index];
  return rule === undefined ? undefined : { action: rule.action, number: index + 1 };
}

function fits({ onExitCodes, onReasons }: RetryRule, { reason = "", exitCode }: TaskStatus): boolean {
  if (onReasons !== undefined)
    return (
      onReasons.includes(reason) ||
      (onReasons.includes(ANY_INFRASTRUCTURE) && failureClass(reason) === "infrastructure")
    );
  // A pod that was taken away says nothing by the code that its container was made to end with.
  if (onExitCodes === undefined || exitCode === undefined || failureClass(reason) === "infrastructure") return false;
  return onExitCodes.values.includes(exitCode) === (onExitCodes.operator === "In");
}

/** Whether the failure of a task is to stop the whole run, whatever the run's own policy says. */
export function failsRun(task: Task, record: TaskStatus): boolean {
  return record.state === "terminated" && matchingRule(task, record)?.action === "FailRun";
}
