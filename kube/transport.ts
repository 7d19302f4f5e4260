import * as http from "node:http";
import * as https from "node:https";
import type { KubeConfig } from "@kubernetes/client-node";
import { type Credentials, readCredentials, type ServerAddress, serverAddress } from "./credentials.ts";
import { errorFromAbort, isKubeError, KubeError } from "./errors.ts";
import type { Logger } from "./logger.ts";
import { ProxyAgent } from "./proxy-agent.ts";

/** How long credentials are believed before they are read again; token files of pods rotate under us. */
const REFRESH_EVERY_MS = 60_000;
/** A refused or failed reading is not repeated faster than this: plugins can be slow and costly. */
const REFRESH_AT_MOST_EVERY_MS = 1_000;
/** Bound for one reading. */
const READ_TIMEOUT_MS = 30_000;
/** Idle sockets are closed before the API server does it (90 s), which would meet a request on its way. */
const IDLE_SOCKET_MS = 60_000;
/** The peer of an idle connection that vanished is noticed through TCP keep-alive probes. */
const TCP_KEEP_ALIVE_MS = 15_000;

/** What `Transport.connection` hands out: all that a request needs besides its method, path and body. */
export interface Connection {
  address: ServerAddress;
  credentials: Credentials;
  /** Pool of keep-alive connections for calls. */
  callAgent: http.Agent;
  /** One connection per watch or followed log, so that they never take a slot of the pool. */
  streamAgent: http.Agent;
}

/**
 * Connections to one API server: credentials from a kubeconfig, read again every minute and on demand; a pool that is
 * rebuilt when the certificates change, while requests under way finish on the old one.
 */
export class Transport {
  readonly #kubeConfig: KubeConfig;
  readonly #maxSockets: number;
  readonly #logger: Logger;
  readonly #address: ServerAddress;
  #connection: Connection | undefined;
  #readAt = Number.NEGATIVE_INFINITY;
  #triedAt = Number.NEGATIVE_INFINITY;
  #renewedAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<Connection> | undefined;
  #stale = false;
  #closed = false;

  constructor(options: { kubeConfig: KubeConfig; maxSockets: number; logger: Logger }) {
    this.#kubeConfig = options.kubeConfig;
    this.#maxSockets = options.maxSockets;
    this.#logger = options.logger;
    this.#address = serverAddress(options.kubeConfig);
  }

  /** The current connection data: at once where the credentials are fresh, else a promise. */
  connection(): Connection | Promise<Connection> {
    const now = performance.now();
    if (this.#connection && (!this.#isDue(now) || now - this.#triedAt < REFRESH_AT_MOST_EVERY_MS)) {
      return this.#connection;
    }
    return this.#read(this.#stale);
  }

