import { isUtf8 } from "node:buffer";
import { taskId } from "../../crds/names.ts";
import type { CachedJob } from "../cache/job.ts";
import type { RepositoryFile, RepositoryJob } from "../git/jobs-repository.ts";
import { MAIN_FILE } from "../git/work-tree.ts";
import type { MainFileView } from "./main-yml-view.ts";

/** A file of a job as replies show it (O-61). */
export interface ConfigView {
  id: string;
  name: string;
  content: string;
  /** The content is left out: it is over 1 MiB, or no text. */
  truncated?: true;
}

/** A job as replies show it (O-60). */
export interface JobView {
  id: string;
  name: string;
  location: string;
  tasks: readonly object[];
  configs: ConfigView[];
  error?: string;
}

/** Who reads the tasks: `taskViews`, here or elsewhere. */
export interface TaskViewer {
  views(text: string, jobId: string): Promise<MainFileView>;
}

const MAX_CONTENT_BYTES = 1024 * 1024;
/** Endings of the files that are shown; some without a dot, as clients have always seen them (O-61). */
const SHOWN_ENDINGS = [".py", ".js", "txt", ".yml", ".sh", "yaml", "json", "config", "cfg", ".jinja2"];

/** A Job object as a job (O-60 to O-62). `root` is `ODIN_FS_ROOT`. */
export function jobView(job: CachedJob, root: string): JobView {
  const directory = `${root}/${job.id}`;
  return {
    id: job.id,
    name: job.id,
    location: `${directory}/${MAIN_FILE}`,
    tasks: job.problem === "" ? (job.spec.tasks ?? []).map((task) => ({ ...task, id: taskId(job.id, task.name) })) : [],
    configs: Object.entries(job.spec.files ?? {})
      .filter(([name]) => isShown(name))
      .map(([name, content]) => ({ id: `${directory}/${name}`, name, content }))
      .sort(byName),
    ...(job.problem === "" ? {} : { error: job.problem }),
  };
}

/** A job of the repository (O-60 to O-62). A job that is only a template has no tasks and no error. */
export async function repositoryJobView(job: RepositoryJob, viewer: TaskViewer): Promise<JobView> {
  const { tasks, error = job.problem } = job.main === undefined ? { tasks: [] } : await viewer.views(job.main, job.id);
  const shown = job.files.filter(({ name }) => isShown(name));
  const configs: ConfigView[] = [];
  for (const file of shown) configs.push(await configView(file, job.path));
  return {
    id: job.id,
    name: job.id,
    location: `${job.path}/${MAIN_FILE}`,
    tasks,
    configs,
    ...(error === undefined ? {} : { error }),
  };
}

/** A job of the repository of which nothing can be said but why. */
export function unreadableJobView(job: RepositoryJob, error: string): JobView {
  return { id: job.id, name: job.id, location: `${job.path}/${MAIN_FILE}`, tasks: [], configs: [], error };
}

async function configView(file: RepositoryFile, directory: string): Promise<ConfigView> {
  const { name } = file;
  const view = { id: `${directory}/${name}`, name };
  const bytes = file.size > MAX_CONTENT_BYTES ? undefined : await readable(file);
  if (bytes === undefined || bytes.length > MAX_CONTENT_BYTES || !isUtf8(bytes)) {
    return { ...view, content: "", truncated: true };
  }
  return { ...view, content: bytes.toString("utf8") };
}

/** A file that is gone or closed to us since it was listed is shown without its text: it breaks no list (O-60). */
async function readable(file: RepositoryFile): Promise<Buffer | undefined> {
  try {
    return await file.read();
  } catch {
    return undefined;
  }
}

function isShown(name: string): boolean {
  return name !== MAIN_FILE && SHOWN_ENDINGS.some((ending) => name.endsWith(ending));
}

function byName(a: { name: string }, b: { name: string }): number {
  return a.name < b.name ? -1 : Number(a.name > b.name);
}
