import { removeCgroup } from "./cgroup.ts";
import { killMarked } from "./component.ts";
import { withFileLock } from "./file-lock.ts";
import { closeNetwork, NETWORK_LOCK } from "./host-network.ts";
import { assertOurs, clusterIds, type Layout, removeDirectories } from "./layout.ts";

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
      await withFileLock(NETWORK_LOCK, {}, () => closeNetwork(id));
    }
  }
  await removeDirectories(layout);
}
