import type { Task } from "../../crds/generated/types.ts";
import { type Paths, taskPath } from "../../crds/run-paths.ts";
import type { Plan } from "../decide/run.ts";
import { fileVolumes } from "./file-volumes.ts";

/** Volumes of a pod and where its container sees them, in the form of the Pod API. */
export interface PodVolumes {
  volumes: Record<string, unknown>[];
  mounts: Record<string, unknown>[];
}

/** Everything a task mounts: what it asks for (O-127 – O-130), the job's files, and its own directory (O-107). */
export function volumesOf(task: Task, run: string, plan: Plan, paths: Paths): PodVolumes {
  const found: PodVolumes = { volumes: [], mounts: [] };
  const taken = new Set<string>([...(task.mounts ?? []), ...(task.ephemVolumes ?? [])].map((entry) => entry.name));
  addMounts(found, task);
  addSecrets(found, task, taken);
  addConfigMaps(found, task, taken);
  addTaskDirectory(found, task, run, paths, taken);
  addFiles(found, run, plan, paths, taken);
  return found;
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
  const covering = (task.mounts ?? [])
    .filter((mount) => mount.claim !== undefined && isWithin(path, mount.path))
    .sort((a, b) => b.path.length - a.path.length)[0];
  if (covering !== undefined) {
    const subPath = path.slice(withoutSlash(covering.path).length + 1);
    if (subPath !== "") found.mounts.push({ name: covering.name, mountPath: path, subPath });
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
