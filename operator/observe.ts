import type { Pipeline } from "../crds/generated/types.ts";
import type { KubeClient } from "../kube/client.ts";
import { POD } from "../kube/core-resources.ts";
import type { KubeObject } from "../kube/resource.ts";
import { findObject } from "./act/objects.ts";
import type { Caches } from "./caches.ts";
import type { ObservedObject, ObservedWarning } from "./decide/run.ts";
import { projectPod } from "./kinds/pod-state.ts";

/** Warnings that explain why a pod that has a node does not start. */
const STARTING_TROUBLE = new Set(["FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox", "NetworkNotReady"]);

/** What is seen of a run in the cluster. */
export interface Observation {
  objects: ObservedObject[];
  warnings: ObservedWarning[];
}

/**
 * The pods of a run and what was said about them. A pod that the run's status records and the cache does not have is looked up first: two
 * watches need not be equally far, and a task must not be called lost because one lags (F-9).
 */
export async function observe(client: KubeClient, caches: Caches, run: Pipeline): Promise<Observation> {
  const { uid, namespace } = run.metadata;
  for (const record of Object.values(run.status?.tasks ?? {})) {
    if (record.state !== "executing" || record.pod === undefined || caches.objectsByRun.has(uid, record.pod)) continue;
    const found = await findObject(client, POD, namespace, record.pod);
    if (found?.metadata.ownerReferences?.some((owner) => owner.uid === uid)) noteOwnObject(caches, found);
  }
  const pods = caches.objectsByRun.of(uid);
  const warnings = pods.flatMap((pod) => caches.warningsByPod.of(pod.uid, pod.task));
  return { objects: pods.map((pod) => explained(pod, warnings)), warnings };
}

/** Takes in a pod that this process has just made or read, so that it is counted even before its watch event. */
export function noteOwnObject(caches: Caches, raw: KubeObject): void {
  caches.pods.noteWritten(raw);
  const pod = projectPod(raw);
  if (pod.run !== undefined && !caches.objectsByRun.has(pod.run.uid, pod.state.name)) caches.objectsByRun.set(pod);
}

function explained(pod: ObservedObject, warnings: readonly ObservedWarning[]): ObservedObject {
  if (pod.phase !== "Pending" || pod.waiting !== undefined || pod.gone) return pod;
  const cause = warnings.findLast((warning) => warning.pod === pod.name && STARTING_TROUBLE.has(warning.reason));
  return cause === undefined ? pod : { ...pod, waiting: { reason: cause.reason, message: cause.message } };
}
