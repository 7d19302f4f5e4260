import { ANNOTATIONS, LABELS } from "../../crds/names.ts";
import { PIPELINE } from "../../crds/resources.ts";
import { keptMetadata } from "../../kube/kept-metadata.ts";
import type { KubeObject, ObjectMeta } from "../../kube/resource.ts";

/** A pod of ours: whose it is, and whether its log can be read. */
export interface CachedPod {
  metadata: ObjectMeta;
  /** UID of the Pipeline that owns it; absent for a pod that is not ours whatever its labels say. */
  runUid?: string;
  runName?: string;
  task: string;
  attempt: number;
  /** Container whose log is the task's: `main`, or the first where none has that name. */
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

const MAIN_CONTAINER = "main";

/** Reduces a pod to what the facade needs. */
export function projectPod(raw: KubeObject): CachedPod {
  const { metadata, spec, status } = raw as RawPod;
  const owner = metadata.ownerReferences?.find((reference) => reference.controller && reference.kind === PIPELINE.kind);
  const names = (spec?.containers ?? []).map(({ name }) => name);
  const containers = status?.containerStatuses ?? [];
  return {
    metadata: keptMetadata(metadata),
    ...(owner === undefined ? {} : { runUid: owner.uid, runName: owner.name }),
    task: metadata.annotations?.[ANNOTATIONS.task] ?? metadata.labels?.[LABELS.task] ?? "",
    attempt: Number(metadata.annotations?.[ANNOTATIONS.attempt]) || 1,
    container: names.includes(MAIN_CONTAINER) ? MAIN_CONTAINER : (names[0] ?? MAIN_CONTAINER),
    scheduled: spec?.nodeName !== undefined,
    started: containers.some(({ state, lastState }) => state?.running || state?.terminated || lastState?.terminated),
    ended: status?.phase === "Succeeded" || status?.phase === "Failed",
  };
}
