import { keptMetadata } from "../../kube/kept-metadata.ts";
import type { KubeObject, ObjectMeta } from "../../kube/resource.ts";

/** A pod of a GPU exporter, as far as it matters for asking it. */
export interface ExporterPod {
  metadata: ObjectMeta;
  /** Empty before it has a node. */
  node: string;
  /** Address of the pod; empty before it has one. */
  ip: string;
  port: number;
  ready: boolean;
}

interface RawPod extends KubeObject {
  spec?: { nodeName?: string; containers?: { ports?: { name?: string; containerPort?: number }[] }[] };
  status?: {
    podIP?: string;
    podIPs?: { ip?: string }[];
    conditions?: { type: string; status: string }[];
  };
}

/** Where exporters listen unless their pod names a port (G-1, G-30). */
const DEFAULT_PORT = 9400;
const PORT_NAME = "metrics";

/** Reduces a pod. */
export function projectExporterPod(raw: KubeObject): ExporterPod {
  const { metadata, spec, status } = raw as RawPod;
  const ports = (spec?.containers ?? []).flatMap((container) => container.ports ?? []);
  return {
    metadata: keptMetadata(metadata),
    node: spec?.nodeName ?? "",
    ip: status?.podIP || status?.podIPs?.[0]?.ip || "",
    port: ports.find(({ name }) => name === PORT_NAME)?.containerPort ?? DEFAULT_PORT,
    ready: status?.conditions?.some(({ type, status: is }) => type === "Ready" && is === "True") ?? false,
  };
}

/** Whether it can be asked: only Ready pods on a node are (G-30). */
export function canBeAsked({ metadata, node, ip, ready }: ExporterPod): boolean {
  return ready && node !== "" && ip !== "" && metadata.deletionTimestamp === undefined;
}
