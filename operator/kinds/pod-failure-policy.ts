import type { RetryRule, Task } from "../../crds/generated/types.ts";
import { kindFactsOf } from "../../crds/task-kinds.ts";

/** Most rules that a Job of Kubernetes takes. */
const MAX_RULES = 20;

const ACTIONS: Readonly<Record<RetryRule["action"], string>> = {
  Retry: "Count",
  Ignore: "Ignore",
  Fail: "FailJob",
  FailRun: "FailJob",
};

const DISRUPTED = [{ type: "DisruptionTarget", status: "True" }];

/**
 * The rules of a task in the words of a Job of Kubernetes, which makes its pods anew itself (O-168): those of the task, and then that a pod which was
 * taken away does not count as one of `retries` (F-19), unless the task takes no losses. Undefined where there is none.
 */
export function podFailurePolicy(task: Task): Record<string, unknown> | undefined {
  const rules = (task.retryPolicy?.rules ?? []).map(
    (rule): Record<string, unknown> => ({
      action: ACTIONS[rule.action],
      ...conditionOf(task, rule),
    }),
  );
  if (task.infrastructureRetries !== 0 && rules.length < MAX_RULES)
    rules.push({ action: "Ignore", onPodConditions: DISRUPTED });
  return rules.length === 0 ? undefined : { rules };
}

function conditionOf(task: Task, { onExitCodes }: RetryRule): Record<string, unknown> {
  if (onExitCodes === undefined) return { onPodConditions: DISRUPTED };
  const { operator, values } = onExitCodes;
  const { container: containerName } = kindFactsOf(task);
  // The server wants them in order, each once.
  return { onExitCodes: { containerName, operator, values: [...new Set(values)].sort((a, b) => a - b) } };
}
