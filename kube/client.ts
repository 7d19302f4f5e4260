import { setMaxListeners } from "node:events";
import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import type { KubeConfig } from "@kubernetes/client-node";
import type { Registry } from "prom-client";
import { accepted, isRefused, parseAnswer, withKinds } from "./answer.ts";
import { answerStream } from "./answer-stream.ts";
import { errorFromAbort, isCertificateError, isKubeError, KubeError, STORAGE_NOT_READY } from "./errors.ts";
import { type Answer, type Exchange, exchange, openAnswer } from "./exchange.ts";
import { type Lane, Limiter } from "./limiter.ts";
import { type Logger, silentLogger } from "./logger.ts";
import { type ClientSource, type KubeMetrics, kubeMetrics } from "./metrics.ts";
import { MissingRights } from "./missing-rights.ts";
import { describeRequest, laneOf, type RequestLabels, withQuery } from "./request-path.ts";
import type { KubeList } from "./resource.ts";
import { ServerClock } from "./server-clock.ts";
import { type Connection, Transport } from "./transport.ts";
import { readWatch, type WatchEvent } from "./watch.ts";
import type { Version } from "./watch-echo.ts";

/** Values of a query string; undefined entries are left out. */
export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** What every request takes. */
export interface RequestOptions {
  query?: Query;
  /** Bound for the whole answer once it is sent. */
  timeoutMs?: number;
  signal?: AbortSignal;
  /** Urgency; by default derived from method and path. */
  lane?: Lane;
  /** `metadata`: the answer is to hold no more of the object than that; a server that cannot do so sends all of it. */
  answer?: "metadata";
}

/** Construction options of `KubeClient`. */
export interface KubeClientOptions {
  kubeConfig: KubeConfig;
  userAgent: string;
  /** Connections of the pool for calls; watches and streams have their own. */
  maxSockets?: number;
  timeoutMs?: number;
  registry?: Registry;
  logger?: Logger;
  /** Shared with other clients of the same server; by default one of its own. */
  limiter?: Limiter;
  /** Asked before each request other than GET is sent; false refuses it (category `other`, reason `NotLeader`). */
  canWrite?: () => boolean;
}

/** Body formats of PATCH. `apply` is server-side apply, sent as JSON. */
export type PatchType = "json" | "merge" | "strategic" | "apply";

const PATCH_CONTENT_TYPE: Record<PatchType, string> = {
  json: "application/json-patch+json",
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
  apply: "application/apply-patch+yaml",
};

/** Selection and paging of a list. */
export interface ListOptions extends RequestOptions {
  labelSelector?: string;
  fieldSelector?: string;
  limit?: number;
  continue?: string;
  resourceVersion?: string;
}

/** Preconditions and manner of a delete. */
export interface DeleteOptions extends RequestOptions {
  uid?: string;
  resourceVersion?: string;
  propagationPolicy?: "Background" | "Foreground" | "Orphan";
  gracePeriodSeconds?: number;
}

/** Options of a watch. */
export interface WatchOptions {
  query: Query;
  signal: AbortSignal;
  onEvent(event: WatchEvent): void;
  /** See `WatchReader`. */
  isKnown?(version: Version): boolean;
  /** The server accepted the watch. */
  onOpen?(): void;
  /** A piece of data came. */
  onData?(): void;
  /** Bound for the answer's head. */
  openTimeoutMs: number;
  /** Longest silence before the connection counts as dead. */
  idleTimeoutMs: number;
}

const METADATA_ONLY = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json";

const LIST_TIMEOUT_MS = 60_000;
const OPEN_TIMEOUT_MS = 30_000;
const PAGE_SIZE = 500;
/** Times that a list whose continue token expired is started over before the error goes to the caller. */
const LIST_RESTARTS = 3;

/**
 * Raw JSON client of one API server: unknown fields pass through in both directions. Every failure is a `KubeError`.
 * Nothing is repeated behind the caller's back, with two exceptions where the server cannot have acted: once after a
 * 401 with credentials read again, and a GET whose kept-alive connection was closed under it.
 */
export class KubeClient {
  /** What time it is for the API server. */
  readonly clock: ServerClock;
  /** What the server says this process may not do. */
  readonly missingRights: MissingRights;
  readonly #transport: Transport;
  readonly #limiter: Limiter;
  readonly #metrics: KubeMetrics;
  readonly #userAgent: string;
  readonly #timeoutMs: number;
  readonly #canWrite: (() => boolean) | undefined;
  readonly #underWay: Set<(error: KubeError) => void>;
  readonly #closing: AbortController;
  readonly #source: ClientSource | undefined;
  readonly #options: KubeClientOptions;

