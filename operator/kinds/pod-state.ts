import { ANNOTATIONS } from "../../crds/names.ts";
import { PIPELINE } from "../../crds/resources.ts";
import { POD } from "../../kube/core-resources.ts";
import { type KeptMetadata, keptMetadata } from "../../kube/kept-metadata.ts";
import type { KubeObject } from "../../kube/resource.ts";
import type { ObservedObject } from "../decide/run.ts";
import type { ObjectState } from "./object-form.ts";
import { type LogSource, logSource } from "./pod-log-source.ts";

/** What the cache keeps of a pod: its identity, its run, and its state. */
export interface CachedPod {
  metadata: KeptMetadata;
  /** UID and name of the run that owns it; absent for a pod that is not ours. */
  run?: { uid: string; name: string };
  /** The snapshot whose definition the pod was made from. */
  snapshot?: string;
  /** Where its log is. */
  log: LogSource;
  state: ObservedObject;
}

interface ContainerStatus {
  name: string;
  state?: {
    waiting?: { reason?: string; message?: string };
    terminated?: { reason?: string; message?: string; exitCode?: number; finishedAt?: string; signal?: number };
  };
}

interface RawPod extends KubeObject {
  status?: {
    phase?: ObservedObject["phase"];
    reason?: string;
    message?: string;
    conditions?: { type: string; status: string; reason?: string; message?: string }[];
    containerStatuses?: ContainerStatus[];
  };
}

/** What the schema of a record allows; a longer word would make the status unwritable. */
const MAX_REASON = 64;
/** States that every pod passes through; telling them would cost a write for each pod. */
const NORMAL_WAITING = new Set(["ContainerCreating", "PodInitializing"]);

/** Reduces a pod to what decisions need. */
export function projectPod(raw: KubeObject): CachedPod {
  const pod = raw as RawPod;
  const owner = pod.metadata.ownerReferences?.find(
    (reference) => reference.controller && reference.kind === PIPELINE.kind,
  );
  const annotations = pod.metadata.annotations ?? {};
  return {
    metadata: keptMetadata(pod.metadata),
    ...(owner === undefined ? {} : { run: { uid: owner.uid, name: owner.name } }),
    ...(annotations[ANNOTATIONS.snapshot] === undefined ? {} : { snapshot: annotations[ANNOTATIONS.snapshot] }),
    log: logSource(raw),
    state: {
      resource: POD,
      name: pod.metadata.name,
      uid: pod.metadata.uid,
      task: annotations[ANNOTATIONS.task] ?? "",
      attempt: Number(annotations[ANNOTATIONS.attempt] ?? 1),
      createdAt: pod.metadata.creationTimestamp ?? "",
      deleting: pod.metadata.deletionTimestamp !== undefined,
      gone: false,
      ...podState(raw),
    },
  };
}

/** How far a pod has come, why it does not go on, and how it ended. */
export function podState(raw: KubeObject): ObjectState {
  const pod = raw as RawPod;
  const waiting = waitingReason(pod);
  const ended = endingOf(pod);
  return {
    phase: pod.status?.phase ?? "Pending",
    ...(waiting === undefined ? {} : { waiting }),
    ...(ended === undefined ? {} : { ended }),
  };
}

function mainContainer(pod: RawPod): ContainerStatus | undefined {
  return pod.status?.containerStatuses?.find((status) => status.name === "main") ?? pod.status?.containerStatuses?.[0];
}

function waitingReason(pod: RawPod): ObservedObject["waiting"] {
  if (pod.status?.phase !== undefined && pod.status.phase !== "Pending") return undefined;
  const scheduled = pod.status?.conditions?.find((condition) => condition.type === "PodScheduled");
  if (scheduled?.status === "False") {
    return {
      reason: (scheduled.reason ?? "Unschedulable").slice(0, MAX_REASON),
      message: scheduled.message ?? "no node can take the pod",
    };
  }
  const waiting = mainContainer(pod)?.state?.waiting;
  if (waiting?.reason === undefined || NORMAL_WAITING.has(waiting.reason)) return undefined;
  // The kubelet goes back and forth between the two while it tries again; one name keeps the record still.
  const reason = waiting.reason === "ErrImagePull" ? "ImagePullBackOff" : waiting.reason;
  return { reason: reason.slice(0, MAX_REASON), message: waiting.message ?? "the container cannot start" };
}

function endingOf(pod: RawPod): ObservedObject["ended"] {
  const phase = pod.status?.phase;
  if (phase !== "Succeeded" && phase !== "Failed") return undefined;
  const terminated = mainContainer(pod)?.state?.terminated;
  const disrupted = pod.status?.conditions?.find(
    (condition) => condition.type === "DisruptionTarget" && condition.status === "True",
  );
  const reason = pod.status?.reason ?? disrupted?.reason ?? terminated?.reason;
  const message = pod.status?.message ?? disrupted?.message;
  return {
    ...(reason === undefined ? {} : { reason: reason.slice(0, MAX_REASON) }),
    ...(message === undefined ? {} : { message }),
    ...(terminated?.exitCode === undefined ? {} : { exitCode: terminated.exitCode }),
    ...(terminated?.message === undefined ? {} : { terminationMessage: terminated.message }),
    ...(terminated?.finishedAt ? { at: terminated.finishedAt } : {}),
  };
}
