import { ANNOTATIONS, LABELS } from "../../crds/names.ts";
import { PIPELINE } from "../../crds/resources.ts";
import { TASK_CONTAINERS } from "../../crds/task-kinds.ts";
import { keptMetadata } from "../../kube/kept-metadata.ts";
import type { KubeObject, ObjectMeta } from "../../kube/resource.ts";

/** A pod of ours: whose it is, and whether its log can be read. */
export interface CachedPod {
  metadata: ObjectMeta;
  /** UID of the Pipeline that owns it, or that owns the object it was made for; absent for a pod that is not ours. */
  runUid?: string;
  runName?: string;
  task: string;
  attempt: number;
  /** Container whose log is the task's: that of the kind, or the first where none has such a name. */
  container: string;
  /** Whether a node has been chosen: before that there is nobody to ask for a log. */
  scheduled: boolean;
  /** Whether a container of it has run or runs. */
  started: boolean;
  /** Whether all of it has ended. */
  ended: boolean;
}

interface RawPod extends KubeObject {
  spec?: { nodeName?: string; containers?: { name: string }[] };
  status?: {
    phase?: string;
    containerStatuses?: { state?: { running?: unknown; terminated?: unknown }; lastState?: { terminated?: unknown } }[];
  };
}

/** Reduces a pod to what the facade needs. */
export function projectPod(raw: KubeObject): CachedPod {
  const { metadata, spec, status } = raw as RawPod;
  const owner = metadata.ownerReferences?.find((reference) => reference.controller && reference.kind === PIPELINE.kind);
  const annotations = metadata.annotations ?? {};
  const names = (spec?.containers ?? []).map(({ name }) => name);
  const containers = status?.containerStatuses ?? [];
  return {
    metadata: keptMetadata(metadata),
    ...(owner === undefined ? runOfMember(metadata) : { runUid: owner.uid, runName: owner.name }),
    task: annotations[ANNOTATIONS.task] ?? metadata.labels?.[LABELS.task] ?? "",
    attempt: Number(annotations[ANNOTATIONS.attempt]) || 1,
    container: names.find((name) => TASK_CONTAINERS.has(name)) ?? names[0] ?? "",
    scheduled: spec?.nodeName !== undefined,
    started: containers.some(({ state, lastState }) => state?.running || state?.terminated || lastState?.terminated),
    ended: status?.phase === "Succeeded" || status?.phase === "Failed",
  };
}

/** The run of a pod that a controller made for an object of ours, as its template says. */
function runOfMember({ annotations, ownerReferences }: ObjectMeta): { runUid?: string; runName?: string } {
  const { [ANNOTATIONS.run]: runName, [ANNOTATIONS.runUid]: runUid, [ANNOTATIONS.object]: object } = annotations ?? {};
  if (runName === undefined || runUid === undefined || object === undefined) return {};
  const owner = ownerReferences?.find(({ controller }) => controller);
  // An MPIJob's launcher is the pod of a Job of its own.
  return owner?.name === object || owner?.name === `${object}-launcher` ? { runUid, runName } : {};
}
