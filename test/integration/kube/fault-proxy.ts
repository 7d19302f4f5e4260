import { createPrivateKey } from "node:crypto";
import * as http from "node:http";
import * as https from "node:https";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { KubeConfig } from "@kubernetes/client-node";
import { createAuthority, createCertificate, type KeyPair } from "../../../local/x509.ts";
import { within } from "../../support/deadline.ts";
import type { Fault, SeenRequest } from "./fault.ts";

interface LiveStream {
  seen: SeenRequest;
  toClient: http.ServerResponse;
  fromServer: http.IncomingMessage;
  stalled: boolean;
}

/** What may differ between proxies. */
export interface ProxyOptions {
  /** By default the file in `KUBECONFIG`. */
  kubeConfigFile?: string;
  /** Speak TLS to the client, with a certificate of an authority of its own, as an API server does. */
  tls?: boolean;
  /** Added to the user agent of what passes, so that the audit log tells the clients of several proxies apart. */
  name?: string;
}

/** Answers that a proxy holds back. */
export interface HeldAnswers {
  /** How many requests the server has carried out whose answers are held. */
  readonly size: number;
  letGo(): void;
}

/** Where the API server is and how the proxy shows who it is. */
interface Upstream {
  server: URL;
  agent: https.Agent;
  ca: Buffer | string | undefined;
  name: string | undefined;
}

/**
 * An HTTP proxy between a client and the real API server that can do what networks and overloaded servers do. It speaks
 * plain http to the client unless asked for TLS, shows the administrator's certificate to the server, or the client's own token if it sent one.
 */
export class FaultProxy {
  /** All requests, in order of arrival. */
  readonly requests: SeenRequest[] = [];
  /** Decides what happens to a request; by default all pass. */
  decide: (seen: SeenRequest) => Fault = () => ({ kind: "forward" });
  readonly #server: http.Server;
  readonly #upstream: Upstream;
  readonly #anonymous: https.Agent;
  readonly #streams = new Set<LiveStream>();

  readonly #authority: KeyPair | undefined;
  #port = 0;

