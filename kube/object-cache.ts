import { compareResourceVersions, type KubeObject, keyOf, type ObjectMeta } from "./resource.ts";
import type { Version } from "./watch-echo.ts";

/** A change of the cache. `object` is the new state, or the last known one of a deleted object. */
export interface Change<P> {
  type: "added" | "modified" | "deleted";
  key: string;
  object: P;
  /** What the cache held before; absent for `added`. */
  previous?: P;
}

/** A full list in progress. */
export interface Listing {
  readonly resourceVersion: string;
  readonly seen: Set<string>;
  /** The server's history is older than what we have seen: its storage was replaced, the list is the truth. */
  readonly rewound: boolean;
}

/** Construction options of `ObjectCache`. */
export interface ObjectCacheOptions<P> {
  /** Keeps of an object what its readers need; must keep name, namespace, uid and resourceVersion. `known`: what is kept of that very object's version before. */
  project: (raw: KubeObject, known?: P) => P;
  emit: (change: Change<P>) => void;
  /** Whether an object is to be here at all; asked of each version before it is projected. Must not change while an object lives. Default: yes. */
  wants?: ((raw: KubeObject) => boolean) | undefined;
  /** Told of a projection that threw; that version of the object is left out. */
  onBadObject: (key: string, error: unknown) => void;
  now?: () => number;
}

/** A write of ours that the watch has not delivered yet. */
interface Unconfirmed {
  uid: string;
  resourceVersion: string;
  notedAt: number;
}

interface Tombstone {
  /** Version of the deletion; undefined where only our own delete told us, which is final. */
  resourceVersion: string | undefined;
  buriedAt: number;
}

/** Deleted UIDs that are remembered, and for how long: a multiple of what an answer may take that is still under way, or an old event behind it. */
const MAX_TOMBSTONES = 10_000;
const TOMBSTONE_AGE_MS = 2 * 60_000;
/** A write that no watch has confirmed for so long no longer survives a list without it. */
const UNCONFIRMED_AGE_MS = 5 * 60_000;

/**
 * The objects of one collection by key, brought forward by watch events and by full lists, and ahead of both by our own
 * writes. Rules: an object never goes back to an older resourceVersion (F-8); a deleted UID never comes back; the same
 * name with another UID is a deletion and an addition; a version that is there already changes nothing; a write of ours
 * stays visible until the watch has passed its version (F-9).
 */
export class ObjectCache<P extends { metadata: ObjectMeta }> {
  readonly #options: ObjectCacheOptions<P>;
  readonly #now: () => number;
  readonly #items = new Map<string, P>();
  readonly #keyByUid = new Map<string, string>();
  readonly #unconfirmed = new Map<string, Unconfirmed>();
  readonly #tombstones = new Map<string, Tombstone>();
  #progress = "";

  constructor(options: ObjectCacheOptions<P>) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  get size(): number {
    return this.#items.size;
  }

  /** Version up to which list and watch have told everything; "" before the first list. */
  get resourceVersion(): string {
    return this.#progress;
  }

  get(key: string): P | undefined {
    return this.#items.get(key);
  }

  values(): IterableIterator<P> {
    return this.#items.values();
  }

  /** Applies an event of the watch that follows the last list. */
  applyWatched(type: "ADDED" | "MODIFIED" | "DELETED", raw: KubeObject): void {
    if (type === "DELETED") this.#applyDeleted(raw);
    else this.#applyCurrent(raw);
    this.#advance(raw.metadata.resourceVersion);
  }

  /**
   * Applies an event of the watch of which only the version is known: true if the cache holds that very version, so that the event says nothing
   * new. That is the echo of a write of ours, mostly.
   */
  confirm({ uid, resourceVersion }: Version): boolean {
    const key = this.#keyByUid.get(uid);
    const current = key === undefined ? undefined : this.#items.get(key);
    if (key === undefined || current?.metadata.uid !== uid || current.metadata.resourceVersion !== resourceVersion)
      return false;
    this.#unconfirmed.delete(key);
    this.#advance(resourceVersion);
    return true;
  }

