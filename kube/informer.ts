import { setTimeout as sleep } from "node:timers/promises";
import type { Registry } from "prom-client";
import { type BackoffBounds, backoffDelayMs } from "./backoff.ts";
import type { KubeClient } from "./client.ts";
import { errorFromAbort, isKubeError } from "./errors.ts";
import type { Logger } from "./logger.ts";
import { type InformerSource, type KubeMetrics, kubeMetrics } from "./metrics.ts";
import { type Change, ObjectCache } from "./object-cache.ts";
import { collectionPath, type KubeObject, type ObjectMeta, type Resource } from "./resource.ts";
import type { WatchEvent } from "./watch.ts";

/** Times and sizes of an informer; the defaults are what production uses. */
export interface InformerTimings {
  /** Silence after which a watch counts as dead; longer than the minute between two bookmarks. */
  idleTimeoutMs: number;
  /** Bound for the head of a watch's answer. */
  openTimeoutMs: number;
  backoff: BackoffBounds;
  /** A watch that was open for less and brought nothing counts as failed, however it ended. */
  livedMs: number;
  /** Longest pause between two tries while the resource is not served: a CRD may appear at any moment. */
  missingRetryMs: number;
  /** Length of one watch in seconds, evenly spread between the two, so that not all end at once. */
  watchSeconds: readonly [number, number];
  /** Failures in a row, with a server that answers, after which the collection is listed anew. */
  failuresBeforeRelist: number;
  pageSize: number;
}

const DEFAULT_TIMINGS: InformerTimings = {
  idleTimeoutMs: 90_000,
  openTimeoutMs: 30_000,
  backoff: { baseMs: 800, capMs: 30_000 },
  livedMs: 5_000,
  missingRetryMs: 5_000,
  watchSeconds: [300, 600],
  failuresBeforeRelist: 5,
  pageSize: 500,
};

/** While a resource is missing, that is said again this often. */
const TELL_MISSING_EVERY_MS = 30_000;

/** Construction options of `Informer`. */
export interface InformerOptions<P> {
  client: KubeClient;
  resource: Resource;
  /** One namespace; all of them by default. */
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  /**
   * What to keep of each object (`managedFields` are gone already). Must keep `metadata` with name, namespace, uid and
   * resourceVersion; what it throws leaves that version of the object out, with a log line. `known` is what the cache
   * holds of the version before: for what an object once said and says no more.
   */
  project: (raw: KubeObject, known?: P) => P;
  /** Which objects are to be in the cache; the others are as if they were not there. By default all are. */
  wants?: (raw: KubeObject) => boolean;
  logger: Logger;
  registry?: Registry;
  timings?: Partial<InformerTimings>;
}

/** Called for each change, in order; must be quick and must not throw (a throw is logged and counted). */
export type ChangeHandler<P> = (change: Change<P>) => void;

type RelistReason = "start" | "expired" | "notServed" | "refused" | "failures";

/**
 * Cache of one collection that follows the API server: a paged list, then a watch with bookmarks that resumes where it
 * broke off, for ever, with back-off. A list after lost history announces only what changed, deletions included.
 * Nothing that the server or the network does ends it or goes unlogged; only `stop` ends it.
 */
export class Informer<P extends { metadata: ObjectMeta }> {
  /** Resolves after the first full list; rejects (`aborted`) if the informer is stopped before. */
  readonly synced: Promise<void>;
  readonly #options: InformerOptions<P>;
  readonly #timings: InformerTimings;
  readonly #path: string;
  readonly #label: string;
  readonly #logger: Logger;
  readonly #metrics: KubeMetrics;
  readonly #source: InformerSource;
  readonly #cache: ObjectCache<P>;
  readonly #handlers = new Set<ChangeHandler<P>>();
  readonly #stopping = new AbortController();
  #pageSize: number;
  #running: Promise<void> | undefined;
  #hasSynced = false;
  #markSynced: () => void = () => undefined;
  #failSynced: (error: Error) => void = () => undefined;
  #relist: RelistReason | undefined = "start";
  #failures = 0;
  #openedAt: number | undefined;
  /** How far the cache had come when the watch was asked for. */
  #openedFrom = "";
  #lastDataAt: number | undefined;
  #missingToldAt = Number.NEGATIVE_INFINITY;

