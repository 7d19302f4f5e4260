import { RESOURCES, type ResourceFacts } from "./resources.ts";
import type { Selector } from "./selector.ts";
import { copyOf, type Stored, type StoredMetadata, same } from "./stored.ts";

/** One change of one object, as it is kept for watches and told to observers. */
export interface Change {
  revision: number;
  type: "ADDED" | "MODIFIED" | "DELETED";
  resource: ResourceFacts;
  /** As it is now; of a deleted object its last state, with the version of the deletion. */
  object: Stored;
  previous?: Stored;
  /** Who did it. */
  actor: string;
}

/** What is told to a watch: a line for an object that is, comes into, or leaves its selection. */
export interface Told {
  type: "ADDED" | "MODIFIED" | "DELETED";
  object: Stored;
}

interface Collection {
  objects: Map<string, Stored>;
  history: Change[];
  /** Version of the last change. */
  progress: number;
}

/** Surroundings of the store. */
export interface StoreOptions {
  /** RFC 3339 in whole seconds. */
  stamp: () => string;
}

/** Where an object is kept: `namespace/name`, or `name`. */
export function keyOf(metadata: Pick<StoredMetadata, "namespace" | "name">): string {
  return metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`;
}

/**
 * The objects of a cluster, as etcd and the watch caches keep them: one order of versions over all kinds, every version of every object, and a
 * history that can be compacted.
 */
export class ObjectStore {
  /** Who is changing things now; for observers. */
  actor = "cluster";
  /** Versions up to this one can no longer be watched from. */
  compacted = 0;
  readonly #options: StoreOptions;
  readonly #collections = new Map<ResourceFacts, Collection>();
  readonly #observers: ((change: Change) => void)[] = [];
  #revision = 1000;
  #uids = 0;

  constructor(options: StoreOptions) {
    this.#options = options;
    for (const resource of RESOURCES.values())
      this.#collections.set(resource, { objects: new Map(), history: [], progress: 0 });
  }

  get revision(): number {
    return this.#revision;
  }

  /** Calls `observer` with every change, at once and in order. */
  observe(observer: (change: Change) => void): void {
    this.#observers.push(observer);
  }

  get(resource: ResourceFacts, key: string): Stored | undefined {
    return this.#of(resource).objects.get(key);
  }

  /** Objects of one kind in the order of their keys. */
  list(resource: ResourceFacts, namespace?: string, selector: Selector = () => true): Stored[] {
    return [...this.#of(resource).objects.entries()]
      .filter(([, object]) => namespace === undefined || object.metadata.namespace === namespace)
      .filter(([, object]) => selector(object))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, object]) => object);
  }

  /** Adds an object; gives it UID, version and time. */
  create(resource: ResourceFacts, draft: Record<string, unknown>): Stored {
    const object = copyOf(draft) as Stored;
    this.#uids++;
    const hex = this.#uids.toString(16).padStart(12, "0");
    const given = object.metadata;
    object.metadata = {
      ...given,
      uid: `00000000-0000-4000-8000-${hex}`,
      resourceVersion: String(++this.#revision),
      creationTimestamp: this.#options.stamp(),
      ...(resource.generations ? { generation: 1 } : {}),
    };
    const { objects } = this.#of(resource);
    objects.set(keyOf(object.metadata), object);
    this.#tell({ revision: this.#revision, type: "ADDED", resource, object, actor: this.actor });
    return object;
  }

  /** Replaces an object; nothing happens, and no version is used up, where nothing is different. */
  update(resource: ResourceFacts, next: Stored): Stored {
    const { objects } = this.#of(resource);
    const key = keyOf(next.metadata);
    const previous = objects.get(key);
    if (previous === undefined) throw new Error(`${resource.plural} ${key} is not there`);
    const object = copyOf(next);
    object.metadata.resourceVersion = previous.metadata.resourceVersion;
    if (resource.generations && !same(withoutStatus(object), withoutStatus(previous)))
      object.metadata.generation = (previous.metadata.generation ?? 0) + 1;
    if (same(object, previous)) return previous;
    object.metadata.resourceVersion = String(++this.#revision);
    if (object.metadata.deletionTimestamp !== undefined && isReleased(object)) return this.remove(resource, object);
    objects.set(key, object);
    this.#tell({ revision: this.#revision, type: "MODIFIED", resource, object, previous, actor: this.actor });
    return object;
  }

  /** Changes an object in place, as a controller of the cluster does. False if it is not there. */
  change(resource: ResourceFacts, key: string, edit: (draft: Stored) => void): boolean {
    const current = this.get(resource, key);
    if (current === undefined) return false;
    const draft = copyOf(current);
    edit(draft);
    this.update(resource, draft);
    return true;
  }

  /** Removes an object at once; returns its last state with the version of the deletion. */
  remove(resource: ResourceFacts, last: Stored): Stored {
    const { objects } = this.#of(resource);
    const key = keyOf(last.metadata);
    const previous = objects.get(key);
    objects.delete(key);
    const revision = ++this.#revision;
    const object = { ...last, metadata: { ...last.metadata, resourceVersion: String(revision) } };
    this.#tell({
      revision,
      type: "DELETED",
      resource,
      object,
      ...(previous === undefined ? {} : { previous }),
      actor: this.actor,
    });
    return object;
  }

  /** Forgets the history up to now. */
  compact(): void {
    this.compacted = this.#revision;
    for (const collection of this.#collections.values()) collection.history = [];
  }

  /** What happened to a kind after a version, in order, from the `from`th entry of its history on. */
  history(resource: ResourceFacts): readonly Change[] {
    return this.#of(resource).history;
  }

  /** The version up to which the watch cache of a kind knows that it has seen everything: that of the kind's last change. */
  progress(resource: ResourceFacts): number {
    return this.#of(resource).progress;
  }

  #of(resource: ResourceFacts): Collection {
    const collection = this.#collections.get(resource);
    if (collection === undefined) throw new Error(`${resource.plural} is not a kind of this store`);
    return collection;
  }

  #tell(change: Change): void {
    const collection = this.#of(change.resource);
    collection.history.push(change);
    collection.progress = change.revision;
    for (const observer of this.#observers) observer(change);
  }
}

/** What a watch with this selection is told of a change; undefined: nothing. */
export function toldOf({ type, object, previous }: Change, selector: Selector): Told | undefined {
  const was = previous !== undefined && selector(previous);
  const is = type !== "DELETED" && selector(object);
  if (is) return { type: was ? "MODIFIED" : "ADDED", object };
  return was ? { type: "DELETED", object } : undefined;
}

function withoutStatus({ metadata: _metadata, status: _status, ...rest }: Stored): Record<string, unknown> {
  return rest;
}

function isReleased({ metadata }: Stored): boolean {
  return (metadata.finalizers?.length ?? 0) === 0 && metadata.deletionGracePeriodSeconds === 0;
}
