import type { Readable } from "node:stream";
import type { TaskStatus } from "../../crds/generated/types.ts";
import type { KubeClient } from "../../kube/client.ts";
import { isKubeError } from "../../kube/errors.ts";
import { openPodLog } from "../../kube/pod-log.ts";
import type { LogEntry } from "../../store/log-archive.ts";
import type { ClusterView } from "../cache/cluster-view.ts";
import type { CachedPod } from "../cache/pod.ts";
import { type FoundResource, isPod } from "./resource.ts";

/** A log that is not there; the message says why, for the caller. */
export class MissingLog extends Error {}

/** Which part of each log is asked for (O-223). */
export interface LogOptions {
  /** Last lines of each pod. */
  lines?: number;
  /** Container; left out: the task's. */
  container?: string;
}

/** One pod whose log is to be shown. */
export interface LogTarget {
  name: string;
  /** The pod as it is; absent if it is gone, or not seen yet. */
  pod?: CachedPod;
  /** Whether the run counts on the pod, so that one that is absent can only be late. */
  isExpected?: boolean;
  /** What the run says the pod is waiting for. */
  message?: string;
  /** What the archive has of it, where the pod is gone or has ended. */
  archived?: LogEntry;
}

/** Opens the log of a pod; with `follow` the stream goes on until the container ends. */
export type OpenLog = (
  target: LogTarget,
  options: LogOptions & { follow: boolean; signal: AbortSignal },
) => Promise<Readable>;

/** Opens logs through the API server, which asks the kubelet. */
export function kubernetesLogs(client: KubeClient, namespace: string): OpenLog {
  return ({ name, pod }, { lines, container = pod?.container, follow, signal }) =>
    openPodLog(client, namespace, name, { container, lines, follow, signal });
}

/**
 * The pods of a run, a task or one attempt, in the order in which they were started; those included that are gone (O-223). `kept` is what the
 * archive has of the run.
 */
export function logTargets(
  view: ClusterView,
  { run, task, pod: only }: FoundResource,
  kept: readonly LogEntry[] = [],
): LogTarget[] {
  const { pipeline } = run;
  const others = new Set(run.tasks.filter((candidate) => !isPod(candidate)).map(({ name }) => name));
  const targets = new Map<string, LogTarget & { time: string }>();
  for (const [name, record] of Object.entries(pipeline.status?.tasks ?? {})) {
    if (record.pod === undefined || !hasStarted(record) || (task !== undefined && task.name !== name)) continue;
    // The object of another kind has no log; its pods have. A task that was skipped has neither (O-200).
    if (others.has(name) || record.reason === "Cached") continue;
    const { message, startTime: time = "" } = record;
    const isExpected = record.state === "executing";
    targets.set(record.pod, { name: record.pod, isExpected, time, ...(message === undefined ? {} : { message }) });
  }
  for (const pod of view.podsOf(pipeline.metadata.uid)) {
    if (task !== undefined && task.name !== pod.task) continue;
    const { name, creationTimestamp = "" } = pod.metadata;
    targets.set(name, { ...targets.get(name), name, pod, time: creationTimestamp });
  }
  for (const archived of kept) {
    if (task !== undefined && task.name !== archived.task) continue;
    const { pod: name, podUid, createdAt, storedAt } = archived;
    const known = targets.get(name);
    // A name can come twice in a run: where a controller makes a pod again, each has its own log.
    const isAnother = known?.pod !== undefined ? known.pod.metadata.uid !== podUid : known?.archived !== undefined;
    const target = { ...(isAnother ? {} : known), name, archived, time: createdAt || known?.time || storedAt };
    targets.set(isAnother ? podUid : name, target);
  }
  return [...targets.values()]
    .filter(({ name }) => only === undefined || name === only)
    .sort((a, b) => instant(a.time) - instant(b.time) || a.name.localeCompare(b.name))
    .map(({ time: _, ...target }) => target);
}

/** Times come with and without parts of a second. */
function instant(time: string): number {
  return Date.parse(time) || 0;
}

/** Whether there is somebody to ask for the log: a node that has started the container, or works on a pod of which one is named. */
export function hasLog({ pod }: LogTarget, container: string | undefined): boolean {
  return pod === undefined || (pod.scheduled && (pod.started || pod.ended || container !== undefined));
}

/** The line in the place of a log that there is none of yet. */
export function noLogYet({ message }: LogTarget): string {
  return `(no log yet: ${message ?? "the container has not started"})`;
}

function hasStarted(record: TaskStatus): boolean {
  return record.state !== "waiting";
}

/** The line that stands in the place of a log that cannot be read, with the server's reason. */
export function missingLog(error: unknown): string {
  if (error instanceof MissingLog) return `(no log: ${error.message})`;
  if (isKubeError(error, "notFound")) return "(the log is gone: the pod was deleted)";
  return `(no log: ${isKubeError(error) ? serverWords(error.message) : "the connection broke"})`;
}

/** The server's own words in the message of a KubeError, which also names the request and the code. */
export function serverWords(message: string): string {
  return message.replace(/^[A-Z]+ \/\S*: /, "").replace(/ \(HTTP [^()]*\)$/, "");
}
