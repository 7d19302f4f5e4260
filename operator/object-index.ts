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

/** What tells a run from every other: a run of the same name that was deleted has another UID (F-31). */
export interface RunIdentity {
  namespace?: string | undefined;
  uid: string;
}

/**
 * An owner is only what an object says; whoever may create objects in one namespace must not speak for runs of another, so the namespace is
 * part of the key.
 */
function keyOf({ namespace, uid }: RunIdentity): string {
  return `${namespace}/${uid}`;
}

function runOf(object: CachedObject): RunIdentity | undefined {
  return object.run && { namespace: object.metadata.namespace, uid: object.run.uid };
}

/** The objects of each run and the pods made for them, those included that are gone but whose end is not recorded yet. */
export class ObjectIndex {
  readonly #byRun = new Map<string, RunObjects>();
  /** Told in which namespace the number of tasks whose objects have not ended has changed, and by how much. */
  onLive: (namespace: string, by: number) => void = () => {};

  /** Takes in what an object, or a pod made for one, looks like now. */
  set(object: CachedObject & Pick<CachedPod, "member">): void {
    const run = runOf(object);
    if (run === undefined) return;
    let known = this.#byRun.get(keyOf(run));
    if (known === undefined) {
      known = { objects: new Map(), members: new Map() };
      this.#byRun.set(keyOf(run), known);
    }
    const group = groupOf(known, object.member, true);
    const before = group?.get(object.state.name);
    group?.set(object.state.name, object.state);
    if (object.member === undefined) this.#count(run, Number(isLive(object.state)) - Number(isLive(before)));
    if (object.snapshot !== undefined) known.snapshot = object.snapshot;
  }

  /** An object is gone; what was last seen of it is kept until the run forgets it. */
  remove(object: CachedObject & Pick<CachedPod, "member">): void {
    const run = runOf(object);
    const known = run && this.#byRun.get(keyOf(run));
    const group = known && groupOf(known, object.member, false);
    const { name, uid } = object.state;
    const before = group?.get(name);
    if (before?.uid !== uid) return;
    group?.set(name, { ...object.state, gone: true });
    if (object.member === undefined && isLive(before)) this.#count(run, -1);
  }

  #count(run: RunIdentity | undefined, by: number): void {
    if (by !== 0 && run?.namespace !== undefined) this.onLive(run.namespace, by);
  }

  /** An object that a run has is known to be gone, or one of its pods is, although no watch has said so. */
  markGone(run: RunIdentity, { name, uid }: Pick<ObservedObject, "name" | "uid">): void {
    const known = this.#byRun.get(keyOf(run));
    for (const group of known === undefined ? [] : [known.objects, ...known.members.values()]) {
      const object = group.get(name);
      if (object?.uid === uid) group.set(name, { ...object, gone: true });
    }
  }

  /** Objects of a run. */
  of(run: RunIdentity): ObservedObject[] {
    return [...(this.#byRun.get(keyOf(run))?.objects.values() ?? [])];
  }

  /** Pods that a controller made for an object of a run. */
  membersOf(run: RunIdentity, object: string): ObservedObject[] {
    return [...(this.#byRun.get(keyOf(run))?.members.get(object)?.values() ?? [])];
  }

  has(run: RunIdentity, name: string): boolean {
    return this.#byRun.get(keyOf(run))?.objects.has(name) ?? false;
  }

  /** The snapshot that the run's first objects were made from, where its status does not say so yet. */
  snapshotOf(run: RunIdentity): string | undefined {
    return this.#byRun.get(keyOf(run))?.snapshot;
  }

  /** Drops everything about a run that has ended or is gone; returns the UIDs of what it had. */
  forget(run: RunIdentity): string[] {
    const known = this.#byRun.get(keyOf(run));
    if (known === undefined) return [];
    this.#byRun.delete(keyOf(run));
    this.#count(run, -[...known.objects.values()].filter(isLive).length);
    return [known.objects, ...known.members.values()].flatMap((group) => [...group.values()].map(({ uid }) => uid));
  }
}

/** Whether an object still executes its task. */
function isLive(object: ObservedObject | undefined): boolean {
  return object !== undefined && !object.gone && object.phase !== "Succeeded" && object.phase !== "Failed";
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
