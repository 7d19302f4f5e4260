import type { ObservedObject } from "./decide/run.ts";
import type { CachedObject } from "./kinds/object-state.ts";
import type { CachedPod } from "./kinds/pod-state.ts";

/** What is known of one run's objects; what is gone stays until the run forgets it. */
interface RunObjects {
  /** By name. */
  objects: Map<string, ObservedObject>;
  /** Pods that controllers made for them: by the object's name, then by their own. */
  members: Map<string, Map<string, ObservedObject>>;
  snapshot?: string;
}

/** The objects of each run and the pods made for them, those included that are gone but whose end is not recorded yet. */
export class ObjectIndex {
  readonly #byRun = new Map<string, RunObjects>();

  /** Takes in what an object, or a pod made for one, looks like now. */
  set(object: CachedObject & Pick<CachedPod, "member">): void {
    if (object.run === undefined) return;
    let known = this.#byRun.get(object.run.uid);
    if (known === undefined) {
      known = { objects: new Map(), members: new Map() };
      this.#byRun.set(object.run.uid, known);
    }
    groupOf(known, object.member, true)?.set(object.state.name, object.state);
    if (object.snapshot !== undefined) known.snapshot = object.snapshot;
  }

  /** An object is gone; what was last seen of it is kept until the run forgets it. */
  remove(object: CachedObject & Pick<CachedPod, "member">): void {
    const known = object.run && this.#byRun.get(object.run.uid);
    const group = known && groupOf(known, object.member, false);
    const { name, uid } = object.state;
    if (group?.get(name)?.uid === uid) group.set(name, { ...object.state, gone: true });
  }

  /** Objects of a run, by the run's UID: a run of the same name that was deleted has another one (F-31). */
  of(runUid: string): ObservedObject[] {
    return [...(this.#byRun.get(runUid)?.objects.values() ?? [])];
  }

  /** Pods that a controller made for an object of a run. */
  membersOf(runUid: string, object: string): ObservedObject[] {
    return [...(this.#byRun.get(runUid)?.members.get(object)?.values() ?? [])];
  }

  has(runUid: string, name: string): boolean {
    return this.#byRun.get(runUid)?.objects.has(name) ?? false;
  }

  /** The snapshot that the run's first objects were made from, where its status does not say so yet. */
  snapshotOf(runUid: string): string | undefined {
    return this.#byRun.get(runUid)?.snapshot;
  }

  /** Drops everything about a run that has ended or is gone; returns the UIDs of what it had. */
  forget(runUid: string): string[] {
    const known = this.#byRun.get(runUid);
    if (known === undefined) return [];
    this.#byRun.delete(runUid);
    return [known.objects, ...known.members.values()].flatMap((group) => [...group.values()].map(({ uid }) => uid));
  }
}

function groupOf(
  known: RunObjects,
  member: string | undefined,
  make: boolean,
): Map<string, ObservedObject> | undefined {
  if (member === undefined) return known.objects;
  let group = known.members.get(member);
  if (group === undefined && make) {
    group = new Map();
    known.members.set(member, group);
  }
  return group;
}
