import { INSIDE } from "./node-namespace.ts";

/**
 * What one node has to itself. All nodes of a cluster live in the same namespaces, network and pods' range included, so
 * that a second one costs no more than a second containerd and kubelet.
 */
export interface NodeSeat {
  /** The name of the Node object. */
  name: string;
  /** Ends the names of files and processes; empty for the first node. */
  suffix: string;
  containerdState: string;
  containerdSocket: string;
  kubeletPort: number;
  /** Path of the cgroup of its pods below that of the cluster. */
  cgroup: string;
}

/** The name of the first node. */
export const NODE_NAME = "odin-node";

const KUBELET_PORT = 10250;

/** The seats of that many nodes, 1 to 9. */
export function nodeSeats(count: number): [NodeSeat, ...NodeSeat[]] {
  return [seat(1), ...Array.from({ length: count - 1 }, (_, index) => seat(index + 2))];
}

function seat(number: number): NodeSeat {
  const suffix = number === 1 ? "" : `-${number}`;
  const state = `/run/containerd${suffix}`;
  return {
    name: `${NODE_NAME}${suffix}`,
    suffix,
    containerdState: state,
    containerdSocket: number === 1 ? INSIDE.containerdSocket : `${state}/containerd.sock`,
    kubeletPort: KUBELET_PORT + number - 1,
    // A kubelet removes what it does not know below its cgroup's `kubepods`, so two cannot share one.
    cgroup: number === 1 ? "" : `/node${suffix}`,
  };
}
