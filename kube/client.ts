import type { Readable } from "node:stream";
import type WebSocket from "ws";
import { parseAnswer, withKinds } from "./answer.ts";
import { answerStream } from "./answer-stream.ts";
import type {
  DeleteOptions,
  KubeClientOptions,
  ListOptions,
  PatchType,
  Query,
  RequestOptions,
  WatchOptions,
} from "./client-options.ts";
import { errorFromAbort, isKubeError } from "./errors.ts";
import type { MissingRights } from "./missing-rights.ts";
import { describeRequest, withQuery } from "./request-path.ts";
import { type Identity, RequestSender } from "./request-sender.ts";
import type { KubeList } from "./resource.ts";
import type { ServerClock } from "./server-clock.ts";
import { readWatch } from "./watch.ts";

const PATCH_CONTENT_TYPE: Record<PatchType, string> = {
  json: "application/json-patch+json",
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
  apply: "application/apply-patch+yaml",
};

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
  readonly #sender: RequestSender;
  readonly #options: KubeClientOptions;

  /** `sender`: that of another client, whose connections, limits and counts are used; for `guarded` only. */
  constructor(options: KubeClientOptions, sender: RequestSender = new RequestSender(options)) {
    this.#options = options;
    this.#sender = sender;
    this.clock = sender.clock;
    this.missingRights = sender.missingRights;
  }

  /** This client with one more condition on its writes; both share everything, and end together. */
  guarded(mayWrite: () => boolean): KubeClient {
    const before = this.#options.canWrite;
    const canWrite = before === undefined ? mayWrite : (): boolean => before() && mayWrite();
    return new KubeClient({ ...this.#options, canWrite }, this.#sender);
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
    const outgoing = {
      ...options,
      method,
      path: withQuery(path, options.query),
      body: options.body === undefined ? undefined : encode(options.body),
    };
    const answer = await this.#sender.call(labels, outgoing, this.#options.canWrite);
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
    const answer = await this.#sender.open(withQuery(path, options.query), labels, options.signal, OPEN_TIMEOUT_MS);
    return answerStream(labels.what, answer, options.signal);
  }

  /** Opens a WebSocket of the remote command protocol, paused; see `execInPod`. The path has its query. Starting a program counts as a write. */
  openExec(path: string, signal: AbortSignal): Promise<WebSocket> {
    const labels = describeRequest("GET", path.replace(/\?.*$/s, ""));
    return this.#sender.openSocket(path, labels, signal, OPEN_TIMEOUT_MS, this.#options.canWrite);
  }

  /** Who we are and whom we trust, for others that know the same accounts. */
  identity(): Promise<Identity> {
    return this.#sender.identity();
  }

  /** Watches a collection until the server ends it (resolves) or something breaks (rejects with a KubeError). */
  async watch(path: string, options: WatchOptions): Promise<void> {
    const labels = describeRequest("WATCH", path);
    const query = { ...options.query, watch: true };
    const answer = await this.#sender.open(withQuery(path, query), labels, options.signal, options.openTimeoutMs);
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
    this.#sender.close();
  }
}

function encode(body: unknown): Buffer {
  return Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
}
