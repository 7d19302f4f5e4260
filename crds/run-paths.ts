import { taskId } from "./names.ts";
import type { Variable } from "./variables.ts";

/** Where a task sees the job's files and where runs write; the same in every part of the system (O-107). */
export interface Paths {
  /** `ODIN_FS_ROOT`: the jobs, each at `<root>/<job id>`. */
  root: string;
  /** `ODIN_DATA_PATH`: the runs, each at `<data>/<run id>`. */
  data: string;
  /** Where the files of one run are, if not at `<root>/<job id>`: the directory of a rendered job (O-153). */
  work?: string;
}

/** The settings' defaults (O-270). */
export const DEFAULT_PATHS: Paths = { root: "/data/pipelines", data: "/data/odin" };

/** Directory of the job's files in a task. A run without a job has them under its own id. */
export function workPath(paths: Paths, run: string, job: string | undefined): string {
  return paths.work ?? `${paths.root}/${job ?? run}`;
}

/** Directory that belongs to one task of a run. */
export function taskPath(paths: Paths, run: string, task: string): string {
  return `${paths.data}/${run}/${task}`;
}

/** Values of the variables for the texts of one task (O-150). */
export function variablesOf(
  paths: Paths,
  run: string,
  job: string | undefined,
  task: string,
  taskNames: readonly string[],
): (name: Variable) => string {
  return (name) => {
    switch (name) {
      case "PIPE_ID":
        return run;
      case "ROOT_PATH":
        return paths.root;
      case "WORK_PATH":
        return workPath(paths, run, job);
      case "DATA_PATH":
        return paths.data;
      case "RUN_PATH":
        return `${paths.data}/${run}`;
      case "TASK_PATH":
        return taskPath(paths, run, task);
      case "TASK_ID":
        return taskId(run, task);
      case "TASK_NAME":
        return task;
      case "TASK_IDS":
        return JSON.stringify(taskNames.map((other) => taskId(run, other)));
    }
  };
}
