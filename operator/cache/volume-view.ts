import { posix } from "node:path";
import type { Task } from "../../crds/generated/types.ts";
import { type Paths, workPath } from "../../crds/run-paths.ts";
import type { Plan } from "../decide/run.ts";
import type { SharedVolume } from "../kinds/pod-volumes.ts";

/**
 * Whether a task sees at a path what this process sees there: the path lies on the shared volume, and neither it nor anything inside it is hidden by
 * another mount of the task (O-202).
 */
export function seesVolumeAt(
  path: string,
  { task, run, plan, paths, shared }: { task: Task; run: string; plan: Plan; paths: Paths; shared: SharedVolume },
): boolean {
  if (!posix.isAbsolute(path) || posix.normalize(path).replace(/\/$/, "") !== path) return false;
  if (!path.startsWith(`${shared.path.replace(/\/$/, "")}/`)) return false;
  const isVolume = (mount: { path: string; claim?: string }): boolean =>
    mount.claim === shared.claim && plain(mount.path) === plain(shared.path);
  // A volume of the task's own at the place of the shared one is what it sees there, so that hides it too.
  const hiding = [
    ...(task.mounts ?? []).filter((mount) => !isVolume(mount)),
    ...(task.secrets ?? []),
    ...(task.configMaps ?? []),
  ].map((mount) => plain(mount.path));
  if (plan.snapshot !== undefined && plan.files.length > 0)
    hiding.push(plan.workPath ?? workPath(paths, run, plan.job));
  return !hiding.some((other) => isWithin(path, other) || isWithin(other, path));
}

function plain(path: string): string {
  return path.replace(/\/+$/, "");
}

function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory}/`);
}
