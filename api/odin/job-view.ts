import type { Task } from "../../crds/generated/types.ts";
import { taskId } from "../../crds/names.ts";
import type { CachedJob } from "../cache/job.ts";

/** A file of a job as replies show it (O-61). */
export interface ConfigView {
  id: string;
  name: string;
  content: string;
}

/** A job as replies show it (O-60). */
export interface JobView {
  id: string;
  name: string;
  location: string;
  tasks: (Task & { id: string })[];
  configs: ConfigView[];
  error?: string;
}

const DEFINITION = "main.yml";
/** Endings of the files that are shown; some without a dot, as clients have always seen them (O-61). */
const SHOWN_ENDINGS = [".py", ".js", "txt", ".yml", ".sh", "yaml", "json", "config", "cfg", ".jinja2"];

/** A Job object as a job (O-60 to O-62). `root` is `ODIN_FS_ROOT`. */
export function jobView(job: CachedJob, root: string): JobView {
  const directory = `${root}/${job.id}`;
  return {
    id: job.id,
    name: job.id,
    location: `${directory}/${DEFINITION}`,
    tasks: job.problem === "" ? (job.spec.tasks ?? []).map((task) => ({ ...task, id: taskId(job.id, task.name) })) : [],
    configs: Object.entries(job.spec.files ?? {})
      .filter(([name]) => name !== DEFINITION && SHOWN_ENDINGS.some((ending) => name.endsWith(ending)))
      .map(([name, content]) => ({ id: `${directory}/${name}`, name, content }))
      .sort(byName),
    ...(job.problem === "" ? {} : { error: job.problem }),
  };
}

function byName(a: { name: string }, b: { name: string }): number {
  return a.name < b.name ? -1 : Number(a.name > b.name);
}
