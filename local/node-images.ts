import { access, constants } from "node:fs/promises";
import { readState } from "./cluster-state.ts";
import { run } from "./command.ts";
import { layoutOf } from "./layout.ts";
import { LocalError } from "./local-error.ts";
import { INSIDE } from "./node-namespace.ts";
import { childrenOf, isRunning } from "./process-identity.ts";

const IMPORT_MS = 5 * 60_000;

/**
 * Runs containerd's client on the machine against the node whose first process that is, so files are named as the machine
 * sees them.
 */
export function containerdCommand(nodePid: number, args: readonly string[], signal?: AbortSignal): Promise<string> {
  const socket = `/proc/${nodePid}/root${INSIDE.containerdSocket}`;
  return run("ctr", ["--address", socket, ...args], { signal, timeoutMs: IMPORT_MS });
}

/** Puts the images of an archive (as `docker save` writes it, or an OCI layout in a tar) into the node's store. */
export async function importImages(nodePid: number, archive: string, signal?: AbortSignal): Promise<void> {
  await containerdCommand(nodePid, ["--namespace", "k8s.io", "images", "import", archive], signal);
}

/**
 * Puts the images of these archives into the running cluster of that directory, under the names that the archives give
 * them. Pods that name them need an `imagePullPolicy` other than Always.
 */
export async function loadImages(dir: string, archives: readonly string[], signal?: AbortSignal): Promise<void> {
  const layout = layoutOf(dir);
  const state = await readState(layout);
  const launcher = state?.components["node-init"];
  const node = launcher && isRunning(launcher) ? childrenOf(launcher.pid)[0] : undefined;
  if (!node) throw new LocalError(`no cluster with a node runs in ${layout.directory}`);
  for (const archive of archives) {
    await access(archive, constants.R_OK).catch(() => {
      throw new LocalError(`there is no image archive ${archive}, or it cannot be read`);
    });
    await importImages(node.pid, archive, signal);
  }
}
