import { objectName, podName } from "../../../crds/names.ts";
import type { BatchJobState } from "./batch-job-state.ts";
import { isOfPipeline, type PodFacts } from "./pod-facts.ts";
import type { RunState, TaskRecord } from "./run-state.ts";
import { seconds } from "./seconds.ts";

/**
 * Whether a pod is the operator's (C-71): it is, with its run; it is not; what it says controls it has not been seen yet; or its Pipeline is there and has
 * not said so yet.
 */
export type Belonging =
  | { kind: "ours"; run: RunState }
  | { kind: "foreign" }
  | { kind: "unknown" }
  | { kind: "unlisted" };

/** What is known of runs and batch Jobs; undefined: there is none, or it has not been seen yet. */
export interface Known {
  run(namespace: string, uid: string): RunState | undefined;
  batchJob(namespace: string, name: string): BatchJobState | undefined;
}

const FOREIGN: Belonging = { kind: "foreign" };
const UNKNOWN: Belonging = { kind: "unknown" };
const UNLISTED: Belonging = { kind: "unlisted" };

/**
 * Whether the Pipeline that a pod says controls it, by itself or through a Job or a training job, lists it in its status. Anybody who may create pods
 * may write such a reference; what the operator lists, it has made or taken over.
 */
export function belongingOf(pod: PodFacts, known: Known): Belonging {
  const { controller, member, metadata } = pod;
  const namespace = metadata.namespace ?? "";
  if (controller === undefined) return FOREIGN;
  if (isOfPipeline(pod)) return listed(pod, known.run(namespace, controller.uid), metadata.name, podNames);
  if (member === undefined) return FOREIGN;
  // The launcher of an MPIJob is the pod of a Job of its own.
  if (controller.name !== member.object && controller.name !== `${member.object}-launcher`) return FOREIGN;
  if (controller.kind === "Job" && controller.name === member.object) {
    const job = known.batchJob(namespace, controller.name);
    if (job === undefined) return UNKNOWN;
    if (job.metadata.uid !== controller.uid || job.runUid !== member.runUid) return FOREIGN;
  }
  return listed(pod, known.run(namespace, member.runUid), member.object, objectNames);
}

function listed(
  pod: PodFacts,
  run: RunState | undefined,
  object: string,
  namesOf: (run: string, task: string, attempt: number) => string[],
): Belonging {
  if (run === undefined) return UNKNOWN;
  const record = run.tasks[pod.task];
  const isNamed = namesOf(run.metadata.name, pod.task, pod.attempt).includes(object);
  if (record === undefined) {
    if (run.taskNames?.includes(pod.task) === false) return FOREIGN;
    return isNamed ? UNLISTED : UNKNOWN;
  }
  const ours: Belonging = { kind: "ours", run };
  const attempt = record.attempt ?? (record.pod === undefined ? 0 : 1);
  if (record.pod === object && attempt === pod.attempt) return ours;
  if (!isNamed) return FOREIGN;
  if (pod.attempt > attempt || record.pod === undefined) return UNLISTED;
  return isEarlier(pod, record) ? ours : FOREIGN;
}

/** Whether a pod was there before the attempt that the record speaks of: the record spoke of it then. */
function isEarlier(pod: PodFacts, { startTime }: TaskRecord): boolean {
  return pod.createdAt <= (seconds(startTime) ?? 0);
}

function podNames(run: string, task: string, attempt: number): string[] {
  return [podName(run, task, attempt)];
}

function objectNames(run: string, task: string, attempt: number): string[] {
  return [podName(run, task, attempt), objectName(run, { name: task, resourceType: "PyTorchJob" }, attempt)];
}
