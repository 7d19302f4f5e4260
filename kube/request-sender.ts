import { setMaxListeners } from "node:events";
import type { IncomingMessage } from "node:http";
import type { SecureContext } from "node:tls";
import type WebSocket from "ws";
import { accepted, isRefused } from "./answer.ts";
import type { KubeClientOptions, RequestOptions } from "./client-options.ts";
import { errorFromAbort, isCertificateError, isKubeError, KubeError, STORAGE_NOT_READY } from "./errors.ts";
import { type Answer, type Exchange, exchange, openAnswer } from "./exchange.ts";
import { openSocket } from "./exec-socket.ts";
import { Limiter } from "./limiter.ts";
import { silentLogger } from "./logger.ts";
import { type ClientSource, type KubeMetrics, kubeMetrics } from "./metrics.ts";
import { MissingRights } from "./missing-rights.ts";
import { laneOf, type RequestLabels } from "./request-path.ts";
import { ServerClock } from "./server-clock.ts";
import { type Connection, Transport } from "./transport.ts";

const METADATA_ONLY = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json";

/** A request before it has a connection: `path` with its query, `body` encoded. */
export interface Outgoing {
  method: string;
  path: string;
  body?: Buffer | undefined;
  contentType?: string | undefined;
  answer?: "metadata" | undefined;
}

/** What requests carry now. */
export interface Identity {
  /** The Authorization header; absent for an account that has a certificate. */
  authorization?: string;
  /** The authorities that are trusted, and that certificate; absent for plain HTTP. */
  secureContext?: SecureContext;
}

/**
 * Sends requests to one API server: a pool of connections with its credentials, a limit for what is under way, and the counts of both. Every failure is a
 * `KubeError`. Clients that differ only in what they may write share one.
 */
export class RequestSender {
  /** What time it is for the API server. */
  readonly clock = new ServerClock();
  /** What the server says this process may not do. */
  readonly missingRights = new MissingRights();
  readonly #transport: Transport;
  readonly #limiter: Limiter;
  readonly #metrics: KubeMetrics;
  readonly #userAgent: string;
  readonly #timeoutMs: number;
  readonly #underWay = new Set<(error: KubeError) => void>();
  readonly #closing = new AbortController();
  readonly #source: ClientSource;

  constructor(options: Omit<KubeClientOptions, "canWrite">) {
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
    this.#source = {
      get limit() {
        return limiter.limit;
      },
      sockets: () => this.#transport.sockets(),
      missingRights: () => this.missingRights.entries(),
    };
    this.#metrics.clients.add(this.#source);
    setMaxListeners(0, this.#closing.signal);
  }

  async identity(): Promise<Identity> {
    const { headers, secureContext } = (await this.#transport.connection()).credentials;
    const { authorization } = headers;
    return { ...(authorization === undefined ? {} : { authorization }), ...(secureContext && { secureContext }) };
  }

  /** Ends everything: requests under way reject with category `aborted`, sockets are closed, later requests are refused. */
  close(): void {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    const closed = errorFromAbort("request on a closed client");
    for (const fail of this.#underWay) fail(closed);
    this.#transport.close();
    this.#metrics.clients.delete(this.#source);
  }

  /** Takes a slot, sends, measures, and lets the limiter learn from the outcome. `canWrite`: whether anything but a GET may be sent now. */
  async call(labels: RequestLabels, options: RequestOptions & Outgoing, canWrite?: () => boolean): Promise<Answer> {
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
        this.#exchange(connection, labels.what, options, canWrite),
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
  async #exchange(
    connection: Connection,
    what: string,
    options: RequestOptions & Outgoing,
    canWrite: (() => boolean) | undefined,
  ): Promise<Answer> {
    const refusal =
      options.method === "GET" || canWrite === undefined
        ? undefined
        : (): KubeError | undefined => (canWrite() ? undefined : notLeader(what));
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
  async open(
    path: string,
    labels: RequestLabels,
    signal: AbortSignal | undefined,
    timeoutMs: number,
  ): Promise<IncomingMessage> {
    return await this.#opened(labels, signal, (connection) =>
      openAnswer(connection, this.#outgoing(connection, labels.what, { method: "GET", path, signal }, timeoutMs)),
    );
  }

  /** Opens a WebSocket, past the limiter too. `canWrite`: whether a program may be started now. */
  async openSocket(
    path: string,
    labels: RequestLabels,
    signal: AbortSignal,
    timeoutMs: number,
    canWrite?: () => boolean,
  ): Promise<WebSocket> {
    return await this.#opened(labels, signal, (connection) => {
      if (canWrite?.() === false) throw notLeader(labels.what);
      return openSocket(
        connection,
        this.#outgoing(connection, labels.what, { method: "GET", path, signal }, timeoutMs),
      );
    });
  }

  async #opened<T extends IncomingMessage | WebSocket>(
    labels: RequestLabels,
    signal: AbortSignal | undefined,
    open: (connection: Connection) => Promise<T | Answer>,
  ): Promise<T> {
    let code = 0;
    try {
      const opened = await this.#authenticated(labels.what, signal, open);
      code = 200;
      this.missingRights.worked(labels);
      return opened;
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
  async #authenticated<T extends Answer | IncomingMessage | WebSocket>(
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

function notLeader(what: string): KubeError {
  return new KubeError({
    code: 0,
    reason: "NotLeader",
    category: "other",
    message: `${what}: not sent, because this process does not hold the lease`,
  });
}