  /** Reads the credentials again after the server refused `used`, unless that has just been done for another request. */
  async renew(used: Connection): Promise<Connection> {
    const now = performance.now();
    const renewed = this.#connection !== undefined && this.#connection.credentials !== used.credentials;
    if (this.#connection && (renewed || now - this.#renewedAt < REFRESH_AT_MOST_EVERY_MS)) {
      return this.#reading ?? this.#connection;
    }
    this.#renewedAt = now;
    await this.#reading?.catch(() => undefined);
    // What was being read meanwhile, perhaps for longer than that, may be newer than what was refused.
    if (this.#connection !== undefined && this.#connection.credentials !== used.credentials) return this.#connection;
    return this.#read(true);
  }

  /** Makes the next request read the credentials again, as after a certificate was not accepted. */
  invalidate(): void {
    this.#stale = true;
  }

  /** Sockets that are open now. */
  sockets(): number {
    if (!this.#connection) return 0;
    const { callAgent, streamAgent } = this.#connection;
    return count(callAgent.sockets) + count(callAgent.freeSockets) + count(streamAgent.sockets);
  }

  /** Destroys all connections; later calls of `connection` reject. */
  close(): void {
    this.#closed = true;
    this.#connection?.callAgent.destroy();
    this.#connection?.streamAgent.destroy();
    this.#connection = undefined;
  }

  #isDue(now: number): boolean {
    return this.#stale || now - this.#readAt >= REFRESH_EVERY_MS;
  }

  #read(force: boolean): Promise<Connection> {
    if (this.#closed) return Promise.reject(errorFromAbort("request on a closed client"));
    this.#reading ??= this.#readOnce(force).finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #readOnce(force: boolean): Promise<Connection> {
    this.#triedAt = performance.now();
    let credentials: Credentials;
    try {
      credentials = await readInTime(this.#kubeConfig, force);
    } catch (error) {
      // A file that is being replaced must not stop requests that the old credentials still serve.
      if (this.#connection === undefined) throw error;
      this.#logger.warn({ err: messageOf(error) }, "the old Kubernetes credentials stay in use");
      return this.#connection;
    }
    if (this.#closed) throw errorFromAbort("request on a closed client");
    this.#readAt = performance.now();
    this.#stale = false;
    this.#connection = this.#connect(credentials);
    return this.#connection;
  }

  #connect(credentials: Credentials): Connection {
    const old = this.#connection;
    if (old && old.credentials.tlsKey === credentials.tlsKey) {
      return sameHeaders(old.credentials, credentials) ? old : { ...old, credentials };
    }
    if (old) {
      this.#logger.info({}, "the TLS material of the kubeconfig changed: new connections use it");
      retire(old.callAgent);
    }
    return {
      address: this.#address,
      credentials,
      callAgent: this.#agent(credentials, {
        keepAlive: true,
        keepAliveMsecs: TCP_KEEP_ALIVE_MS,
        maxSockets: this.#maxSockets,
        maxFreeSockets: this.#maxSockets,
        scheduling: "lifo",
        timeout: IDLE_SOCKET_MS,
      }),
      streamAgent: this.#agent(credentials, { keepAlive: false }),
    };
  }

  #agent(credentials: Credentials, options: http.AgentOptions): http.Agent {
    const { protocol, proxy } = this.#address;
    if (protocol === "http:") {
      if (proxy) throw new KubeError(PLAIN_PROXY);
      return new http.Agent(options);
    }
    // The context instead of ca, cert and key: those would be turned into text for the pool's key with each request.
    const { secureContext, serverName } = credentials;
    const tlsOptions = { ...options, secureContext, ...(serverName === undefined ? {} : { servername: serverName }) };
    return proxy ? new ProxyAgent(proxy, tlsOptions) : new https.Agent(tlsOptions);
  }
}

/** Plugins are programs that may hang; a request must not hang with them. */
async function readInTime(kubeConfig: KubeConfig, force: boolean): Promise<Credentials> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new KubeError(LATE_CREDENTIALS)), READ_TIMEOUT_MS);
  });
  try {
    return await Promise.race([readCredentials(kubeConfig, force), late]);
  } finally {
    clearTimeout(timer);
  }
}

const LATE_CREDENTIALS = {
  code: 0,
  reason: "CredentialsUnavailable",
  category: "unauthorized" as const,
  message: `the credentials of the kubeconfig did not come within ${READ_TIMEOUT_MS} ms; check its user's plugin`,
};

const PLAIN_PROXY = {
  code: 0,
  reason: "InvalidConfiguration",
  category: "other" as const,
  message: "a proxy-url in front of a plain http server is not supported; use https or remove the proxy-url",
};

/** Lets the requests on an agent finish and closes each socket as it becomes free. */
function retire(agent: http.Agent): void {
  agent.maxFreeSockets = 0;
  for (const sockets of Object.values(agent.freeSockets)) {
    for (const socket of sockets ?? []) socket.destroy();
  }
}

function count(sockets: NodeJS.ReadOnlyDict<unknown[]>): number {
  let total = 0;
  for (const list of Object.values(sockets)) total += list?.length ?? 0;
  return total;
}

function sameHeaders(a: Credentials, b: Credentials): boolean {
  return JSON.stringify(a.headers) === JSON.stringify(b.headers);
}

function messageOf(error: unknown): string {
  return isKubeError(error) || error instanceof Error ? error.message : String(error);
}
