import { runRecord, taskRecord } from "../../crds/record.ts";
import type { Paths } from "../../crds/run-paths.ts";
import type { FoundResource } from "./resource.ts";

/** The reply of /resources/{id}/data: the run's record, or the task's (O-54, O-68, O-221). */
export function dataView({ run, task }: FoundResource, paths: Paths): { success: true; jobs: Record<string, unknown> } {
  const { pipeline, tasks, workPath } = run;
  if (task === undefined) return { success: true, jobs: runRecord(pipeline, tasks) };
  const names = tasks.map(({ name }) => name);
  return {
    success: true,
    jobs: taskRecord(pipeline, task, names, { ...paths, ...(workPath === undefined ? {} : { work: workPath }) }),
  };
}
