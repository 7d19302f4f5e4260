import { rm } from "node:fs/promises";
import { killMarked } from "./component.ts";
import { assertOurs, clusterIds, type Layout } from "./layout.ts";

/**
 * Leaves nothing of the cluster in that directory: its processes, what they made on the machine, and its files. Works
 * from any state, half-started ones included, and does nothing where there is nothing.
 */
export async function removeCluster(layout: Layout): Promise<void> {
  await assertOurs(layout);
  await killMarked(await clusterIds(layout));
  await rm(layout.directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}
