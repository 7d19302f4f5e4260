import { keptMetadata } from "../../kube/kept-metadata.ts";
import type { KubeObject, ObjectMeta } from "../../kube/resource.ts";
import type { GpuLabels } from "./readings.ts";

/** A node: what it has, where it is, and what its labels say of its GPUs. */
export interface GpuNode {
  metadata: ObjectMeta;
  /** `status.capacity`, as Kubernetes writes it. */
  capacity: Readonly<Record<string, string>>;
  /** Host name; the node's name where it has none. */
  host: string;
  /** Empty where it has none. */
  internalIp: string;
  /** Its labels of `nvidia.com` (G-19). */
  labels: GpuLabels;
}

interface RawNode extends KubeObject {
  status?: {
    capacity?: Record<string, string>;
    addresses?: { type: string; address: string }[];
  };
}

/** What is NVIDIA's among labels and resources. */
const PREFIX = "nvidia.com/";

/** Reduces a node. */
export function projectNode(raw: KubeObject): GpuNode {
  const { metadata, status } = raw as RawNode;
  const address = (wanted: string): string => status?.addresses?.find(({ type }) => type === wanted)?.address ?? "";
  return {
    metadata: keptMetadata(metadata),
    capacity: { ...status?.capacity },
    host: address("Hostname") || metadata.name,
    internalIp: address("InternalIP"),
    labels: Object.fromEntries(Object.entries(metadata.labels ?? {}).filter(([name]) => name.startsWith(PREFIX))),
  };
}

/** Whether a list of resources holds GPUs, whole or parts of one. */
export function hasGpus(resources: Readonly<Record<string, unknown>> | undefined): boolean {
  return Object.entries(resources ?? {}).some(([name, amount]) => name.startsWith(PREFIX) && String(amount) !== "0");
}
