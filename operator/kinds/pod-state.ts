import { ANNOTATIONS } from "../../crds/names.ts";
import { PIPELINE } from "../../crds/resources.ts";
import { TASK_CONTAINERS } from "../../crds/task-kinds.ts";
import { POD } from "../../kube/core-resources.ts";
import { deletionAskedAt } from "../../kube/pod-deletion.ts";
import type { KubeObject } from "../../kube/resource.ts";
import type { ObservedObject } from "../decide/run.ts";
import type { ObjectState } from "./object-form.ts";
import { type CachedObject, projectObject } from "./object-state.ts";
import { disruptionOf, podEnding, type Terminated } from "./pod-ending.ts";
import { type LogSource, logSource } from "./pod-log-source.ts";

/** What the cache keeps of a pod. */
export interface CachedPod extends CachedObject {
  /** When its deletion was first asked for, in milliseconds since 1970; absent: it was not. */
  deletionAskedAt?: number;
  /** Name of the object of ours whose controller made the pod; absent for a pod that a run owns itself. */
  member?: string;
  /** Where its log is. */
  log: LogSource;
}

interface ContainerStatus {
  name: string;
  state?: {
    waiting?: { reason?: string; message?: string };
    terminated?: Terminated;
  };
}

interface RawPod extends KubeObject {
  spec?: { restartPolicy?: string; nodeName?: string };
  status?: {
    phase?: ObservedObject["phase"];
    reason?: string;
    message?: string;
    conditions?: { type: string; status: string; reason?: string; message?: string }[];
    initContainerStatuses?: ContainerStatus[];
    containerStatuses?: ContainerStatus[];
  };
}

/** What the schema of a record allows; a longer word would make the status unwritable. */
const MAX_REASON = 64;
/** States that every pod passes through; telling them would cost a write for each pod. */
const NORMAL_WAITING = new Set(["ContainerCreating", "PodInitializing"]);

/** Reduces a pod to what decisions need: one that a run owns, or one that was made for an object of a run. `known`: what is kept of it from before. */
export function projectPod(raw: KubeObject, known?: CachedPod): CachedPod {
  const askedAt = deletionAskedAt(raw.metadata, known?.deletionAskedAt);
  const reading = { resource: POD, read: (raw: KubeObject) => stateOf(raw, askedAt) };
  const pod = {
    ...projectObject(reading, raw),
    ...(askedAt === undefined ? {} : { deletionAskedAt: askedAt }),
    log: logSource(raw),
  };
  if (pod.run !== undefined) return pod;
  const {
    [ANNOTATIONS.run]: name,
    [ANNOTATIONS.runUid]: uid,
    [ANNOTATIONS.object]: member,
  } = raw.metadata.annotations ?? {};
  if (name === undefined || uid === undefined || member === undefined) return pod;
  const owner = raw.metadata.ownerReferences?.find((reference) => reference.controller);
  // An MPIJob's launcher is the pod of a Job of its own.
  const isMember = owner?.name === member || owner?.name === `${member}-launcher`;
  return isMember ? { ...pod, run: { uid, name }, member } : pod;
}

/** How far a pod has come, why it does not go on, and how it ended. */
export function podState(raw: KubeObject): ObjectState {
  return stateOf(raw, deletionAskedAt(raw.metadata, undefined));
}

function stateOf(raw: KubeObject, askedAt: number | undefined): ObjectState {
  const pod = raw as RawPod;
  const main = mainContainer(pod)?.state?.terminated;
  const judged = judgedPhase(pod, main);
  const lingers = judged !== pod.status?.phase && pod.status?.phase === "Running";
  const waiting = waitingReason(pod);
  const disrupted = disruptionOf(pod);
  const hasEnded = judged === "Succeeded" || judged === "Failed";
  return {
    phase: judged,
    ...(hasEnded || pod.spec?.nodeName === undefined ? {} : { node: pod.spec.nodeName }),
    ...(waiting === undefined ? {} : { waiting }),
    ...(disrupted === undefined || hasEnded ? {} : { disrupted }),
    ...(hasEnded ? { ended: podEnding(pod, main, askedAt) } : {}),
    ...(lingers ? { lingers } : {}),
  };
}

/**
 * The phase that a task goes by: its own container's (F-24). What others inject beside it may run on when that has ended, which keeps the pod
 * `Running` for ever, or may fail when it is told to stop. Pods that a controller made are left to the controller's judgement.
 */
function judgedPhase(pod: RawPod, main: Terminated | undefined): ObservedObject["phase"] {
  const phase = pod.status?.phase ?? "Pending";
  const isOurs = pod.metadata.ownerReferences?.some(({ controller, kind }) => controller && kind === PIPELINE.kind);
  if (main === undefined || !isOurs || pod.spec?.restartPolicy !== "Never") return phase;
  const isAlone = (pod.status?.containerStatuses ?? []).length < 2;
  if (isAlone) return phase;
  if (phase === "Running") return main.exitCode === 0 ? "Succeeded" : "Failed";
  // An eviction may end the container with 0 before it has done its work.
  const isTakenAway = pod.status?.reason !== undefined || disruptionOf(pod) !== undefined;
  return phase === "Failed" && main.exitCode === 0 && !isTakenAway ? "Succeeded" : phase;
}

function mainContainer(pod: RawPod): ContainerStatus | undefined {
  const statuses = pod.status?.containerStatuses;
  return statuses?.find(({ name }) => TASK_CONTAINERS.has(name)) ?? statuses?.[0];
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
  // Controllers put containers of their own before the task's; while one of those cannot start, the task's says nothing.
  const waiting = [...(pod.status?.initContainerStatuses ?? []), mainContainer(pod)]
    .map((status) => status?.state?.waiting)
    .find((state) => state?.reason !== undefined && !NORMAL_WAITING.has(state.reason));
  if (waiting?.reason === undefined) return undefined;
  // The kubelet goes back and forth between the two while it tries again; one name keeps the record still.
  const reason = waiting.reason === "ErrImagePull" ? "ImagePullBackOff" : waiting.reason;
  return { reason: reason.slice(0, MAX_REASON), message: waiting.message ?? "the container cannot start" };
}
