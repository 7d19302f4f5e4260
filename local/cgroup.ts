import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { systemCode } from "./local-error.ts";
import { waitFor } from "./wait.ts";

const MOUNT = "/sys/fs/cgroup";

/** The cgroup under which the kubelet puts every pod of a cluster. */
export function cgroupName(clusterId: string): string {
  return `odin-${clusterId}`;
}

/** Makes the cluster's cgroup: one directory with all controllers in version 2, one per controller in version 1. */
export async function createCgroup(clusterId: string): Promise<void> {
  const name = cgroupName(clusterId);
  if (existsSync(join(MOUNT, "cgroup.controllers"))) {
    const controllers = (await readFile(join(MOUNT, "cgroup.controllers"), "utf8")).trim().split(/\s+/);
    await mkdir(join(MOUNT, name), { recursive: true });
    for (const directory of [MOUNT, join(MOUNT, name)]) {
      for (const controller of controllers) {
        // One by one: a controller that cannot be delegated must not cost us the others.
        await writeFile(join(directory, "cgroup.subtree_control"), `+${controller}`).catch(() => {});
      }
    }
    return;
  }
  for (const hierarchy of await hierarchies()) {
    const directory = join(hierarchy, name);
    await mkdir(directory, { recursive: true });
    // In version 1 a new cpuset is empty, and nothing can run in it until it is filled.
    for (const file of ["cpuset.cpus", "cpuset.mems"]) {
      if (!existsSync(join(directory, file))) continue;
      await writeFile(join(directory, file), await readFile(join(hierarchy, file)));
    }
  }
}

/** Removes the cluster's cgroups; its processes must be gone. Nothing there is no error. */
export async function removeCgroup(clusterId: string): Promise<void> {
  for (const hierarchy of [MOUNT, ...(await hierarchies())]) {
    const directory = join(hierarchy, cgroupName(clusterId));
    if (!existsSync(directory)) continue;
    // A cgroup stays busy for a moment after its last process has ended.
    await waitFor(() => removeTree(directory), {
      deadlineMs: 10_000,
      everyMs: 50,
      what: `the removal of ${directory}`,
    });
  }
}

async function hierarchies(): Promise<string[]> {
  const entries = await readdir(MOUNT, { withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isDirectory() && existsSync(join(MOUNT, entry.name, "cgroup.procs")))
    .map((entry) => join(MOUNT, entry.name));
}

/** A cgroup's files cannot be deleted; only directories without children can, deepest first. */
async function removeTree(directory: string): Promise<boolean> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    if (entry.isDirectory()) await removeTree(join(directory, entry.name));
  }
  try {
    await rmdir(directory);
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
  }
  return true;
}