  /** `shared`: a client whose connections, limits and counts are used; for `guarded` only. */
  constructor(options: KubeClientOptions, shared?: KubeClient) {
    this.#options = options;
    this.clock = shared?.clock ?? new ServerClock();
    this.missingRights = shared?.missingRights ?? new MissingRights();
    if (shared !== undefined) {
      this.#transport = shared.#transport;
      this.#limiter = shared.#limiter;
      this.#metrics = shared.#metrics;
      this.#userAgent = shared.#userAgent;
      this.#timeoutMs = shared.#timeoutMs;
      this.#canWrite = options.canWrite;
      this.#underWay = shared.#underWay;
      this.#closing = shared.#closing;
      return;
    }
    this.#closing = new AbortController();
    this.#underWay = new Set();
    const maxSockets = options.maxSockets ?? 64;
    if (!(maxSockets >= 1)) throw new Error(`maxSockets must be at least 1, got ${options.maxSockets}`);
    this.#transport = new Transport({
      kubeConfig: options.kubeConfig,
      maxSockets,
      logger: options.logger ?? silentLogger,
    });
    const limiter = options.limiter ?? new Limiter({ max: maxSockets });
    this.#limiter = limiter;
    this.#metrics = kubeMetrics(options.registry);
    this.#userAgent = options.userAgent;
    this.#timeoutMs = options.timeoutMs ?? 30_000;
    this.#canWrite = options.canWrite;
    this.#source = {
      get limit() {
        return limiter.limit;
      },
      sockets: () => this.#transport.sockets(),
    };
    this.#metrics.clients.add(this.#source);
    setMaxListeners(0, this.#closing.signal);
  }

  /** This client with one more condition on its writes; both share everything, and end together. */
  guarded(mayWrite: () => boolean): KubeClient {
    const before = this.#canWrite;
    const canWrite = before === undefined ? mayWrite : (): boolean => before() && mayWrite();
    return new KubeClient({ ...this.#options, canWrite }, this);
  }

  /**
   * Sends one request and returns the parsed answer; undefined for an empty one. A Buffer as body is sent as it is,
   * anything else as JSON.
   */
  async request<T>(
    method: string,
    path: string,
    options: RequestOptions & { body?: unknown; contentType?: string } = {},
  ): Promise<T> {
    const labels = describeRequest(method, path);
    const answer = await this.#call(labels, {
      ...options,
      method,
      path: withQuery(path, options.query),
      body: options.body === undefined ? undefined : encode(options.body),
    });
    return parseAnswer<T>(labels.what, answer);
  }

  /** Reads one object. */
  get<T>(path: string, options?: RequestOptions): Promise<T> {
    return this.request("GET", path, options);
  }

  /** Creates an object in the collection at `path`. Rejects with `alreadyExists` where the name is taken. */
  create<T>(path: string, body: unknown, options?: RequestOptions): Promise<T> {
    return this.request("POST", path, { ...options, body });
  }

  /** Replaces an object. With `metadata.resourceVersion` in the body it rejects with `conflict` if that is not current. */
  replace<T>(path: string, body: unknown, options?: RequestOptions): Promise<T> {
    return this.request("PUT", path, { ...options, body });
  }

  /** Deletes one object; answers with the object where it lives on (grace period, finalizers), else with a Status. */
  delete<T>(path: string, options: DeleteOptions = {}): Promise<T> {
    const { uid, resourceVersion, propagationPolicy, gracePeriodSeconds, ...rest } = options;
    const preconditions = uid === undefined && resourceVersion === undefined ? undefined : { uid, resourceVersion };
    const body = { kind: "DeleteOptions", apiVersion: "v1", preconditions, propagationPolicy, gracePeriodSeconds };
    return this.request("DELETE", path, { ...rest, body });
  }

  /** Patches an object. `apply` needs a field manager; `force` takes fields over from other managers. */
  patch<T>(
    path: string,
    type: PatchType,
    body: unknown,
    options: RequestOptions & { fieldManager?: string; force?: boolean } = {},
  ): Promise<T> {
    const { fieldManager, force, query, ...rest } = options;
    return this.request("PATCH", path, {
      ...rest,
      query: { ...query, fieldManager, force },
      contentType: PATCH_CONTENT_TYPE[type],
      body,
    });
  }

  /** Reads one page of a collection. A continue token that expired rejects with `gone`. */
  async listPage<T>(path: string, options: ListOptions = {}): Promise<KubeList<T>> {
    const { labelSelector, fieldSelector, limit, continue: token, resourceVersion, query, ...rest } = options;
    const list = await this.request<KubeList<T> & { kind?: string; apiVersion?: string }>("GET", path, {
      timeoutMs: LIST_TIMEOUT_MS,
      ...rest,
      query: { ...query, labelSelector, fieldSelector, limit, continue: token, resourceVersion },
    });
    return withKinds(path, list);
  }

  /** Reads a whole collection page by page, at one consistent version; starts over where a continue token expires. */
  async listAll<T>(path: string, options: ListOptions = {}): Promise<KubeList<T>> {
    const limit = options.limit ?? PAGE_SIZE;
    for (let restarts = 0; ; restarts++) {
      try {
        const items: T[] = [];
        let page = await this.listPage<T>(path, { ...options, limit });
        for (const item of page.items) items.push(item);
        while (page.metadata.continue) {
          page = await this.listPage<T>(path, { ...options, limit, continue: page.metadata.continue });
          for (const item of page.items) items.push(item);
        }
        return { items, metadata: { resourceVersion: page.metadata.resourceVersion } };
      } catch (error) {
        if (restarts >= LIST_RESTARTS || !isKubeError(error, "gone")) throw error;
      }
    }
  }

  /**
   * Opens an answer that may never end, such as a followed log, on a connection of its own. The stream carries
   * back-pressure, ends when the server ends it and errs with a KubeError when the connection breaks or `signal` aborts.
   */
  async stream(path: string, options: { query?: Query; signal?: AbortSignal } = {}): Promise<Readable> {
    const labels = describeRequest("GET", path);
    const answer = await this.#open(withQuery(path, options.query), labels, options.signal, OPEN_TIMEOUT_MS);
    return answerStream(labels.what, answer, options.signal);
  }

  /** Watches a collection until the server ends it (resolves) or something breaks (rejects with a KubeError). */
  async watch(path: string, options: WatchOptions): Promise<void> {
    const labels = describeRequest("WATCH", path);
    const query = { ...options.query, watch: true };
    const answer = await this.#open(withQuery(path, query), labels, options.signal, options.openTimeoutMs);
    const onAbort = () => answer.destroy(errorFromAbort(labels.what, options.signal.reason));
    options.signal.addEventListener("abort", onAbort, { once: true });
    try {
      options.onOpen?.();
      await readWatch(answer, { ...options, what: labels.what });
    } finally {
      options.signal.removeEventListener("abort", onAbort);
    }
  }

  /** Ends everything: requests under way reject with category `aborted`, sockets are closed, later requests are refused. */
  close(): void {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    const closed = errorFromAbort("request on a closed client");
    for (const fail of this.#underWay) fail(closed);
    this.#transport.close();
    if (this.#source !== undefined) this.#metrics.clients.delete(this.#source);
  }

  /** Takes a slot, sends, measures, and lets the limiter learn from the outcome. */
  async #call(labels: RequestLabels, options: RequestOptions & Outgoing): Promise<Answer> {
    const lane = options.lane ?? laneOf(options.method, labels.resource);
    const askedAt = performance.now();
    // One signal may well end a hundred requests: that is no leak.
    if (options.signal) setMaxListeners(0, options.signal);
    const slot = this.#limiter.acquire(lane, options.signal ?? this.#closing.signal);
    if (slot) await slot;
    const sentAt = performance.now();
    this.#metrics.limiterSeconds.observe({ lane }, (sentAt - askedAt) / 1_000);
    this.#metrics.inFlight.inc({ lane });
    let code = 0;
    let retryAfterMs: number | undefined;
    let throttled = false;
    try {
      const answer = await this.#authenticated(labels.what, options.signal, (connection) =>
        this.#exchange(connection, labels.what, options),
      );
      code = answer.status;
      this.clock.heard(answer.date, sentAt);
      this.missingRights.worked(labels);
      return answer;
    } catch (error) {
      if (isKubeError(error)) {
        code = error.code;
        this.missingRights.failed(labels, error);
        throttled = code === 429 && error.reason !== STORAGE_NOT_READY;
        // A 500 may name a wait too, but that one is about its object and not about the server.
        if (throttled || code === 503) retryAfterMs = error.retryAfterMs;
      }
      throw error;
    } finally {
      const latencyMs = performance.now() - sentAt;
      this.#metrics.inFlight.dec({ lane });
      this.#metrics.requestSeconds.observe({ verb: labels.verb, resource: labels.resource }, latencyMs / 1_000);
      this.#count(labels, code, options.body?.length);
      this.#limiter.release(lane, {
        latencyMs,
        throttled,
        succeeded: code >= 200 && code < 500 && code !== 429,
        ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      });
    }
  }

  /** Sends once; a GET that met a kept-alive connection as the server closed it is sent again, a write never is. */
  async #exchange(connection: Connection, what: string, options: RequestOptions & Outgoing): Promise<Answer> {
    const canWrite = options.method === "GET" ? undefined : this.#canWrite;
    const refusal = canWrite && (() => (canWrite() ? undefined : notLeader(what)));
    const refused = refusal?.();
    if (refused !== undefined) throw refused;
    const timeoutMs = options.timeoutMs ?? this.#timeoutMs;
    const outgoing = { ...this.#outgoing(connection, what, options, timeoutMs), refusal };
    try {
      return await exchange(connection, outgoing);
    } catch (error) {
      if (options.method !== "GET" || !isKubeError(error) || error.reason !== "StaleConnection") throw error;
      return await exchange(connection, outgoing);
    }
  }

  /** Opens a GET whose answer is read as it comes, past the limiter: it may last for ever. */
  async #open(
    path: string,
    labels: RequestLabels,
    signal: AbortSignal | undefined,
    timeoutMs: number,
  ): Promise<IncomingMessage> {
    let code = 0;
    try {
      const answer = await this.#authenticated(labels.what, signal, (connection) =>
        openAnswer(connection, this.#outgoing(connection, labels.what, { method: "GET", path, signal }, timeoutMs)),
      );
      code = 200;
      this.missingRights.worked(labels);
      return answer;
    } catch (error) {
      if (isKubeError(error)) code = error.code;
      this.missingRights.failed(labels, error);
      throw error;
    } finally {
      this.#count(labels, code, undefined);
    }
  }

  /**
   * Runs `send` with the current credentials, and once more with fresh ones after a 401: the server refused before it
   * looked at the request. Any answer outside 2xx becomes a KubeError.
   */
  async #authenticated<T extends Answer | IncomingMessage>(
    what: string,
    signal: AbortSignal | undefined,
    send: (connection: Connection) => Promise<T | Answer>,
  ): Promise<T> {
    try {
      const connection = await this.#transport.connection();
      if (signal?.aborted || this.#closing.signal.aborted) throw errorFromAbort(what, signal?.reason);
      let answer = await send(connection);
      if (isRefused(answer)) answer = await send(await this.#transport.renew(connection));
      return accepted(what, answer);
    } catch (error) {
      if (isCertificateError((error as { cause?: unknown }).cause)) this.#transport.invalidate();
      throw error;
    }
  }

  #outgoing(
    connection: Connection,
    what: string,
    options: Outgoing & { signal?: AbortSignal | undefined },
    timeoutMs: number,
  ): Exchange {
    const { method, path, body, signal } = options;
    const headers: Record<string, string> = {
      ...connection.credentials.headers,
      accept: options.answer === "metadata" ? METADATA_ONLY : "application/json",
      "user-agent": this.#userAgent,
    };
    if (body) {
      headers["content-type"] = options.contentType ?? "application/json";
      headers["content-length"] = String(body.length);
    }
    return { what, method, path, headers, body, timeoutMs, signal, underWay: this.#underWay };
  }

  #count({ verb, resource }: RequestLabels, code: number, bytes: number | undefined): void {
    this.#metrics.requests.inc({ verb, resource, code });
    if (bytes !== undefined) this.#metrics.requestBytes.inc({ verb, resource }, bytes);
  }
}

/** A request before it has a connection: `path` with its query, `body` encoded. */
interface Outgoing {
  method: string;
  path: string;
  body?: Buffer | undefined;
  contentType?: string | undefined;
  answer?: "metadata" | undefined;
}

function encode(body: unknown): Buffer {
  return Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
}

function notLeader(what: string): KubeError {
  return new KubeError({
    code: 0,
    reason: "NotLeader",
    category: "other",
    message: `${what}: not sent, because this process does not hold the lease`,
  });
}
