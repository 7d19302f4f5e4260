import type { ObservedObject } from "./decide/run.ts";
import type { CachedPod } from "./kinds/pod-state.ts";

/** The pods of each run, those included that are gone but whose end is not recorded yet. */
export class ObjectIndex {
  readonly #byRun = new Map<string, Map<string, ObservedObject>>();
  readonly #snapshots = new Map<string, string>();

  /** Takes in what a pod looks like now. */
  set(pod: CachedPod): void {
    if (pod.run === undefined) return;
    let pods = this.#byRun.get(pod.run.uid);
    if (pods === undefined) {
      pods = new Map();
      this.#byRun.set(pod.run.uid, pods);
    }
    pods.set(pod.state.name, pod.state);
    if (pod.snapshot !== undefined) this.#snapshots.set(pod.run.uid, pod.snapshot);
  }

  /** A pod is gone; what was last seen of it is kept until the run forgets it. */
  remove(pod: CachedPod): void {
    const pods = pod.run && this.#byRun.get(pod.run.uid);
    const known = pods?.get(pod.state.name);
    if (known?.uid === pod.state.uid) pods?.set(pod.state.name, { ...pod.state, gone: true });
  }

  /** Pods of a run, by the run's UID: a run of the same name that was deleted has another one (F-31). */
  of(runUid: string): ObservedObject[] {
    return [...(this.#byRun.get(runUid)?.values() ?? [])];
  }

  has(runUid: string, name: string): boolean {
    return this.#byRun.get(runUid)?.has(name) ?? false;
  }

  /** The snapshot that the run's first pods were made from, where its status does not say so yet. */
  snapshotOf(runUid: string): string | undefined {
    return this.#snapshots.get(runUid);
  }

  /** Drops everything about a run that has ended or is gone. */
  forget(runUid: string): void {
    this.#byRun.delete(runUid);
    this.#snapshots.delete(runUid);
  }
}