  /** Applies a bookmark: everything up to this version has been delivered. */
  applyBookmark(resourceVersion: string): void {
    this.#advance(resourceVersion);
  }

  /** Starts a full list at the version of its first page. */
  beginList(resourceVersion: string): Listing {
    const rewound = isOlder(resourceVersion, this.#progress);
    if (rewound) {
      this.#tombstones.clear();
      this.#unconfirmed.clear();
    }
    return { resourceVersion, seen: new Set(), rewound };
  }

  /** Applies one item of a list; unchanged objects are not announced again. */
  applyListed(listing: Listing, raw: KubeObject): void {
    const { uid, resourceVersion } = raw.metadata;
    const key = keyOf(raw.metadata);
    listing.seen.add(key);
    if (this.#isBuried(uid, resourceVersion, true)) return;
    const current = this.#items.get(key);
    if (current?.metadata.uid === uid) {
      const order = compareResourceVersions(resourceVersion, current.metadata.resourceVersion);
      if (order !== undefined && order >= 0) this.#unconfirmed.delete(key);
      if (order === 0 || (order !== undefined && order < 0 && !listing.rewound)) return;
    } else if (current && this.#isAhead(key, listing)) {
      return;
    }
    this.#put(key, raw, current);
  }

  /** Ends a list: what it did not hold is gone, except writes of ours that are newer than the list. */
  endList(listing: Listing): void {
    for (const [key, current] of this.#items) {
      if (listing.seen.has(key) || this.#isAhead(key, listing)) continue;
      this.#bury(current.metadata.uid, listing.resourceVersion);
      this.#remove(key, current, current);
    }
    this.#progress = listing.resourceVersion;
    this.#dropUnseenWrites();
  }

  /** Makes the object that one of our own writes returned visible, unless the cache knows better. */
  noteWritten(raw: KubeObject): void {
    const { uid, resourceVersion } = raw.metadata;
    if (this.#isBuried(uid, resourceVersion, false)) return;
    const key = keyOf(raw.metadata);
    const current = this.#items.get(key);
    if (current) {
      const order = compareResourceVersions(resourceVersion, current.metadata.resourceVersion);
      if (order === undefined || order <= 0) return;
    }
    // The watch has passed this version and the object is not here: it is gone again, or outside our selection.
    if (current?.metadata.uid !== uid && isAtMost(resourceVersion, this.#progress)) return;
    this.#unconfirmed.delete(key);
    this.#unconfirmed.set(key, { uid, resourceVersion, notedAt: this.#now() });
    this.#put(key, raw, current);
  }

  /** Removes the object with this UID, which a delete of ours has removed from the server. */
  noteDeleted(uid: string): void {
    this.#bury(uid, undefined);
    const key = this.#keyByUid.get(uid);
    const current = key === undefined ? undefined : this.#items.get(key);
    if (key !== undefined && current) this.#remove(key, current, current);
  }

  #applyCurrent(raw: KubeObject): void {
    const { uid, resourceVersion } = raw.metadata;
    if (this.#isBuried(uid, resourceVersion, true)) return;
    const key = keyOf(raw.metadata);
    const current = this.#items.get(key);
    if (current) {
      const order = compareResourceVersions(resourceVersion, current.metadata.resourceVersion);
      if (current.metadata.uid === uid && order !== undefined && order >= 0) this.#unconfirmed.delete(key);
      if (order !== undefined && order <= 0) return;
    }
    this.#put(key, raw, current);
  }

  #applyDeleted(raw: KubeObject): void {
    const { uid, resourceVersion } = raw.metadata;
    this.#bury(uid, resourceVersion);
    const key = keyOf(raw.metadata);
    const current = this.#items.get(key);
    if (current?.metadata.uid !== uid || isOlder(resourceVersion, current.metadata.resourceVersion)) return;
    this.#remove(key, current, this.#project(key, raw, current) ?? current);
  }

  #put(key: string, raw: KubeObject, current: P | undefined): void {
    if (this.#options.wants?.(raw) === false) {
      // One of the same name that was here is gone.
      if (current === undefined || current.metadata.uid === raw.metadata.uid) return;
      this.#bury(current.metadata.uid, undefined);
      this.#remove(key, current, current);
      return;
    }
    const object = this.#project(key, raw, current);
    if (object === undefined) return;
    const { uid } = raw.metadata;
    let previous = current;
    if (current && current.metadata.uid !== uid) {
      this.#bury(current.metadata.uid, undefined);
      this.#items.delete(key);
      this.#keyByUid.delete(current.metadata.uid);
      this.#options.emit({ type: "deleted", key, object: current, previous: current });
      previous = undefined;
    }
    this.#items.set(key, object);
    this.#keyByUid.set(uid, key);
    this.#options.emit(
      previous === undefined ? { type: "added", key, object } : { type: "modified", key, object, previous },
    );
  }

  #remove(key: string, current: P, last: P): void {
    this.#items.delete(key);
    this.#unconfirmed.delete(key);
    this.#keyByUid.delete(current.metadata.uid);
    this.#options.emit({ type: "deleted", key, object: last, previous: current });
  }

  #project(key: string, raw: KubeObject, current: P | undefined): P | undefined {
    try {
      delete (raw.metadata as { managedFields?: unknown }).managedFields;
      const known = current?.metadata.uid === raw.metadata.uid ? current : undefined;
      const object = this.#options.project(raw, known);
      if (object.metadata.uid !== raw.metadata.uid) throw new Error("the projection must keep metadata.uid");
      return object;
    } catch (error) {
      this.#options.onBadObject(key, error);
      return undefined;
    }
  }

  #advance(resourceVersion: string): void {
    if (isOlder(resourceVersion, this.#progress)) return;
    this.#progress = resourceVersion;
    this.#dropUnseenWrites();
  }

  /** The watch delivers in order: a write of ours that it has passed without a word is outside our selection. */
  #dropUnseenWrites(): void {
    for (const [key, noted] of this.#unconfirmed) {
      if (!isAtMost(noted.resourceVersion, this.#progress)) return;
      this.#unconfirmed.delete(key);
      const current = this.#items.get(key);
      if (current?.metadata.uid !== noted.uid) continue;
      if (current.metadata.resourceVersion === noted.resourceVersion) this.#remove(key, current, current);
    }
  }

  /** Whether the object at `key` is a write of ours that the list is too old to know. */
  #isAhead(key: string, listing: Listing): boolean {
    const noted = this.#unconfirmed.get(key);
    if (noted === undefined || this.#now() - noted.notedAt > UNCONFIRMED_AGE_MS) return false;
    return !isAtMost(noted.resourceVersion, listing.resourceVersion);
  }

  #bury(uid: string, resourceVersion: string | undefined): void {
    const old = this.#tombstones.get(uid);
    if (old && (old.resourceVersion === undefined || isOlder(resourceVersion ?? "", old.resourceVersion))) return;
    const now = this.#now();
    this.#tombstones.delete(uid);
    this.#tombstones.set(uid, { resourceVersion, buriedAt: now });
    for (const [oldest, { buriedAt }] of this.#tombstones) {
      if (this.#tombstones.size <= MAX_TOMBSTONES && now - buriedAt < TOMBSTONE_AGE_MS) return;
      this.#tombstones.delete(oldest);
    }
  }

  /**
   * Whether this version of the object precedes its deletion. A watch also says DELETED when an object leaves the
   * selection, and such an object may come back with a newer version. `inOrder` decides where versions cannot be compared.
   */
  #isBuried(uid: string, resourceVersion: string, inOrder: boolean): boolean {
    const tombstone = this.#tombstones.get(uid);
    if (tombstone === undefined) return false;
    if (tombstone.resourceVersion === undefined) return true;
    const order = compareResourceVersions(resourceVersion, tombstone.resourceVersion);
    return order === undefined ? !inOrder : order <= 0;
  }
}

function isOlder(a: string, b: string): boolean {
  return (compareResourceVersions(a, b) ?? 0) < 0;
}

function isAtMost(a: string, b: string): boolean {
  return (compareResourceVersions(a, b) ?? 1) <= 0;
}
