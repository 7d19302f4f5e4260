import { ANNOTATIONS, LABELS } from "../../../crds/names.ts";
import { PIPELINE } from "../../../crds/resources.ts";
import { type KeptMetadata, keptMetadata } from "../../../kube/kept-metadata.ts";
import { deletionAskedAt, type PodDeletion } from "../../../kube/pod-deletion.ts";
import { type PodRequests, podRequests, type RequestingPod } from "../../../kube/pod-requests.ts";
import type { KubeObject } from "../../../kube/resource.ts";
import { cut } from "./cut.ts";
import { seconds } from "./seconds.ts";
import { shellLine } from "./shell-line.ts";

/** How far a main container has come: a regular one, neither a sidecar nor one of the start (C-73). Times are whole seconds since 1970. */
export interface MainContainer {
  /** Why it waits; empty: for no stated reason. Absent: it does not wait. */
  waiting?: string;
  running?: boolean;
  /** How it ended; absent while it has not. */
  terminated?: { reason: string; exitCode: number; signal: number; finishedAt: number | null };
  /** When it was first started, as far as that is known. */
  startedAt: number | null;
}

/** What Clockwork keeps of a pod: everything that its job shows and is judged by, and nothing else. Times are whole seconds since 1970. */
export interface PodFacts {
  metadata: KeptMetadata;
  /** A mirror pod, or one of a DaemonSet: no job (C-70), and not counted as a node's work. */
  isSystem: boolean;
  phase: string;
  /** The pod's own `status.reason`. */
  reason: string;
  /** The kubelet says that the node was low on memory. */
  isNodeLowOnMemory: boolean;
  /** The condition `DisruptionTarget`, where it is true. */
  disruption?: { reason: string; at: number | null };
  isScheduled: boolean;
  node: string | null;
  createdAt: number;
  /** The kubelet's own start of the pod. */
  startedAt: number | null;
  /** When its deletion was first asked for. */
  deletedAt: number | null;
  /** Newest of creation, transitions of conditions, starts and ends of containers, and deletion. */
  changedAt: number;
  main: readonly MainContainer[];
  /** Number of main containers that it should have. */
  mainCount: number;
  /** Starts of the first main container after the first. */
  restarts: number;
  /** The object that controls it. */
  controller?: { kind: string; name: string; uid: string };
  /** What the operator says on pods that controllers make for its objects: the run's UID, and the object's name. */
  member?: { runUid: string; object: string };
  task: string;
  attempt: number;
  taskIndex?: string;
  /** Seconds, as the operator says. */
  taskLimit?: number;
  /** What somebody has written on the pod (C-71): whether it counts is for others to judge. */
  said: { user?: string; cluster?: string; jobId?: string };
  account: string | null;
  reservation?: string;
  comment: string | null;
  uid: number | null;
  partition: string;
  /** The pod's own deadline in seconds. */
  deadline: number | null;
  /** Name of the first main container. */
  container: string;
  command: string | null;
  workDir: string | null;
  hasStdin: boolean;
  requests: PodRequests;
}

interface ContainerState {
  waiting?: { reason?: string };
  running?: { startedAt?: string | null };
  terminated?: {
    reason?: string;
    exitCode?: number;
    signal?: number;
    startedAt?: string | null;
    finishedAt?: string | null;
  };
}

interface ContainerStatus {
  name: string;
  restartCount?: number;
  state?: ContainerState;
  lastState?: ContainerState;
}

interface Container {
  name: string;
  command?: string[];
  args?: string[];
  workingDir?: string;
  stdin?: boolean;
  securityContext?: { runAsUser?: number };
}

interface RawPod extends KubeObject {
  spec?: RequestingPod & {
    nodeName?: string;
    priorityClassName?: string;
    activeDeadlineSeconds?: number;
    securityContext?: { runAsUser?: number };
    containers?: Container[];
  };
  status?: {
    phase?: string;
    reason?: string;
    message?: string;
    startTime?: string | null;
    conditions?: { type: string; status: string; reason?: string; lastTransitionTime?: string | null }[];
    initContainerStatuses?: ContainerStatus[];
    containerStatuses?: ContainerStatus[];
  };
}

/** Queue of Kueue, which stands for a partition (C-74). */
const QUEUE = "kueue.x-k8s.io/queue-name";
const MIRROR = "kubernetes.io/config.mirror";
const JOB_ID = /^[0-9A-Za-z_.-]{1,64}$/;
const LOW_ON_MEMORY = /low on resource: \[?[^\].]*\bmemory/i;

