import { MAX_FILES, MAX_FILES_BYTES } from "../../crds/limits.ts";
import type { MainFile } from "../../crds/main-yml.ts";
import { ANNOTATIONS, jobObjectName } from "../../crds/names.ts";
import type { Problem } from "../../crds/problem.ts";
import { policyOf, type SnapshotObject, snapshotOf, snapshotProblems } from "../../crds/snapshot.ts";
import type { KubeClient } from "../../kube/client.ts";
import { ensureContentObject } from "../../kube/content-object.ts";
import { CONFIG_MAP } from "../../kube/core-resources.ts";
import type { KubeObject } from "../../kube/resource.ts";
import type { RepositoryFile } from "./jobs-repository.ts";

/** Files by name, as they go into a snapshot. */
export type FileContents = Readonly<Record<string, Buffer>>;

/** What is frozen of a job for its runs (O-107). */
export interface JobContent {
  id: string;
  main: MainFile;
  files: FileContents;
  /** Name of the root's snapshot. */
  rootFiles?: string;
  /** Where tasks see the files, if not at `<root>/<job id>`. */
  workPath?: string;
}

/**
 * Reads files for a snapshot. More than a ConfigMap can hold is a problem that names the sizes, and is not read. Rejects with the system's error if
 * a file is gone since it was listed.
 */
export async function readFiles(
  files: readonly RepositoryFile[],
): Promise<{ files: FileContents; problems: Problem[] }> {
  const bytes = files.reduce((sum, { size, name }) => sum + size + Buffer.byteLength(name), 0);
  if (bytes > MAX_FILES_BYTES) {
    const largest = files.reduce(
      (most, file) => (file.size > most.size ? file : most),
      files[0] ?? { name: "", size: 0 },
    );
    const detail = `${bytes} bytes of files, ${largest.size} of them in ${largest.name}; the most is ${MAX_FILES_BYTES}: keep larger data on a volume, or share the jobs' directory by a volume (ODIN_VOLUME_CLAIM)`;
    return { files: {}, problems: [{ path: "files", detail }] };
  }
  if (files.length > MAX_FILES) {
    return { files: {}, problems: [{ path: "files", detail: `${files.length} files; the most is ${MAX_FILES}` }] };
  }
  const contents: Record<string, Buffer> = {};
  for (const file of files) contents[file.name] = await file.read();
  return { files: contents, problems: [] };
}

/**
 * The snapshot of a job's tasks and files. It carries no version: commits that change nothing of the job leave it as it is, and runs of
 * different versions share it.
 */
export function frozenJob(content: JobContent, namespace: string): { snapshot: SnapshotObject; problems: Problem[] } {
  const { id, main, files, rootFiles, workPath } = content;
  const definition = {
    job: id,
    ...(main.name === undefined ? {} : { prefix: main.name }),
    tasks: main.tasks,
    ...(rootFiles === undefined ? {} : { rootFiles }),
    ...(workPath === undefined ? {} : { workPath }),
    files: Object.keys(files).sort(),
    failFast: main.failFast ?? false,
    ...policyOf(main.runPolicy ?? {}),
  };
  const snapshot = snapshotOf(definition, files, namespace, jobObjectName(id));
  return { snapshot, problems: snapshotProblems(snapshot) };
}

/** The snapshot of the files directly in the root; undefined if there are none. */
export function frozenRoot(files: FileContents, namespace: string): SnapshotObject | undefined {
  const names = Object.keys(files).sort();
  if (names.length === 0) return undefined;
  return snapshotOf({ tasks: [], files: names, failFast: false }, files, namespace, "root");
}

/** Makes sure that a snapshot is in the cluster, and stays there long enough to be named; gives it as it is stored. */
export async function storeSnapshot(client: KubeClient, snapshot: SnapshotObject): Promise<KubeObject> {
  return await ensureContentObject(client, CONFIG_MAP, snapshot, ANNOTATIONS.used);
}
