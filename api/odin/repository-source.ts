import { randomBytes } from "node:crypto";
import type { Problem } from "../../crds/problem.ts";
import type { SnapshotObject } from "../../crds/snapshot.ts";
import type { KubeClient } from "../../kube/client.ts";
import type { ClusterView } from "../cache/cluster-view.ts";
import { ApiError, retryAfter } from "../errors.ts";
import { type FileContents, frozenJob, frozenRoot, readFiles, storeSnapshot } from "../git/frozen-job.ts";
import type { JobsRepository, RepositoryJob } from "../git/jobs-repository.ts";
import { MAIN_FILE } from "../git/work-tree.ts";
import type { MainFiles } from "../main-file/main-files.ts";
import type { Mapping } from "../templates/value.ts";
import type { RunSource } from "./run-source.ts";

/** What launching from the repository needs. */
export interface RepositorySourceOptions {
  client: KubeClient;
  namespace: string;
  view: ClusterView;
  repository: JobsRepository;
  mainFiles: Pick<MainFiles, "check" | "render">;
  /** `ODIN_RENDER_PATH` (O-153). */
  renderPath: string;
  /** Tasks see the work tree itself, on a shared volume; nothing but rendered files is frozen (O-107). */
  filesAreLive: boolean;
}

/** How often a job is read again that changes while it is read. */
const READINGS = 5;
const RENDERED_TAIL = 4;
const TAIL_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz";

/**
 * A job of the repository as it is now: its files and those of the root, templates rendered with `context` (O-153). What is stored is the snapshots
 * of both, which runs of the same content share; the version is HEAD (O-106). Undefined if there is no such job.
 */
export async function repositorySource(
  options: RepositorySourceOptions,
  id: string,
  context: Mapping | undefined,
): Promise<RunSource | undefined> {
  const { repository } = options;
  for (let reading = 1; ; reading++) {
    try {
      const { head, value } = await repository.atHead(async () => {
        const job = await repository.job(id);
        return job === undefined ? undefined : await read(options, job, context);
      });
      return value?.(head);
    } catch (error) {
      if (!isGone(error)) throw error;
      if (reading === READINGS) break;
    }
  }
  throw new ApiError("Busy", `job ${id} changes faster than it can be read; try again`, { headers: retryAfter(1) });
}

async function read(
  options: RepositorySourceOptions,
  job: RepositoryJob,
  context: Mapping | undefined,
): Promise<(version: string) => RunSource> {
  const { client, namespace, view, repository, mainFiles, renderPath, filesAreLive } = options;
  const isTemplate = job.templates.length > 0;
  const problems: Problem[] = [];
  const contentsOf = async (files: RepositoryJob["files"]): Promise<FileContents> => {
    const found = await readFiles(files);
    problems.push(...found.problems);
    return found.files;
  };
  const kept = filesAreLive && !isTemplate ? {} : await contentsOf(job.files);
  const directory = isTemplate ? renderedDirectory(renderPath, job.id) : undefined;
  const name = directory?.slice(directory.lastIndexOf("/") + 1);
  const rendered =
    isTemplate && problems.length === 0 ? await mainFiles.render(kept, { name: name ?? "", ...context }) : undefined;
  problems.push(...(rendered?.problems ?? []));
  if (job.problem !== undefined && rendered?.main === undefined)
    problems.push({ path: MAIN_FILE, detail: job.problem });
  const text = rendered === undefined ? job.main : rendered.main;
  // Only a `main.yml` that its user sees as it stands has places in it.
  const checked = text === undefined ? undefined : await mainFiles.check(text, { places: !isTemplate });
  problems.push(...(checked?.problems ?? []));

  const main = checked?.file ?? { tasks: [] };
  const root = filesAreLive ? undefined : frozenRoot(await contentsOf([...(await repository.rootFiles())]), namespace);
  const content = {
    id: job.id,
    main,
    files: rendered?.files ?? kept,
    ...(root === undefined ? {} : { rootFiles: root.metadata.name }),
    ...(directory === undefined ? {} : { workPath: directory }),
  };
  const { snapshot, problems: sizes } = frozenJob(content, namespace);
  problems.push(...sizes);
  return (version) => ({
    ...(main.name === undefined ? {} : { name: main.name }),
    tasks: main.tasks,
    problems,
    async store() {
      // The root's files first: a snapshot never names what is not there.
      const snapshots: SnapshotObject[] = [...(root === undefined ? [] : [root]), snapshot];
      for (const one of snapshots) view.noteSnapshot(await storeSnapshot(client, one));
      return { snapshot: snapshot.metadata.name, version };
    },
  });
}

/** Where tasks find the files of one rendered run: `<ODIN_RENDER_PATH>/<job id>` and four characters. */
function renderedDirectory(renderPath: string, id: string): string {
  const tail = [...randomBytes(RENDERED_TAIL)].map((byte) => TAIL_ALPHABET[byte % TAIL_ALPHABET.length]).join("");
  return `${renderPath}/${id}${tail}`;
}

function isGone(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return code === "ENOENT" || code === "ENOTDIR" || code === "ELOOP" || code === "ESTALE";
}