  private constructor(upstream: Upstream, tls: boolean) {
    this.#upstream = upstream;
    this.#anonymous = new https.Agent({ keepAlive: false, ca: upstream.ca });
    const handle = (request: http.IncomingMessage, response: http.ServerResponse) => this.#handle(request, response);
    if (!tls) this.#server = http.createServer(handle);
    else {
      this.#authority = createAuthority("fault proxy");
      const { certificate, key } = createCertificate(this.#authority, createPrivateKey(this.#authority.key), {
        commonName: "fault proxy",
        usages: ["serverAuth"],
        addresses: ["127.0.0.1"],
      });
      this.#server = https.createServer({ cert: certificate, key }, handle);
    }
  }

  /** Starts a proxy to the server of a kubeconfig. */
  static async start(options: string | ProxyOptions = {}): Promise<FaultProxy> {
    const { kubeConfigFile, tls = false, name } = typeof options === "string" ? { kubeConfigFile: options } : options;
    const kubeConfig = new KubeConfig();
    if (kubeConfigFile === undefined) kubeConfig.loadFromDefault();
    else kubeConfig.loadFromFile(kubeConfigFile);
    const request: https.RequestOptions = {};
    await kubeConfig.applyToHTTPSOptions(request);
    const { ca, cert, key } = request;
    const upstream: Upstream = {
      server: new URL(kubeConfig.getCurrentCluster()?.server ?? ""),
      agent: new https.Agent({ keepAlive: true, ca, cert, key }),
      ca: ca as Buffer | undefined,
      name,
    };
    const proxy = new FaultProxy(upstream, tls);
    await proxy.open();
    return proxy;
  }

  /** Listens, after `shut` at the same port as before. */
  async open(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.#port, "127.0.0.1", resolve));
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Cuts all connections and refuses new ones until `open`. */
  async shut(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const { fromServer } of this.#streams) fromServer.destroy();
    this.#server.closeAllConnections();
    await within(20_000, () => closed);
  }

  get url(): string {
    return `${this.#authority === undefined ? "http" : "https"}://127.0.0.1:${this.#port}`;
  }

  /** The text of a kubeconfig whose server is this proxy; without a token, whoever uses it is the administrator. */
  kubeConfigText(namespace: string, user: Record<string, unknown> = {}): string {
    const authority = this.#authority?.certificate;
    const cluster = {
      server: this.url,
      ...(authority === undefined ? {} : { "certificate-authority-data": Buffer.from(authority).toString("base64") }),
    };
    return JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "proxy", cluster }],
      users: [{ name: "user", user }],
      contexts: [{ name: "proxy", context: { cluster: "proxy", user: "user", namespace } }],
      "current-context": "proxy",
    });
  }

  /** A kubeconfig whose server is this proxy. */
  kubeConfig(user: Record<string, unknown> = {}): KubeConfig {
    const config = new KubeConfig();
    config.loadFromClusterAndUser({ name: "proxy", server: this.url, skipTLSVerify: false }, { name: "user", ...user });
    return config;
  }

  /** Requests whose path and query match. */
  matching(pattern: RegExp, method?: string): SeenRequest[] {
    return this.requests.filter((seen) => pattern.test(seen.url) && (method === undefined || seen.method === method));
  }

  /** Watches that are open now. */
  get watches(): number {
    return this.#streams.size;
  }

  /** How many watches and followed logs are open whose path matches. */
  openStreams(pattern: RegExp): number {
    return [...this.#streams].filter(({ seen }) => pattern.test(seen.url)).length;
  }

  /**
   * From now on the answers to these requests are held back when the server has carried them out, those before `from` says so left out; all else passes.
   * Returns how many are held and what lets them, and all to come, go.
   */
  holdAnswers(wanted: (seen: SeenRequest) => boolean, from: (nth: number) => boolean): HeldAnswers {
    let letGo = (): void => undefined;
    const released = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    let count = 0;
    const held = { size: 0, letGo };
    this.decide = (seen) => {
      if (!wanted(seen) || !from(++count)) return { kind: "forward" };
      return {
        kind: "beforeAnswer",
        act: async () => {
          held.size += 1;
          await released;
        },
      };
    };
    return held;
  }

  /** Cuts all open watches, optionally after a piece of a line. */
  cutWatches(lastBytes?: string | Buffer): void {
    for (const { toClient, fromServer } of this.#streams) {
      if (lastBytes !== undefined) toClient.write(lastBytes);
      setImmediate(() => {
        toClient.destroy();
        fromServer.destroy();
      });
    }
  }

  /** Ends all open watches in order, as a server does at their time-out, optionally after some bytes. */
  endWatches(lastBytes = ""): void {
    for (const { toClient, fromServer } of this.#streams) {
      toClient.end(lastBytes);
      fromServer.destroy();
    }
  }

  /** Goes on holding the connections of the open watches but passes nothing on any more: a half-open connection. */
  stallWatches(): void {
    for (const stream of this.#streams) {
      stream.stalled = true;
      stream.fromServer.resume();
    }
  }

  /** Puts a line into the open watches whose path matches, by default all, as if the server had sent it. */
  inject(line: string, pattern = /./): void {
    for (const { seen, toClient } of this.#streams) if (pattern.test(seen.url)) toClient.write(`${line}\n`);
  }

  async stop(): Promise<void> {
    this.cutWatches();
    this.#server.closeAllConnections();
    this.#upstream.agent.destroy();
    this.#anonymous.destroy();
    await within(20_000, () => new Promise<void>((resolve) => this.#server.close(() => resolve())));
  }

  #handle(request: http.IncomingMessage, response: http.ServerResponse): void {
    const url = request.url ?? "/";
    const seen: SeenRequest = {
      method: request.method ?? "GET",
      url,
      query: new URL(url, "http://proxy").searchParams,
      authorization: request.headers.authorization,
      bytes: Number(request.headers["content-length"] ?? 0),
    };
    this.requests.push(seen);
    const fault = this.decide(seen);
    switch (fault.kind) {
      case "hang":
        request.resume();
        return;
      case "refuse":
        request.socket.destroy();
        return;
      case "answer":
        request.resume();
        response.writeHead(fault.status, { "content-type": "application/json", ...fault.headers });
        response.end(fault.body ?? "");
        return;
      case "lines":
        response.writeHead(200, { "content-type": "application/json" });
        response.write(fault.lines.map((line) => `${line}\n`).join(""));
        if (fault.end) response.end();
        return;
      case "beforeRequest":
        void this.#hold(request, response, seen, fault.act);
        return;
      default:
        this.#forward(request, response, seen, fault, request);
    }
  }

  async #hold(
    request: http.IncomingMessage,
    response: http.ServerResponse,
    seen: SeenRequest,
    act: (body: Buffer) => Promise<void>,
  ): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    await act(body);
    this.#forward(request, response, seen, { kind: "forward" }, Readable.from([body]));
  }

  #forward(
    request: http.IncomingMessage,
    response: http.ServerResponse,
    seen: SeenRequest,
    fault: Fault,
    body: Readable,
  ): void {
    const { server, agent } = this.#upstream;
    const { host: _host, connection: _connection, ...headers } = request.headers;
    const { name } = this.#upstream;
    if (name !== undefined) headers["user-agent"] = `${headers["user-agent"] ?? ""} via ${name}`;
    const outgoing = https.request({
      host: server.hostname,
      port: server.port,
      method: seen.method,
      path: seen.url,
      headers,
      agent: seen.authorization ? this.#anonymous : agent,
    });
    outgoing.on("error", () => response.destroy());
    // A reader that leaves before its answer has begun leaves the server as well; a write is carried out.
    response.on("close", () => {
      if (seen.method === "GET" && !response.writableEnded) outgoing.destroy();
    });
    outgoing.on("response", async (answer) => {
      answer.on("error", () => response.destroy());
      if (fault.kind === "beforeAnswer") await fault.act(answer.statusCode ?? 500);
      if (fault.kind === "dropAnswer") {
        answer.resume();
        answer.on("end", () => request.socket.destroy());
        return;
      }
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      if (fault.kind === "cutBody") this.#cut(answer, response, fault.afterBytes);
      else if (seen.query.get("watch") === "true" || seen.query.get("follow") === "true") {
        this.#stream(seen, answer, response, fault.kind === "delay" ? fault.ms : 0);
      } else if (fault.kind === "delay") setTimeout(() => answer.pipe(response), fault.ms);
      else answer.pipe(response);
    });
    body.pipe(outgoing);
  }

  #cut(answer: http.IncomingMessage, response: http.ServerResponse, afterBytes: number): void {
    let left = afterBytes;
    answer.on("data", (chunk: Buffer) => {
      if (left <= 0) return;
      response.write(chunk.subarray(0, left));
      left -= chunk.length;
      if (left <= 0) setImmediate(() => response.destroy());
    });
    answer.on("end", () => response.destroy());
  }

  #stream(seen: SeenRequest, fromServer: http.IncomingMessage, toClient: http.ServerResponse, delayMs: number): void {
    const stream: LiveStream = { seen, fromServer, toClient, stalled: false };
    this.#streams.add(stream);
    toClient.flushHeaders();
    fromServer.on("data", (chunk: Buffer) => {
      if (stream.stalled) return;
      if (delayMs === 0) toClient.write(chunk);
      else setTimeout(() => toClient.write(chunk), delayMs).unref();
    });
    fromServer.on("end", () => {
      if (!stream.stalled) toClient.end();
    });
    toClient.on("close", () => {
      this.#streams.delete(stream);
      fromServer.destroy();
    });
  }
}
