import { access, constants } from "node:fs/promises";
import { readState } from "./cluster-state.ts";
import { run } from "./command.ts";
import { layoutOf } from "./layout.ts";
import { LocalError } from "./local-error.ts";
import { type NodeSeat, nodeSeats } from "./node-seat.ts";
import { childrenOf, isRunning } from "./process-identity.ts";

const IMPORT_MS = 5 * 60_000;

/**
 * Runs containerd's client on the machine against a node of the cluster whose first process that is, so files are named as
 * the machine sees them.
 */
export function containerdCommand(
  nodePid: number,
  seat: NodeSeat,
  args: readonly string[],
  signal?: AbortSignal,
): Promise<string> {
  const socket = `/proc/${nodePid}/root${seat.containerdSocket}`;
  return run("ctr", ["--address", socket, ...args], { signal, timeoutMs: IMPORT_MS });
}

/** Puts the images of an archive (as `docker save` writes it, or an OCI layout in a tar) into the node's store. */
export async function importImages(
  nodePid: number,
  seat: NodeSeat,
  archive: string,
  signal?: AbortSignal,
): Promise<void> {
  await containerdCommand(nodePid, seat, ["--namespace", "k8s.io", "images", "import", archive], signal);
}

/**
 * Puts the images of these archives into every node of the running cluster of that directory, under the names that the archives give
 * them. Pods that name them need an `imagePullPolicy` other than Always.
 */
export async function loadImages(dir: string, archives: readonly string[], signal?: AbortSignal): Promise<void> {
  const nodes = await runningNodes(dir);
  for (const archive of archives) {
    await access(archive, constants.R_OK).catch(() => {
      throw new LocalError(`there is no image archive ${archive}, or it cannot be read`);
    });
    await onEach(nodes, ["import", archive], signal);
  }
}

/** Gives an image of the running cluster of that directory a further name; both with registry, repository and tag. */
export async function nameImage(dir: string, image: string, name: string): Promise<void> {
  await onEach(await runningNodes(dir), ["tag", "--force", image, name]);
}

/** The nodes of a cluster, which share one process that keeps their network. */
interface RunningNodes {
  pid: number;
  seats: readonly NodeSeat[];
}

async function runningNodes(dir: string): Promise<RunningNodes> {
  const layout = layoutOf(dir);
  const state = await readState(layout);
  const launcher = state?.components["node-init"];
  const node = launcher && isRunning(launcher) ? childrenOf(launcher.pid)[0] : undefined;
  if (!node) throw new LocalError(`no cluster with a node runs in ${layout.directory}`);
  return { pid: node.pid, seats: nodeSeats(state?.nodes ?? 1) };
}

/** Runs a command of containerd's client about images, on the nodes side by side. */
async function onEach({ pid, seats }: RunningNodes, command: readonly string[], signal?: AbortSignal): Promise<void> {
  const args = ["--namespace", "k8s.io", "images", ...command];
  await Promise.all(seats.map((seat) => containerdCommand(pid, seat, args, signal)));
}