/** Reduces a pod to what its job is made from; `known`: what is kept of it from before. */
export function projectPodFacts(raw: KubeObject, known?: PodFacts): PodFacts {
  const { metadata, spec = {}, status = {} } = raw as RawPod;
  const { annotations = {}, labels = {} } = metadata;
  const statuses = status.containerStatuses ?? [];
  const [first] = spec.containers ?? [];
  const controller = metadata.ownerReferences?.find((reference) => reference.controller);
  const disruption = status.conditions?.find(({ type, status }) => type === "DisruptionTarget" && status === "True");
  const deletedAt = deletionOf(metadata, known);
  const createdAt = seconds(metadata.creationTimestamp) ?? 0;
  const { [ANNOTATIONS.runUid]: runUid, [ANNOTATIONS.object]: object } = annotations;
  const task = annotations[ANNOTATIONS.task] ?? labels[LABELS.task] ?? "";
  const command = [...(first?.command ?? []), ...(first?.args ?? [])];
  return {
    metadata: keptMetadata(metadata),
    isSystem: annotations[MIRROR] !== undefined || controller?.kind === "DaemonSet",
    phase: status.phase ?? "Pending",
    reason: status.reason ?? "",
    isNodeLowOnMemory: status.reason === "Evicted" && LOW_ON_MEMORY.test(status.message ?? ""),
    ...(disruption === undefined
      ? {}
      : { disruption: { reason: disruption.reason ?? "", at: seconds(disruption.lastTransitionTime) } }),
    isScheduled:
      spec.nodeName !== undefined ||
      (status.conditions ?? []).some(({ type, status }) => type === "PodScheduled" && status === "True"),
    node: spec.nodeName ?? null,
    createdAt,
    startedAt: seconds(status.startTime),
    deletedAt,
    changedAt: Math.max(createdAt, deletedAt ?? 0, ...timesOf(status)),
    main: statuses.map(mainContainer),
    mainCount: (spec.containers ?? []).length,
    restarts: statuses.find(({ name }) => name === first?.name)?.restartCount ?? 0,
    ...(controller === undefined
      ? {}
      : { controller: { kind: controller.kind, name: controller.name, uid: controller.uid } }),
    ...(runUid === undefined || object === undefined ? {} : { member: { runUid, object } }),
    task,
    attempt: Number(annotations[ANNOTATIONS.attempt]) || 1,
    ...numbers(annotations),
    said: saidOf(annotations, labels),
    account: labels[LABELS.account] ?? null,
    ...(annotations[ANNOTATIONS.reservation] === undefined
      ? {}
      : { reservation: cut(annotations[ANNOTATIONS.reservation] ?? "") }),
    comment: annotations[ANNOTATIONS.comment] === undefined ? null : cut(annotations[ANNOTATIONS.comment] ?? ""),
    uid: spec.securityContext?.runAsUser ?? first?.securityContext?.runAsUser ?? null,
    partition: labels[QUEUE] ?? (spec.priorityClassName || "default"),
    deadline: spec.activeDeadlineSeconds ?? null,
    container: first?.name ?? "",
    command: command.length === 0 ? null : cut(shellLine(command)),
    workDir: first?.workingDir || null,
    hasStdin: first?.stdin ?? false,
    requests: podRequests(spec),
  };
}

/** Whether a pod's controlling object is a Pipeline: then the operator made it, or somebody who says so. */
export function isOfPipeline({ controller }: PodFacts): boolean {
  return controller?.kind === PIPELINE.kind;
}

function saidOf(
  annotations: Readonly<Record<string, string>>,
  labels: Readonly<Record<string, string>>,
): PodFacts["said"] {
  const user = annotations[ANNOTATIONS.user];
  const cluster = labels[LABELS.cluster];
  const jobId = annotations[ANNOTATIONS.clockworkJobId];
  return {
    ...(user === undefined || user === "" ? {} : { user: cut(user) }),
    ...(cluster === undefined || cluster === "" ? {} : { cluster }),
    ...(jobId === undefined || !JOB_ID.test(jobId) ? {} : { jobId }),
  };
}

function numbers(annotations: Readonly<Record<string, string>>): Pick<PodFacts, "taskIndex" | "taskLimit"> {
  const { [ANNOTATIONS.taskIndex]: index = "", [ANNOTATIONS.timeLimit]: limit = "" } = annotations;
  return {
    ...(/^\d{1,6}$/.test(index) ? { taskIndex: index } : {}),
    ...(/^\d{1,12}$/.test(limit) ? { taskLimit: Number(limit) } : {}),
  };
}

function mainContainer({ state = {}, lastState = {} }: ContainerStatus): MainContainer {
  const { waiting, running, terminated } = state;
  const starts = [running?.startedAt, terminated?.startedAt, lastState.terminated?.startedAt].map(seconds);
  const known = starts.filter((start) => start !== null);
  return {
    ...(waiting === undefined ? {} : { waiting: waiting.reason ?? "" }),
    ...(running === undefined ? {} : { running: true }),
    ...(terminated === undefined
      ? {}
      : {
          terminated: {
            reason: terminated.reason ?? "",
            exitCode: terminated.exitCode ?? 0,
            signal: terminated.signal ?? 0,
            finishedAt: seconds(terminated.finishedAt),
          },
        }),
    startedAt: known.length === 0 ? null : Math.min(...known),
  };
}

function deletionOf(deletion: PodDeletion, known: PodFacts | undefined): number | null {
  const before = known?.deletedAt ?? undefined;
  const askedAt = deletionAskedAt(deletion, before === undefined ? undefined : before * 1000);
  return askedAt === undefined ? null : Math.floor(askedAt / 1000);
}

function timesOf(status: NonNullable<RawPod["status"]>): number[] {
  const conditions = (status.conditions ?? []).map(({ lastTransitionTime }) => lastTransitionTime);
  const containers = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])]
    .flatMap(({ state, lastState }) => [state, lastState])
    .flatMap((state) => [state?.running?.startedAt, state?.terminated?.startedAt, state?.terminated?.finishedAt]);
  return [...conditions, ...containers].map(seconds).filter((time) => time !== null);
}
