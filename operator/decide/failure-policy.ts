import type { Plan, TaskView } from "./run.ts";

/**
 * Tasks that can never start because one that they depend on, directly or through others, has failed: by name, with the name of the failed one.
 * Empty while nothing has failed.
 */
export function blockedTasks(
  { dependencies }: Pick<Plan, "dependencies">,
  tasks: readonly TaskView[],
): Map<string, string> {
  const blocked = new Map<string, string>();
  const failed = tasks.filter(({ record }) => record.state === "terminated").map(({ task }) => task.name);
  if (failed.length === 0) return blocked;
  const dependents = new Map<string, string[]>();
  for (const [task, names] of dependencies) {
    for (const name of names) {
      const known = dependents.get(name);
      if (known === undefined) dependents.set(name, [task]);
      else known.push(task);
    }
  }
  for (const cause of failed) {
    const left = [cause];
    for (let name = left.pop(); name !== undefined; name = left.pop()) {
      for (const dependent of dependents.get(name) ?? []) {
        if (blocked.has(dependent)) continue;
        blocked.set(dependent, cause);
        left.push(dependent);
      }
    }
  }
  return blocked;
}

/** What the record of a blocked task says. */
export function blockedMessage(cause: string): string {
  return `not started: depends on task ${cause}, which failed`;
}

/** Whether a run in which a task has failed goes on all the same: it is to continue, and a task runs or can still start. */
export function mayContinue(plan: Pick<Plan, "dependencies" | "failurePolicy">, tasks: readonly TaskView[]): boolean {
  if (plan.failurePolicy !== "Continue") return false;
  const blocked = blockedTasks(plan, tasks);
  return tasks.some(
    ({ task, record }) => record.state === "executing" || (record.state === "waiting" && !blocked.has(task.name)),
  );
}
