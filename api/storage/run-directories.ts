import { dirname } from "node:path";
import type { Task } from "../../crds/generated/types.ts";

/** A directory to remove, as tasks see it. */
export interface Doomed {
  parent: string;
  name: string;
}

/** A directory to remove, on the claim that tasks see there. */
export interface DoomedOnClaim {
  claim: string;
  /** Path of the parent on the claim; empty: the claim's own root. */
  parent: string;
  name: string;
}

/**
 * What the clean-up of a run's files removes (O-211): its directory below the data path, and the directory of a rendered job, as long as that lies
 * inside the render path, since a definition may say anything.
 */
export function doomedOf(run: string, paths: { data: string; rendered: string }, workPath?: string): Doomed[] {
  const doomed = [{ parent: paths.data, name: run }];
  const name = workPath?.slice(workPath.lastIndexOf("/") + 1) ?? "";
  const isRendered = workPath?.startsWith(`${paths.rendered}/`) && !workPath.split("/").includes("..") && name !== "";
  if (workPath !== undefined && isRendered) doomed.push({ parent: dirname(workPath), name });
  return doomed;
}

/** The places on claims where tasks of a run see these directories, each once. */
export function onClaims(doomed: readonly Doomed[], tasks: readonly Task[]): DoomedOnClaim[] {
  const found = new Map<string, DoomedOnClaim>();
  for (const { parent, name } of doomed) {
    for (const task of tasks) {
      const [mount] = (task.mounts ?? [])
        .filter(({ path, claim }) => claim !== undefined && isWithin(parent, plain(path)))
        .sort((a, b) => b.path.length - a.path.length);
      if (mount?.claim === undefined) continue;
      const below = { claim: mount.claim, parent: parent.slice(plain(mount.path).length + 1), name };
      found.set(JSON.stringify(below), below);
    }
  }
  return [...found.values()];
}

function plain(path: string): string {
  return path.replace(/\/+$/, "");
}

function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory}/`);
}
