import type { Task } from "./generated/types.ts";
import { maxTaskId, SAMPLE_TAIL, taskId } from "./names.ts";
import type { Problem } from "./problem.ts";
import { kindFactsOf } from "./task-kinds.ts";

/** What is wrong with the ids that tasks would have in a run whose id begins with `prefix` (O-13). */
export function idProblems(prefix: string, tasks: readonly Task[]): Problem[] {
  return tasks.flatMap((task, index) => {
    const { name } = task;
    const problems: Problem[] = [];
    const { length } = taskId(`${prefix}${SAMPLE_TAIL}`, name);
    const most = maxTaskId(task);
    if (length > most) {
      const of = kindFactsOf(task).isDistributed ? ` with kind ${task.resourceType}` : "";
      const detail = `its id (<run>--${name}) would have ${length} characters; the most${of} is ${most}, shorten the task's name or the job's \`name\``;
      problems.push({ path: `tasks[${index}].name`, task: name, detail });
    }
    if (prefix.includes(".") && kindFactsOf(task).isDistributed) {
      const detail = `the job's name ${JSON.stringify(prefix)} has a dot, which ${task.resourceType} does not allow; name the job without one`;
      problems.push({ path: `tasks[${index}].resourceType`, task: name, detail });
    }
    return problems;
  });
}
