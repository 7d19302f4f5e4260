import type { Task } from "./generated/types.ts";
import type { Problem } from "./problem.ts";

/** The name in `onReasons` that stands for every loss to the infrastructure. */
export const ANY_INFRASTRUCTURE = "Infrastructure";

/**
 * What is wrong with a task's way to be tried again that its schema does not say. A `Job` of Kubernetes tries again by itself: rules that it has no
 * words for, and pauses, would do nothing.
 */
export function retryPolicyProblems({ name, resourceType, retryPolicy }: Task, path: string): Problem[] {
  const problems: Problem[] = [];
  const problem = (at: string, detail: string): void => {
    problems.push({ path: `${path}.retryPolicy${at}`, task: name, detail });
  };
  const isJob = resourceType === "Job";
  if (isJob && retryPolicy?.backoff !== undefined)
    problem(
      ".backoff",
      "a Job of Kubernetes has its own pauses between attempts; leave it out or run the task as a Pod",
    );
  for (const [index, { onExitCodes, onReasons }] of (retryPolicy?.rules ?? []).entries()) {
    const at = `.rules[${index}]`;
    if ((onExitCodes === undefined) === (onReasons === undefined))
      problem(at, "a rule has either onExitCodes or onReasons");
    else if (isJob && onReasons?.some((reason) => reason !== ANY_INFRASTRUCTURE))
      problem(
        `${at}.onReasons`,
        `a Job of Kubernetes knows only the reason ${ANY_INFRASTRUCTURE}; use onExitCodes, or run the task as a Pod`,
      );
  }
  return problems;
}
