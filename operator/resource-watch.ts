import type { Registry } from "prom-client";
import type { Informer } from "../kube/informer.ts";
import type { KeptMetadata } from "../kube/kept-metadata.ts";
import type { Logger } from "../kube/logger.ts";
import { WorkQueue } from "../kube/queue.ts";
import type { Resource } from "../kube/resource.ts";

/** The least that a watched object has. */
export interface Watched {
  metadata: KeptMetadata;
}

/** What a handler is told: the object as it is in the cache, or the last that was seen of one that is gone. */
export interface Change<P extends Watched> {
  key: string;
  type: "added" | "modified" | "deleted";
  object: P;
  /** When the key was queued, in monotonic milliseconds. */
  queuedMs: number;
}

/** Handles a change; the queue repeats it with back-off when it throws, and looks again when told to. */
export type Handler<P extends Watched> = (change: Change<P>) => Promise<{ requeueAfterMs: number } | undefined>;

export interface ResourceWatchOptions<P extends Watched> {
  resource: Resource;
  informer: Informer<P>;
  handler: Handler<P>;
  workers: number;
  /** Whether this process acts on a key; changes of others are dropped. By default it acts on all. */
  owns?: (key: string) => boolean;
  logger: Logger;
  registry: Registry;
}

/**
 * One watched resource: a cache and a queue of its keys. Events of one key collapse; the handler gets what the cache holds when its turn comes. A
 * deletion is handled on its own even if an object of the same name was created meanwhile, and is repeated until it succeeds.
 */
export class ResourceWatch<P extends Watched> {
  readonly informer: Informer<P>;
  readonly #queue: WorkQueue;
  readonly #handler: Handler<P>;
  readonly #owns: (key: string) => boolean;
  readonly #deleted = new Map<string, P[]>();
  readonly #seen = new Set<string>();

  constructor({ resource, informer, handler, workers, owns, logger, registry }: ResourceWatchOptions<P>) {
    this.informer = informer;
    this.#handler = handler;
    this.#owns = owns ?? (() => true);
    this.#queue = new WorkQueue({
      name: resource.plural,
      concurrency: workers,
      handler: (key, { queuedAt }) => this.#handle(key, queuedAt),
      logger,
      registry,
    });
    informer.onChange((change) => {
      if (!this.#owns(change.key)) return;
      if (change.type === "deleted")
        this.#deleted.set(change.key, [...(this.#deleted.get(change.key) ?? []), change.object]);
      this.#queue.add(change.key);
    });
  }

  /** Fills the cache; no handler runs yet, so that a follower is ready to take over. */
  async sync(): Promise<void> {
    this.informer.start();
    await this.informer.synced;
  }

  /** Starts handling. */
  begin(): void {
    this.#queue.start();
  }

  /** Looks at a key again, because something else changed that concerns it. */
  touch(key: string): void {
    if (this.#owns(key)) this.#queue.add(key);
  }

  /** Looks at all keys that this process acts on, because it acts on some of them from now on. */
  touchAll(): void {
    for (const { metadata } of this.informer.list()) this.touch(`${metadata.namespace}/${metadata.name}`);
  }

  /** Stops watching at once and gives running handlers until the deadline; false if one did not end by then. */
  async stop(deadlineMs: number): Promise<boolean> {
    await this.informer.stop();
    return await this.#queue.drain(deadlineMs);
  }

  async #handle(key: string, queuedMs: number): Promise<{ requeueAfterMs: number } | undefined> {
    if (!this.#owns(key)) {
      this.#deleted.delete(key);
      return undefined;
    }
    for (let gone = this.#deleted.get(key)?.[0]; gone !== undefined; gone = this.#deleted.get(key)?.[0]) {
      await this.#handler({ key, type: "deleted", object: gone, queuedMs });
      this.#seen.delete(gone.metadata.uid);
      const left = this.#deleted.get(key)?.slice(1) ?? [];
      if (left.length > 0) this.#deleted.set(key, left);
      else this.#deleted.delete(key);
    }
    const object = this.informer.get(key);
    if (object === undefined) return undefined;
    const type = this.#seen.has(object.metadata.uid) ? "modified" : "added";
    const next = await this.#handler({ key, type, object, queuedMs });
    this.#seen.add(object.metadata.uid);
    return next;
  }
}