  constructor(options: InformerOptions<P>) {
    const { resource, namespace } = options;
    this.#options = options;
    this.#timings = { ...DEFAULT_TIMINGS, ...options.timings };
    this.#path = collectionPath(resource, namespace);
    this.#label = resource.group === "" ? resource.plural : `${resource.plural}.${resource.group}`;
    this.#logger = options.logger;
    this.#pageSize = this.#timings.pageSize;
    this.#metrics = kubeMetrics(options.registry);
    this.#cache = new ObjectCache<P>({
      project: options.project,
      wants: options.wants,
      emit: (change) => this.#emit(change),
      onBadObject: (key, error) => this.#noteThrow("cannot read an object; it is left out of the cache", key, error),
    });
    this.#source = this.#metricsSource();
    this.synced = new Promise((resolve, reject) => {
      this.#markSynced = resolve;
      this.#failSynced = reject;
    });
    // Whoever awaits it still gets the rejection; nobody having to is what must not end the process.
    this.synced.catch(() => undefined);
  }

  /** Starts to follow the collection. A second call does nothing; a stopped informer does not start again. */
  start(): void {
    if (this.#running || this.#stopping.signal.aborted) return;
    this.#metrics.informers.add(this.#source);
    this.#running = this.#follow(this.#stopping.signal);
  }

  /** Ends at once: no timer, socket or further change is left. The cache stays readable. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#metrics.informers.delete(this.#source);
    if (!this.#hasSynced) this.#failSynced(errorFromAbort(`GET ${this.#path}: the informer was stopped`));
    await this.#running;
  }

  /** Whether the first full list is in the cache. */
  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  get size(): number {
    return this.#cache.size;
  }

  /** Version up to which list and watch have told everything; "" before the first list. */
  get resourceVersion(): string {
    return this.#cache.resourceVersion;
  }

  /** The object at `namespace/name` (or `name` of a cluster-scoped one). Not to be changed by the caller. */
  get(key: string): P | undefined {
    return this.#cache.get(key);
  }

  /** All objects, in no particular order. */
  list(): IterableIterator<P> {
    return this.#cache.values();
  }

  /**
   * Calls `handler` for each change from now on; what is in the cache already is not announced again. Returns the
   * function that unsubscribes.
   */
  onChange(handler: ChangeHandler<P>): () => void {
    this.#handlers.add(handler);
    return () => this.#handlers.delete(handler);
  }

  /**
   * Shows the object that a write of ours returned at once, before the watch brings it (F-9). It never replaces
   * something newer, never revives a deleted object, and survives a list that is older than the write. `raw` is taken
   * over: the caller no longer changes it.
   */
  noteWritten(raw: KubeObject): void {
    const { namespace } = this.#options;
    if (this.#stopping.signal.aborted) return;
    if (namespace !== undefined && raw.metadata.namespace !== namespace) return;
    this.#cache.noteWritten(raw);
  }

  /** Removes the object with this UID at once, after a delete of ours that left nothing behind on the server. */
  noteDeleted(uid: string): void {
    if (!this.#stopping.signal.aborted) this.#cache.noteDeleted(uid);
  }

  async #follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      let delayMs = 0;
      this.#openedAt = undefined;
      try {
        if (this.#relist) await this.#list(this.#relist, signal);
        await this.#watch(signal);
        delayMs = this.#afterClose();
      } catch (error) {
        if (signal.aborted) return;
        delayMs = this.#afterFailure(error);
      }
      if (delayMs > 0) await sleep(delayMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #list(reason: RelistReason, signal: AbortSignal): Promise<void> {
    const { client, labelSelector, fieldSelector } = this.#options;
    const startedAt = performance.now();
    const select = {
      ...(labelSelector === undefined ? {} : { labelSelector }),
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
    };
    const first = await client.listPage<KubeObject>(this.#path, { ...select, signal, limit: this.#pageSize });
    const listing = this.#cache.beginList(first.metadata.resourceVersion);
    if (listing.rewound) {
      this.#logger.warn(
        { resource: this.#label, resourceVersion: listing.resourceVersion },
        "the API server's history went backwards: its storage was restored; the list replaces the cache",
      );
    }
    for (let page = first; ; ) {
      for (const item of page.items) this.#cache.applyListed(listing, item);
      const token = page.metadata.continue;
      if (!token) break;
      page = await client.listPage<KubeObject>(this.#path, {
        ...select,
        signal,
        limit: this.#pageSize,
        continue: token,
      });
      if (signal.aborted) throw errorFromAbort(`GET ${this.#path}`);
    }
    this.#cache.endList(listing);
    this.#relist = undefined;
    this.#lastDataAt = performance.now();
    this.#metrics.relists.inc({ resource: this.#label, reason });
    const listMs = Math.round(this.#lastDataAt - startedAt);
    this.#logger.info({ resource: this.#label, objects: this.size, reason, listMs }, "the collection was listed");
    this.#hasSynced = true;
    this.#markSynced();
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { client, labelSelector, fieldSelector } = this.#options;
    const [shortest, longest] = this.#timings.watchSeconds;
    this.#openedFrom = this.#cache.resourceVersion;
    await client.watch(this.#path, {
      query: {
        labelSelector,
        fieldSelector,
        resourceVersion: this.#cache.resourceVersion,
        allowWatchBookmarks: true,
        timeoutSeconds: Math.round(shortest + Math.random() * (longest - shortest)),
      },
      signal,
      openTimeoutMs: this.#timings.openTimeoutMs,
      idleTimeoutMs: this.#timings.idleTimeoutMs,
      onOpen: () => {
        this.#openedAt = performance.now();
        const { resourceVersion } = this.#cache;
        this.#logger.debug({ resource: this.#label, resourceVersion }, "the watch is open");
      },
      onData: () => {
        this.#lastDataAt = performance.now();
      },
      onEvent: (event) => this.#apply(event),
      isKnown: (version) => this.#cache.confirm(version),
    });
  }

  #apply({ type, object }: WatchEvent): void {
    if (type === "BOOKMARK") this.#cache.applyBookmark(object.metadata.resourceVersion);
    else this.#cache.applyWatched(type, object);
  }

  /**
   * The server ended the watch in order. One that lived, or got anywhere, is opened again at once: in a burst the API server closes the watches that it
   * cannot write to fast enough, however young they are, and a pause would be time in which nothing is seen. Another is a failure in disguise.
   */
  #afterClose(): number {
    this.#metrics.watchRestarts.inc({ resource: this.#label, reason: "closed" });
    if (this.#hasLived()) return 0;
    if (this.#cache.resourceVersion === this.#openedFrom) return this.#afterBrokenWatch();
    this.#failures = 0;
    return 0;
  }

  /** Decides how to go on after an error and returns the pause before it. */
  #afterFailure(error: unknown): number {
    const fields = { resource: this.#label, err: error instanceof Error ? error.message : String(error) };
    const kube = isKubeError(error) ? error : undefined;
    const watching = this.#relist === undefined;
    const lived = this.#hasLived();
    if (watching && lived && kube?.reason === "Timeout") return this.#afterSilence();
    if (watching) this.#metrics.watchRestarts.inc({ resource: this.#label, reason: kube?.category ?? "other" });
    if (kube?.category === "gone") return this.#afterLostHistory(fields, watching);
    if (kube?.code === 404) return this.#afterMissing(fields);
    if (kube?.reason === "AnswerTooLarge" && this.#pageSize > 1) {
      this.#pageSize = Math.ceil(this.#pageSize / 2);
      this.#logger.warn({ ...fields, pageSize: this.#pageSize }, "a page of the list is too large: asking for less");
      return 0;
    }
    if (watching && kube?.code === 400) this.#relist = "refused";
    const delayMs = Math.max(watching ? this.#afterBrokenWatch() : this.#countFailure(), kube?.retryAfterMs ?? 0);
    const message = watching ? "the watch broke and is resumed" : "the list failed and is repeated";
    this.#logger.warn({ ...fields, delayMs: Math.round(delayMs) }, message);
    return delayMs;
  }

  /**
   * A kind of which nothing changes gets no bookmarks either, so its watch looks just like a dead connection. It is opened again at once: a pause would
   * be time in which nothing is seen. If the server cannot be reached, that open fails, and then there are pauses.
   */
  #afterSilence(): number {
    this.#metrics.watchRestarts.inc({ resource: this.#label, reason: "silent" });
    this.#logger.debug({ resource: this.#label }, "the watch was silent and is opened again");
    return 0;
  }

  /** History is gone from the server, or a page's token is: the first new list starts at once, further ones back off. */
  #afterLostHistory(fields: object, watching: boolean): number {
    if (watching) {
      this.#relist = "expired";
      this.#metrics.gaps.inc({ resource: this.#label });
    }
    this.#logger.info(fields, "the server no longer has the history that is needed: listing anew");
    const first = this.#failures === 0;
    const delayMs = this.#countFailure();
    return first ? 0 : delayMs;
  }

  #afterMissing(fields: object): number {
    this.#relist ??= "notServed";
    const now = performance.now();
    if (now - this.#missingToldAt >= TELL_MISSING_EVERY_MS) {
      this.#missingToldAt = now;
      this.#logger.warn(
        fields,
        `${this.#label} is not served by the API server (is its CRD installed?): waiting for it`,
      );
    }
    return Math.min(this.#countFailure(), this.#timings.missingRetryMs);
  }

  /**
   * A server that cannot be reached has lost nothing, so resuming is enough when it is back. One that answers and breaks
   * the watch again and again may choke on that version of the history: a new list gets past it.
   */
  #afterBrokenWatch(): number {
    const delayMs = this.#countFailure();
    if (this.#openedAt !== undefined && this.#failures >= this.#timings.failuresBeforeRelist)
      this.#relist ??= "failures";
    return delayMs;
  }

  /** Whether the last watch was open for a while; only that ends a row of failures. */
  #hasLived(): boolean {
    const lived = this.#openedAt !== undefined && performance.now() - this.#openedAt >= this.#timings.livedMs;
    if (lived) this.#failures = 0;
    return lived;
  }

  #countFailure(): number {
    this.#failures++;
    return backoffDelayMs(this.#failures, this.#timings.backoff);
  }

  #emit(change: Change<P>): void {
    for (const handler of this.#handlers) {
      try {
        const result: unknown = handler(change);
        if (result instanceof Promise) result.catch((error) => this.#noteThrow("a handler failed", change.key, error));
      } catch (error) {
        this.#noteThrow("a handler failed", change.key, error);
      }
    }
  }

  #noteThrow(message: string, key: string, error: unknown): void {
    this.#metrics.handlerErrors.inc({ resource: this.#label });
    const err = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#logger.error({ resource: this.#label, key, err }, message);
  }

  #metricsSource(): InformerSource {
    const cache = this.#cache;
    return {
      label: this.#label,
      get size() {
        return cache.size;
      },
      lastEventAgeSeconds: () =>
        this.#lastDataAt === undefined ? undefined : (performance.now() - this.#lastDataAt) / 1_000,
    };
  }
}
