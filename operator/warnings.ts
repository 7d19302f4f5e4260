import { MAX_MESSAGE } from "../crds/limits.ts";
import { type KeptMetadata, keptMetadata } from "../kube/kept-metadata.ts";
import type { KubeObject } from "../kube/resource.ts";
import { bounded } from "./decide/message.ts";
import type { ObservedWarning } from "./decide/run.ts";

/** Only warnings about pods are watched: the normal ones come several per pod and say nothing that a run's record does not. */
export const WARNING_SELECTOR = "involvedObject.kind=Pod,type=Warning";

/** Warnings that say nothing about the task: a pull secret that is not there is only a hint until a pull fails. */
const UNTOLD = new Set(["FailedToRetrieveImagePullSecret"]);
/** Warnings kept for one pod until its run has recorded them. */
const MAX_PER_POD = 10;
const MAX_PODS = 5000;

/** What the cache keeps of a warning. */
export interface CachedWarning {
  metadata: KeptMetadata;
  pod: string;
  podUid: string;
  warning: Omit<ObservedWarning, "task">;
}

interface RawEvent extends KubeObject {
  involvedObject?: { name?: string; uid?: string };
  reason?: string;
  message?: string;
  source?: { component?: string; host?: string };
  reportingComponent?: string;
  reportingInstance?: string;
  lastTimestamp?: string | null;
  eventTime?: string | null;
  count?: number;
  series?: { count?: number; lastObservedTime?: string };
}

/** Reduces a core event to what the cache keeps. */
export function projectWarning(raw: KubeObject): CachedWarning {
  const event = raw as RawEvent;
  const source = [event.source?.component || event.reportingComponent, event.source?.host || event.reportingInstance];
  const pod = event.involvedObject?.name ?? "";
  return {
    metadata: keptMetadata(event.metadata),
    pod,
    podUid: event.involvedObject?.uid ?? "",
    warning: {
      id: event.metadata.uid,
      pod,
      reason: (event.reason ?? "Warning").slice(0, 64),
      message: bounded(event.message ?? "", MAX_MESSAGE),
      source: source.filter(Boolean).join(",").slice(0, 250),
      time:
        event.series?.lastObservedTime ??
        event.lastTimestamp ??
        event.eventTime ??
        event.metadata.creationTimestamp ??
        "",
      count: event.series?.count ?? event.count ?? 1,
    },
  };
}

/** The latest warnings by pod, bounded; what a run has recorded already is told apart by the run's own ring. */
export class WarningIndex {
  readonly #byPod = new Map<string, Map<string, Omit<ObservedWarning, "task">>>();

  /** Takes a warning in; false if it is one that is not told. */
  add(cached: CachedWarning): boolean {
    if (UNTOLD.has(cached.warning.reason) || cached.podUid === "") return false;
    let warnings = this.#byPod.get(cached.podUid);
    if (warnings === undefined) {
      warnings = new Map();
      this.#byPod.set(cached.podUid, warnings);
      if (this.#byPod.size > MAX_PODS) this.#dropOldest(this.#byPod);
    }
    warnings.set(cached.warning.id, cached.warning);
    if (warnings.size > MAX_PER_POD) this.#dropOldest(warnings);
    return true;
  }

  /** Warnings of a pod, as warnings of a task. */
  of(podUid: string, task: string): ObservedWarning[] {
    return [...(this.#byPod.get(podUid)?.values() ?? [])].map((warning) => ({ ...warning, task }));
  }

  forget(podUid: string): void {
    this.#byPod.delete(podUid);
  }

  #dropOldest(entries: Map<string, unknown>): void {
    const [first] = entries.keys();
    if (first !== undefined) entries.delete(first);
  }
}
