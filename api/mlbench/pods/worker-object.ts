import { LABELS } from "../../../crds/names.ts";
import { type KeptMetadata, keptMetadata } from "../../../kube/kept-metadata.ts";
import type { KubeObject } from "../../../kube/resource.ts";
import type { PodRecord } from "../../../store/mlbench-pods.ts";

/** A worker pod, as far as the MLBench API looks at it (M-15 to M-17). */
export interface WorkerObject {
  metadata: KeptMetadata;
  labels: Readonly<Record<string, string>>;
  phase: string;
  /** Empty until there is one. */
  ip: string;
  /** Empty until one is chosen. */
  node: string;
  /** Address of that node; empty until it is known. */
  hostIp: string;
  /** Whether it shares the address of its node with others. */
  hostNetwork: boolean;
  /** The run whose label it carries, whoever wrote it. */
  run?: number;
  /** UID of the StatefulSet that controls it. */
  set?: string;
  /** Of its first container. */
  container: string;
  /** Why it does not run, where it will not by itself: no node, or no image. */
  trouble?: string;
}

interface RawPod extends KubeObject {
  spec?: { nodeName?: string; hostNetwork?: boolean; containers?: { name: string }[] };
  status?: {
    phase?: string;
    podIP?: string;
    hostIP?: string;
    conditions?: { type: string; status: string; reason?: string; message?: string }[];
    containerStatuses?: { state?: { waiting?: { reason?: string; message?: string } } }[];
  };
}

/** Reduces a pod to what the MLBench API needs. */
export function projectWorker(raw: KubeObject): WorkerObject {
  const { metadata, spec, status } = raw as RawPod;
  const labels = metadata.labels ?? {};
  const run = runOf(labels);
  const trouble = troubleOf(status);
  const owner = metadata.ownerReferences?.find(({ controller }) => controller);
  return {
    metadata: keptMetadata(metadata),
    labels,
    phase: status?.phase ?? "Unknown",
    ip: status?.podIP ?? "",
    node: spec?.nodeName ?? "",
    hostIp: status?.hostIP ?? "",
    hostNetwork: spec?.hostNetwork ?? false,
    ...(run === undefined ? {} : { run }),
    ...(owner?.kind === "StatefulSet" ? { set: owner.uid } : {}),
    container: spec?.containers?.[0]?.name ?? "",
    ...(trouble === undefined ? {} : { trouble }),
  };
}

/** What a container waits for that is only being made. */
const IN_ORDER = new Set(["ContainerCreating", "PodInitializing"]);
/** Characters of a trouble that are told. */
const MAX_TROUBLE = 300;

function troubleOf(status: RawPod["status"]): string | undefined {
  const waiting = status?.containerStatuses?.map(({ state }) => state?.waiting).find(Boolean);
  const unscheduled = status?.conditions?.find((one) => one.type === "PodScheduled" && one.status === "False");
  const { reason, message } = unscheduled ?? (IN_ORDER.has(waiting?.reason ?? "") ? {} : (waiting ?? {}));
  if (reason === undefined) return undefined;
  return (message === undefined ? reason : `${reason}: ${message}`).replace(/\s+/g, " ").slice(0, MAX_TROUBLE);
}

function runOf(labels: Readonly<Record<string, string>>): number | undefined {
  const text = labels[LABELS.mlbenchRun] ?? "";
  return /^[1-9]\d{0,14}$/.test(text) ? Number(text) : undefined;
}

/** What is kept of a worker after it has gone. */
export function recordOfWorker({ metadata, labels, ip, node, run }: WorkerObject): PodRecord {
  const { uid, name } = metadata;
  return { uid, name, labels, ip, node, run: run ?? null, createdAt: createdMs(metadata) };
}

/** Milliseconds since 1970. */
export function createdMs({ creationTimestamp }: KeptMetadata): number {
  return creationTimestamp === undefined ? 0 : Date.parse(creationTimestamp);
}
