import type { NodeGpus } from "../gpu/gpus.ts";
import { type GpuView, gpuView } from "./gpu-view.ts";

/**
 * A node of the reply of GET /nodes (O-230): its capacity as Kubernetes has it, by resource name, beside `host`,
 * `internalIP`, `gpus` and, where its exporter could not be read, `gpuError`.
 */
export type NodeView = Record<string, string | GpuView[]>;

/** Nodes as the document shows them. `now` is on the clock of `performance.now()`; rows older than `freshMs` are stale (G-35). */
export function nodesView(nodes: readonly NodeGpus[], now: number, freshMs: number): { nodes: NodeView[] } {
  return {
    nodes: nodes.map(({ node, rows, error }) => ({
      ...node.capacity,
      host: node.host,
      internalIP: node.internalIp || "N/A",
      gpus: rows.map((read) => gpuView(read, node.labels, now - read.readAt > freshMs)),
      ...(error === undefined ? {} : { gpuError: error }),
    })),
  };
}
