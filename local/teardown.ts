import { rm } from "node:fs/promises";
import { removeCgroup } from "./cgroup.ts";
import { killMarked } from "./component.ts";
import { closeNetwork } from "./host-network.ts";
import { assertOurs, clusterIds, type Layout } from "./layout.ts";

/**
 * Leaves nothing of the cluster in that directory: its processes, what they made on the machine, and its files. Works
 * from any state, half-started ones included, and does nothing where there is nothing.
 */
export async function removeCluster(layout: Layout): Promise<void> {
  await assertOurs(layout);
  const ids = await clusterIds(layout);
  await killMarked(ids);
  // Only root can have made anything outside the directory.
  if (process.getuid?.() === 0) {
    for (const id of ids) {
      await removeCgroup(id);
      await closeNetwork(id);
    }
  }
  await rm(layout.directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}
