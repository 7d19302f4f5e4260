import type { Pipeline, Task } from "../../crds/generated/types.ts";
import { recordValue, taskRecord } from "../../crds/record.ts";
import { resolveReferences } from "../../crds/references.ts";
import { type Paths, variablesOf } from "../../crds/run-paths.ts";
import { substituteVariables } from "../../crds/variables.ts";
import type { Plan } from "./run.ts";

/** Texts of a task with everything filled in. */
export interface Texts {
  args: string[];
  env: Record<string, string>;
  inputs: string[];
}

/**
 * Makes the function that fills in the texts of a run's tasks: variables first, then references (O-150, O-151), which are read from `recorded`. It
 * throws `TextProblem` where a value is missing. What all tasks need is worked out once.
 */
export function textFiller(
  { run, plan, paths }: { run: Pipeline; plan: Plan; paths: Paths },
  recorded: Pipeline,
): (task: Task) => Texts {
  const names = plan.tasks.map(({ name }) => name);
  const byName = new Map(plan.tasks.map((task) => [task.name, task]));
  const places = plan.workPath === undefined ? paths : { ...paths, work: plan.workPath };
  const refer = (text: string): string =>
    resolveReferences(text, (reference) => {
      const other = byName.get(reference.task);
      return other && recordValue(taskRecord(recorded, other, names, places), reference.path);
    });
  return (task) => {
    const value = variablesOf(places, run.metadata.name, plan.job, task.name, names);
    const env = Object.entries(task.env ?? {}).map(([name, text]) => [name, substituteVariables(text, value)] as const);
    return {
      args: (task.args ?? []).map((text) => refer(substituteVariables(text, value))),
      env: Object.fromEntries(env),
      inputs: (task.inputs ?? []).map(refer),
    };
  };
}
