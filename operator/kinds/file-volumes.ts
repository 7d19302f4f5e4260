import { type Paths, workPath } from "../../crds/run-paths.ts";
import { fileKey } from "../../crds/snapshot.ts";
import type { Plan } from "../decide/run.ts";

/** Volumes to add and where to mount them, in the form of the Pod API. */
export interface FileVolumes {
  volumes: Record<string, unknown>[];
  mounts: Record<string, unknown>[];
}

/** Files of one snapshot and the directory where tasks see them. */
interface FileSet {
  snapshot: string;
  files: readonly string[];
  directory: string;
}

/**
 * The job's files at WORK_PATH and the files of the jobs' root at ROOT_PATH, read-only, from their snapshots (O-107). `taken` are the paths where the
 * task mounts something else: what it mounts itself at one of the two directories wins. Normally both come in one projected volume, because
 * nothing can be mounted inside a mount that is read-only; where the task mounts something inside one of the directories, its
 * files are mounted one by one, for the same reason. `volumeName` gives a name that is free in the pod.
 */
export function fileVolumes(
  run: string,
  plan: Plan,
  paths: Paths,
  taken: readonly string[],
  volumeName: (wanted: string) => string,
): FileVolumes {
  const found: FileVolumes = { volumes: [], mounts: [] };
  const work = plan.workPath ?? workPath(paths, run, plan.job);
  const isFree = ({ directory, files }: FileSet): boolean => files.length > 0 && !taken.includes(directory);
  const root = plan.rootFiles && { ...plan.rootFiles, directory: paths.root };
  const job = plan.snapshot === undefined ? undefined : { snapshot: plan.snapshot, files: plan.files, directory: work };
  const sets = [root, job].filter((set) => set !== undefined).filter(isFree);
  const [first, second] = sets;
  const add = (sources: readonly Source[], directory: string): void => {
    const name = volumeName("odin-files");
    found.volumes.push(volume(name, sources));
    found.mounts.push({ name, mountPath: directory, readOnly: true });
  };
  if (first && second && isInside(second.directory, first.directory) && !isCrossed(first, taken)) {
    const below = second.directory.slice(first.directory.length + 1);
    const [segment] = below.split("/");
    const rootItems = itemsOf(first).filter(({ path }) => path !== segment);
    const jobItems = itemsOf(second).map(({ key, path }) => ({ key, path: `${below}/${path}` }));
    add(
      [
        { name: first.snapshot, items: rootItems },
        { name: second.snapshot, items: jobItems },
      ],
      first.directory,
    );
    return found;
  }
  for (const set of sets) {
    if (!isCrossed(set, taken)) {
      add([{ name: set.snapshot, items: itemsOf(set) }], set.directory);
      continue;
    }
    const name = volumeName("odin-files");
    found.volumes.push(volume(name, [{ name: set.snapshot, items: itemsOf(set) }]));
    for (const { path } of itemsOf(set)) {
      const mountPath = `${set.directory}/${path}`;
      // What the task mounts in place of a file, or below its name, wins over the file.
      if (!taken.some((other) => other === mountPath || isInside(other, mountPath) || isInside(work, mountPath)))
        found.mounts.push({ name, mountPath, subPath: path, readOnly: true });
    }
  }
  return found;
}

interface Source {
  name: string;
  items: { key: string; path: string }[];
}

function volume(name: string, sources: readonly Source[]): Record<string, unknown> {
  const [only, ...others] = sources;
  return others.length === 0
    ? { name, configMap: only }
    : { name, projected: { sources: sources.map((configMap) => ({ configMap })) } };
}

/** Keys of the ConfigMap with the names of the files that they hold. */
function itemsOf({ files }: FileSet): { key: string; path: string }[] {
  return files.map((path, index) => ({ key: fileKey(index), path }));
}

/** Whether something is mounted strictly inside the directory. */
function isCrossed({ directory }: FileSet, taken: readonly string[]): boolean {
  return taken.some((other) => isInside(other, directory));
}

/** Whether a path lies strictly inside a directory. */
function isInside(path: string, directory: string): boolean {
  return path.startsWith(`${directory.replace(/\/+$/, "")}/`) && path.length > directory.length + 1;
}
