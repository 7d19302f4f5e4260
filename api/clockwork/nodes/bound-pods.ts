import type { PodRequests } from "../../../kube/pod-requests.ts";

/** A pod, as far as it matters to its node. */
export interface PodOnNode {
  node: string | null;
  phase: string;
  /** A mirror pod, or one of a DaemonSet: not counted as the node's work. */
  isSystem: boolean;
  requests: PodRequests;
}

/** What the pods that are bound to a node set aside together (C-77). */
export interface NodeWork {
  pods: number;
  milliCpu: number;
  /** Bytes. */
  memory: number;
  gpus: number;
  /** Instances of GPUs in MIG mode, by their profile. */
  migs: ReadonlyMap<string, number>;
}

/** A node on which nothing is bound. */
export const NO_WORK: NodeWork = { pods: 0, milliCpu: 0, memory: 0, gpus: 0, migs: new Map() };

/** The work of each node that has some: pods that have not ended, without those that come with every node. */
export function workByNode(pods: Iterable<PodOnNode>): ReadonlyMap<string, NodeWork> {
  const work = new Map<string, NodeWork>();
  for (const { node, phase, isSystem, requests } of pods) {
    if (node === null || isSystem || phase === "Succeeded" || phase === "Failed") continue;
    const before = work.get(node) ?? NO_WORK;
    work.set(node, {
      pods: before.pods + 1,
      milliCpu: before.milliCpu + requests.milliCpu,
      memory: before.memory + requests.memory,
      gpus: before.gpus + requests.gpus,
      migs: sum(before.migs, requests.migs),
    });
  }
  return work;
}

function sum(
  before: ReadonlyMap<string, number>,
  more: Readonly<Record<string, number>> | undefined,
): ReadonlyMap<string, number> {
  if (more === undefined) return before;
  const together = new Map(before);
  for (const [profile, count] of Object.entries(more)) together.set(profile, (together.get(profile) ?? 0) + count);
  return together;
}
