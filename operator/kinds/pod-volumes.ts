import type { Task } from "../../crds/generated/types.ts";
import { type Paths, taskPath } from "../../crds/run-paths.ts";
import type { Plan } from "../decide/run.ts";
import { fileVolumes } from "./file-volumes.ts";
import { withOdinObjects } from "./odin-commands.ts";

/** Volumes of a pod and where its container sees them, in the form of the Pod API. */
export interface PodVolumes {
  volumes: Record<string, unknown>[];
  mounts: Record<string, unknown>[];
}

/** The volume that facade, operator and tasks share (O-107): its claim, and where everyone has it mounted. */
export interface SharedVolume {
  claim: string;
  path: string;
}

/**
 * Everything a task mounts: what it asks for (O-127 – O-130), what its command needs (O-166), the shared volume where there is one, the
 * job's files, and its own directory (O-107).
 */
export function volumesOf(
  asked: Task,
  run: string,
  plan: Plan,
  paths: Paths,
  shared: SharedVolume | undefined,
): PodVolumes {
  const task = withSharedVolume(withOdinObjects(asked, plan.odinObjects), shared);
  const found: PodVolumes = { volumes: [], mounts: [] };
  const taken = new Set<string>([...(task.mounts ?? []), ...(task.ephemVolumes ?? [])].map((entry) => entry.name));
  addMounts(found, task);
  addSecrets(found, task, taken);
  addConfigMaps(found, task, taken);
  // On the shared volume the operator has made it.
  if (shared === undefined || !isOnSharedVolume(task, taskPath(paths, run, task.name), shared))
    addTaskDirectory(found, task, run, paths, taken);
  addFiles(found, run, plan, paths, taken);
  return found;
}

/** The task with the shared volume among its mounts; a volume that it mounts itself at that place wins. */
function withSharedVolume(task: Task, shared: SharedVolume | undefined): Task {
  const mounts = task.mounts ?? [];
  if (shared === undefined || mounts.some(({ path }) => withoutSlash(path) === shared.path)) return task;
  const names = new Set([...mounts, ...(task.ephemVolumes ?? [])].map(({ name }) => name));
  return {
    ...task,
    mounts: [...mounts, { name: fresh("odin-shared", names), path: shared.path, claim: shared.claim }],
  };
}

/** Whether what the task sees at a path lies on the shared volume. */
function isOnSharedVolume(task: Task, path: string, shared: SharedVolume): boolean {
  const innermost = covering(task, path);
  return innermost?.claim === shared.claim && withoutSlash(innermost.path) === shared.path;
}

/** The mount of a claim that a path lies in. */
function covering(task: Task, path: string): NonNullable<Task["mounts"]>[number] | undefined {
  return (task.mounts ?? [])
    .filter((mount) => mount.claim !== undefined && isWithin(path, mount.path))
    .sort((a, b) => b.path.length - a.path.length)[0];
}

/** A volume name that no other volume of the pod has. */
function fresh(name: string, taken: Set<string>): string {
  let candidate = name;
  for (let n = 1; taken.has(candidate); n++) candidate = `${name}-${n}`;
  taken.add(candidate);
  return candidate;
}

function addMounts(found: PodVolumes, task: Task): void {
  const claims = new Map<string, string>();
  for (const mount of task.mounts ?? []) {
    if (mount.claim !== undefined) claims.set(mount.name, mount.claim);
    found.mounts.push({ name: mount.name, mountPath: mount.path });
  }
  for (const [name, claimName] of claims) found.volumes.push({ name, persistentVolumeClaim: { claimName } });
  for (const volume of task.ephemVolumes ?? []) {
    const emptyDir: Record<string, unknown> = {};
    if (volume.medium) emptyDir.medium = volume.medium;
    if (volume.sizeLimit !== undefined) emptyDir.sizeLimit = volume.sizeLimit;
    found.volumes.push({ name: volume.name, emptyDir });
  }
}

function addSecrets(found: PodVolumes, task: Task, taken: Set<string>): void {
  // One volume for each Secret and mode: the mode belongs to the volume.
  const volumes = new Map<string, string>();
  for (const secret of task.secrets ?? []) {
    const key = `${secret.name} ${secret.mode ?? ""}`;
    let name = volumes.get(key);
    if (name === undefined) {
      name = fresh(`secret-${volumes.size}`, taken);
      volumes.set(key, name);
      found.volumes.push({ name, secret: { secretName: secret.name, defaultMode: secret.mode ?? 0o644 } });
    }
    found.mounts.push({
      name,
      mountPath: secret.path,
      readOnly: true,
      ...(secret.subPath ? { subPath: secret.subPath } : {}),
    });
  }
}

function addConfigMaps(found: PodVolumes, task: Task, taken: Set<string>): void {
  const volumes = new Map<string, string>();
  for (const configMap of task.configMaps ?? []) {
    let name = volumes.get(configMap.name);
    if (name === undefined) {
      name = fresh(`config-${volumes.size}`, taken);
      volumes.set(configMap.name, name);
      found.volumes.push({ name, configMap: { name: configMap.name } });
    }
    found.mounts.push({
      name,
      mountPath: configMap.path,
      readOnly: true,
      ...(configMap.subPath ? { subPath: configMap.subPath } : {}),
    });
  }
}

/** The files that come from snapshots; last, because they keep out of the way of everything else. */
function addFiles(found: PodVolumes, run: string, plan: Plan, paths: Paths, taken: Set<string>): void {
  const places = found.mounts.map(({ mountPath }) => withoutSlash(String(mountPath)));
  const { volumes, mounts } = fileVolumes(run, plan, paths, places, (wanted) => fresh(wanted, taken));
  found.volumes.push(...volumes);
  found.mounts.push(...mounts);
}

/**
 * TASK_PATH: on the claim that the task mounts over the data path, where a `subPath` mount makes the directory; else on a volume that
 * lives as long as the pod.
 */
function addTaskDirectory(found: PodVolumes, task: Task, run: string, paths: Paths, taken: Set<string>): void {
  const path = taskPath(paths, run, task.name);
  const mount = covering(task, path);
  if (mount !== undefined) {
    const subPath = path.slice(withoutSlash(mount.path).length + 1);
    if (subPath !== "") found.mounts.push({ name: mount.name, mountPath: path, subPath });
    return;
  }
  const name = fresh("odin-task", taken);
  found.volumes.push({ name, emptyDir: {} });
  found.mounts.push({ name, mountPath: path });
}

function withoutSlash(path: string): string {
  return path.replace(/\/+$/, "");
}

function isWithin(path: string, directory: string): boolean {
  return path === withoutSlash(directory) || path.startsWith(`${withoutSlash(directory)}/`);
}
