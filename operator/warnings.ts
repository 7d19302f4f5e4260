import { MAX_MESSAGE } from "../crds/limits.ts";
import { TASK_KIND_FACTS } from "../crds/task-kinds.ts";
import { type KeptMetadata, keptMetadata } from "../kube/kept-metadata.ts";
import type { KubeObject } from "../kube/resource.ts";
import { bounded } from "./decide/message.ts";
import type { ObservedWarning } from "./decide/run.ts";

/** Only warnings are watched: the normal events come several per pod and say nothing that a run's record does not. */
export const WARNING_SELECTOR = "type=Warning";

/** Kinds of objects whose warnings are told. */
const KINDS: ReadonlySet<string> = new Set(
  Object.values(TASK_KIND_FACTS).flatMap(({ resources }) => resources.map(({ kind }) => kind)),
);

/** Warnings that say nothing about the task: a pull secret that is not there is only a hint until a pull fails. */
const UNTOLD = new Set(["FailedToRetrieveImagePullSecret"]);
/** Warnings kept for one object until its run has recorded them. */
const MAX_PER_OBJECT = 10;
const MAX_OBJECTS = 5000;

/** What the cache keeps of a warning. */
export interface CachedWarning {
  metadata: KeptMetadata;
  /** Name and UID of the object that it is about; no UID if that cannot be one of a task. */
  object: string;
  objectUid: string;
  warning: Omit<ObservedWarning, "task">;
}

interface RawEvent extends KubeObject {
  involvedObject?: { kind?: string; name?: string; uid?: string };
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

/** Stands for what was said about something that is none of ours. */
const NOTHING: CachedWarning["warning"] = { id: "", reason: "", message: "", source: "", time: "", count: 0 };

/** Reduces a core event to what the cache keeps. */
export function projectWarning(raw: KubeObject): CachedWarning {
  const event = raw as RawEvent;
  const source = [event.source?.component || event.reportingComponent, event.source?.host || event.reportingInstance];
  const { kind = "", name: object = "", uid: objectUid = "" } = event.involvedObject ?? {};
  if (!KINDS.has(kind)) return { metadata: keptMetadata(event.metadata), object, objectUid: "", warning: NOTHING };
  return {
    metadata: keptMetadata(event.metadata),
    object,
    objectUid,
    warning: {
      id: event.metadata.uid,
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

/** The latest warnings by object, bounded; what a run has recorded already is told apart by the run's own ring. */
export class WarningIndex {
  readonly #byObject = new Map<string, Map<string, Omit<ObservedWarning, "task">>>();

  /** Takes a warning in; false if it is one that is not told. */
  add(cached: CachedWarning): boolean {
    if (UNTOLD.has(cached.warning.reason) || cached.objectUid === "") return false;
    let warnings = this.#byObject.get(cached.objectUid);
    if (warnings === undefined) {
      warnings = new Map();
      this.#byObject.set(cached.objectUid, warnings);
      if (this.#byObject.size > MAX_OBJECTS) this.#dropOldest(this.#byObject);
    }
    warnings.set(cached.warning.id, cached.warning);
    if (warnings.size > MAX_PER_OBJECT) this.#dropOldest(warnings);
    return true;
  }

  /** Warnings about an object, as warnings of a task. */
  of(objectUid: string, task: string): ObservedWarning[] {
    return [...(this.#byObject.get(objectUid)?.values() ?? [])].map((warning) => ({ ...warning, task }));
  }

  forget(objectUid: string): void {
    this.#byObject.delete(objectUid);
  }

  #dropOldest(entries: Map<string, unknown>): void {
    const [first] = entries.keys();
    if (first !== undefined) entries.delete(first);
  }
}
