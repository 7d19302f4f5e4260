import type { TaskStatus } from "../crds/generated/types.ts";
import { POD } from "../kube/core-resources.ts";
import type { Change } from "../kube/object-cache.ts";
import type { Caches } from "./caches.ts";
import type { HeldShards } from "./held-shards.ts";
import type { CachedObject } from "./kinds/object-state.ts";
import { isAsMade, matters } from "./matters.ts";
import type { Metrics } from "./metrics.ts";
import { reasonLabel } from "./reason-label.ts";

/** What `ObjectChanges` works with. */
export interface ObjectChangesOptions {
  caches: Caches;
  shards: HeldShards;
  metrics: Metrics;
  /** Has the run at `namespace/name` looked at. */
  touch: (key: string) => void;
}

/** What a change of a task's object means for runs: which are looked at again, what is counted, and what need not be remembered. */
export class ObjectChanges {
  readonly #options: ObjectChangesOptions;

  constructor(options: ObjectChangesOptions) {
    this.#options = options;
  }

  /** A pod, or an object of another kind, came, changed or went. */
  changed(change: Change<CachedObject>): void {
    const { caches, shards, touch } = this.#options;
    const { type, object, previous } = change;
    if (object.run === undefined) return;
    const { namespace } = object.metadata;
    const key = `${namespace}/${object.run.name}`;
    if (shards.has(key)) this.#count(type, object, previous);
    const run = caches.runs.get(key);
    if (run?.active === undefined || run.metadata.uid !== object.run.uid) {
      // The run has ended or is gone: nothing will ask for its objects again.
      if (caches.runs.hasSynced) caches.objectsByRun.forget({ namespace, uid: object.run.uid });
    } else if (this.#isNews(change, run.active.status?.tasks?.[object.state.task])) {
      touch(key);
    }
    const freed = type === "deleted" || object.state.phase === "Succeeded" || object.state.phase === "Failed";
    // Something in the namespace was freed: tasks that quota held back may fit now (F-12).
    if (!freed) return;
    for (const { reconciler } of shards.workers()) for (const held of reconciler.wakeHeld(namespace)) touch(held);
  }

  /** An event of Kubernetes warns of the object at `namespace/name` with this UID. */
  warned(objectKey: string, uid: string): void {
    if (uid === "") return;
    const { caches, touch } = this.#options;
    const pod = caches.pods.get(objectKey);
    const object = pod?.metadata.uid === uid ? pod : caches.kinds.find(objectKey, uid);
    if (object?.run !== undefined) touch(`${object.metadata.namespace}/${object.run.name}`);
  }

  /** The run has ended or is gone: nobody here will ask for its objects again. */
  forget({ namespace, uid }: { namespace?: string; uid: string }): void {
    const { objectsByRun, warningsByObject } = this.#options.caches;
    for (const object of objectsByRun.forget({ namespace, uid })) warningsByObject.forget(object);
  }

  /** Whether a run is to be looked at for a change of one of its objects. Of what is being created here the answer to that tells. */
  #isNews({ type, object, previous }: Change<CachedObject>, record: TaskStatus | undefined): boolean {
    if (type === "modified") return matters(previous, object, record);
    const { run, state } = object;
    if (type === "deleted" || run === undefined || !isAsMade(object)) return true;
    for (const { reconciler } of this.#options.shards.workers())
      if (reconciler.isStarting(run.uid, state.task, state.attempt)) return false;
    return true;
  }

  /** Counts what a change says of an object's start; times are those of this process. */
  #count(type: Change<CachedObject>["type"], object: CachedObject, previous: CachedObject | undefined): void {
    const { starts, podPhases, podWaits } = this.#options.metrics;
    const { phase, waiting, uid, resource } = object.state;
    if (type === "deleted") {
      starts.gone(uid);
      return;
    }
    if (phase !== previous?.state.phase) {
      if (phase !== "Pending" && phase !== "Unknown") starts.running(uid, performance.now());
      if (resource === POD) podPhases.inc({ phase });
    }
    if (waiting !== undefined && waiting.reason !== previous?.state.waiting?.reason)
      podWaits.inc({ reason: reasonLabel(waiting.reason) });
  }
}
