import type { Task } from "../../crds/generated/types.ts";
import { TextProblem } from "../../crds/problem.ts";
import { runRecord, taskRecord } from "../../crds/record.ts";
import type { Paths } from "../../crds/run-paths.ts";
import type { Run } from "../cache/cluster-view.ts";
import type { FoundResource } from "./resource.ts";

/** The reply of /resources/{id}/data: the run's record, or the task's (O-54, O-68, O-221). */
export function dataView({ run, task }: FoundResource, paths: Paths): { success: true; jobs: Record<string, unknown> } {
  return { success: true, jobs: task ? taskData(run, task, paths) : runRecord(run.pipeline, run.tasks) };
}

function taskData({ pipeline, tasks }: Run, task: Task, paths: Paths): Record<string, unknown> {
  const names = tasks.map(({ name }) => name);
  const { job } = pipeline.spec;
  // Until the operator has taken the run up only the spec says which job it is, and with it where the files are.
  const run = job === undefined ? pipeline : { ...pipeline, status: { job, ...pipeline.status } };
  try {
    return taskRecord(run, task, names, paths);
  } catch (error) {
    if (!(error instanceof TextProblem)) throw error;
    // The run was refused because of such a text; it is shown as it was written.
    const args = (task.args ?? []).map((text) => text.replaceAll("$", "$$$$"));
    return taskRecord(run, { ...task, args }, names, paths);
  }
}
