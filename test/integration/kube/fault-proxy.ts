import * as http from "node:http";
import * as https from "node:https";
import type { AddressInfo } from "node:net";
import { KubeConfig } from "@kubernetes/client-node";
import { within } from "../../support/deadline.ts";

/** A request as the proxy saw it. */
export interface SeenRequest {
  method: string;
  /** Path with its query. */
  url: string;
  query: URLSearchParams;
  authorization: string | undefined;
}

/** What the proxy does instead of passing a request on; `forward` and nothing mean to pass it on unharmed. */
export type Fault =
  | { kind: "forward" }
  /** Answers itself; the API server never sees the request. */
  | { kind: "answer"; status: number; headers?: Record<string, string>; body?: string }
  /** Answers 200 with these lines and then keeps the connection open or ends it. */
  | { kind: "lines"; lines: string[]; end: boolean }
  /** Closes the connection without an answer; the API server never sees the request. */
  | { kind: "refuse" }
  /** Lets the API server carry the request out and drops its answer. */
  | { kind: "dropAnswer" }
  /** Passes the answer on and cuts the connection after so many bytes of its body. */
  | { kind: "cutBody"; afterBytes: number }
  /** Never answers. */
  | { kind: "hang" };

interface LiveStream {
  seen: SeenRequest;
  toClient: http.ServerResponse;
  fromServer: http.IncomingMessage;
  stalled: boolean;
}

/** Where the API server is and how the proxy shows who it is. */
interface Upstream {
  server: URL;
  agent: https.Agent;
  ca: Buffer | string | undefined;
}

/**
 * An HTTP proxy between a client and the real API server that can do what networks and overloaded servers do. It speaks
 * plain http to the client, shows the administrator's certificate to the server, or the client's own token if it sent one.
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

  private constructor(upstream: Upstream) {
    this.#upstream = upstream;
    this.#anonymous = new https.Agent({ keepAlive: false, ca: upstream.ca });
    this.#server = http.createServer((request, response) => this.#handle(request, response));
  }

  /** Starts a proxy to the server of this kubeconfig, by default of the one in `KUBECONFIG`. */
  static async start(kubeConfigFile?: string): Promise<FaultProxy> {
    const kubeConfig = new KubeConfig();
    if (kubeConfigFile === undefined) kubeConfig.loadFromDefault();
    else kubeConfig.loadFromFile(kubeConfigFile);
    const options: https.RequestOptions = {};
    await kubeConfig.applyToHTTPSOptions(options);
    const { ca, cert, key } = options;
    const proxy = new FaultProxy({
      server: new URL(kubeConfig.getCurrentCluster()?.server ?? ""),
      agent: new https.Agent({ keepAlive: true, ca, cert, key }),
      ca: ca as Buffer | undefined,
    });
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
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

  /** Puts a line into all open watches, as if the server had sent it. */
  inject(line: string): void {
    for (const { toClient } of this.#streams) toClient.write(`${line}\n`);
  }

  async stop(): Promise<void> {
    this.cutWatches();
    this.#server.closeAllConnections();
    this.#upstream.agent.destroy();
    this.#anonymous.destroy();
    await within(5_000, () => new Promise<void>((resolve) => this.#server.close(() => resolve())));
  }

  #handle(request: http.IncomingMessage, response: http.ServerResponse): void {
    const url = request.url ?? "/";
    const seen: SeenRequest = {
      method: request.method ?? "GET",
      url,
      query: new URL(url, "http://proxy").searchParams,
      authorization: request.headers.authorization,
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
      default:
        this.#forward(request, response, seen, fault);
    }
  }

  #forward(request: http.IncomingMessage, response: http.ServerResponse, seen: SeenRequest, fault: Fault): void {
    const { server, agent } = this.#upstream;
    const { host: _host, connection: _connection, ...headers } = request.headers;
    const outgoing = https.request({
      host: server.hostname,
      port: server.port,
      method: seen.method,
      path: seen.url,
      headers,
      agent: seen.authorization ? this.#anonymous : agent,
    });
    outgoing.on("error", () => response.destroy());
    outgoing.on("response", (answer) => {
      answer.on("error", () => response.destroy());
      if (fault.kind === "dropAnswer") {
        answer.resume();
        answer.on("end", () => request.socket.destroy());
        return;
      }
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      if (fault.kind === "cutBody") this.#cut(answer, response, fault.afterBytes);
      else if (seen.query.get("watch") === "true" || seen.query.get("follow") === "true") {
        this.#stream(seen, answer, response);
      } else answer.pipe(response);
    });
    request.pipe(outgoing);
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

  #stream(seen: SeenRequest, fromServer: http.IncomingMessage, toClient: http.ServerResponse): void {
    const stream: LiveStream = { seen, fromServer, toClient, stalled: false };
    this.#streams.add(stream);
    toClient.flushHeaders();
    fromServer.on("data", (chunk: Buffer) => {
      if (!stream.stalled) toClient.write(chunk);
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
