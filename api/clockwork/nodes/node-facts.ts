import { ANNOTATIONS, LABELS } from "../../../crds/names.ts";
import { type KeptMetadata, keptMetadata } from "../../../kube/kept-metadata.ts";
import { milliCpus, quantity } from "../../../kube/quantity.ts";
import type { KubeObject } from "../../../kube/resource.ts";
import { cut } from "../jobs/cut.ts";
import { seconds } from "../jobs/seconds.ts";

/** What a node has, or lets pods have. */
export interface NodeResources {
  milliCpu: number;
  /** Whole processors, rounded down. */
  cpus: number;
  /** MiB, rounded down. */
  memoryMiB: number;
  /** `nvidia.com/gpu`. */
  gpus: number;
  /** Instances of GPUs in MIG mode, by their profile. */
  migs: ReadonlyMap<string, number>;
}

/** A condition of a node that tells why it is not well. */
export interface NodeProblem {
  message: string;
  at: number | null;
}

/** What Clockwork keeps of a node: everything that is shown of it (C-77), and nothing that a heartbeat changes. Times are whole seconds since 1970. */
export interface NodeFacts {
  metadata: KeptMetadata;
  address: string;
  architecture: string;
  capacity: NodeResources;
  allocatable: NodeResources;
  ready: "yes" | "no" | "unknown";
  /** Of the condition Ready, else of one that says that the node runs short of something. */
  problem?: NodeProblem;
  isUnschedulable: boolean;
  /** When it was cordoned, as its taint says. */
  cordonedAt: number | null;
  isReserved: boolean;
  /** Newest of creation, transitions of conditions and times of taints. */
  changedAt: number;
  comment: string | null;
  cluster?: string;
  gpu: {
    product?: string;
    family?: string;
    /** MiB of one card. */
    memoryMiB?: number;
    /** Cards, where several pods share one. */
    count?: number;
    isShared: boolean;
  };
}

interface RawNode extends KubeObject {
  spec?: {
    unschedulable?: boolean;
    taints?: { key: string; timeAdded?: string | null }[];
  };
  status?: {
    capacity?: Record<string, string>;
    allocatable?: Record<string, string>;
    addresses?: { type: string; address: string }[];
    nodeInfo?: { architecture?: string };
    conditions?: Condition[];
  };
}

interface Condition {
  type: string;
  status: string;
  reason?: string;
  message?: string;
  lastTransitionTime?: string | null;
}

const GPU = "nvidia.com/gpu";
const MIG = "nvidia.com/mig-";
const CORDON = "node.kubernetes.io/unschedulable";
const RESERVED = "odin.io/reserved";
const MIB = 1024 * 1024;

/** Reduces a node. */
export function projectNodeFacts(raw: KubeObject): NodeFacts {
  const { metadata, spec = {}, status = {} } = raw as RawNode;
  const { labels = {}, annotations = {} } = metadata;
  const { conditions = [], addresses = [] } = status;
  const { taints = [] } = spec;
  const address = (wanted: string): string | undefined => addresses.find(({ type }) => type === wanted)?.address;
  const ready = conditions.find(({ type }) => type === "Ready");
  const problem = problemOf(ready, conditions);
  const cluster = labels[LABELS.cluster];
  const comment = annotations[ANNOTATIONS.comment];
  const changes = [
    metadata.creationTimestamp,
    ...conditions.map(({ lastTransitionTime }) => lastTransitionTime),
    ...taints.map(({ timeAdded }) => timeAdded),
  ];
  return {
    metadata: keptMetadata(metadata),
    address: address("InternalIP") ?? address("Hostname") ?? metadata.name,
    architecture: status.nodeInfo?.architecture ?? labels["kubernetes.io/arch"] ?? "",
    capacity: resourcesOf(status.capacity),
    allocatable: resourcesOf(status.allocatable),
    ready: ready?.status === "True" ? "yes" : ready?.status === "False" ? "no" : "unknown",
    ...(problem === undefined ? {} : { problem }),
    isUnschedulable: spec.unschedulable === true,
    cordonedAt: seconds(taints.find(({ key }) => key === CORDON)?.timeAdded),
    isReserved: taints.some(({ key }) => key === RESERVED),
    changedAt: Math.max(0, ...changes.map((time) => seconds(time) ?? 0)),
    comment: comment === undefined ? null : cut(comment),
    ...(cluster === undefined || cluster === "" ? {} : { cluster }),
    gpu: gpuOf(labels),
  };
}

function problemOf(ready: Condition | undefined, conditions: readonly Condition[]): NodeProblem | undefined {
  const failing =
    ready !== undefined && ready.status !== "True"
      ? ready
      : conditions.find(({ type, status }) => type.endsWith("Pressure") && status === "True");
  if (failing === undefined) return undefined;
  const { type, reason, message, lastTransitionTime } = failing;
  return { message: cut(message || reason || type), at: seconds(lastTransitionTime) };
}

function resourcesOf(list: Readonly<Record<string, string>> = {}): NodeResources {
  const migs = Object.entries(list)
    .filter(([name, amount]) => name.startsWith(MIG) && quantity(amount) > 0)
    .map(([name, amount]) => [name.slice(MIG.length), quantity(amount)] as const);
  return {
    milliCpu: milliCpus(list.cpu),
    cpus: Math.floor(milliCpus(list.cpu) / 1000),
    memoryMiB: Math.floor(quantity(list.memory) / MIB),
    gpus: quantity(list[GPU]),
    migs: new Map(migs.sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}

function gpuOf(labels: Readonly<Record<string, string>>): NodeFacts["gpu"] {
  const text = (name: string): string | undefined => labels[`${GPU}.${name}`] || undefined;
  const number = (name: string): number | undefined => {
    const given = text(name) ?? "";
    return /^[1-9]\d{0,8}$/.test(given) ? Number(given) : undefined;
  };
  const [product, family, memoryMiB, count] = [text("product"), text("family"), number("memory"), number("count")];
  return {
    ...(product === undefined ? {} : { product }),
    ...(family === undefined ? {} : { family }),
    ...(memoryMiB === undefined ? {} : { memoryMiB }),
    ...(count === undefined ? {} : { count }),
    isShared: product?.endsWith("-SHARED") === true || (number("replicas") ?? 1) > 1,
  };
}
