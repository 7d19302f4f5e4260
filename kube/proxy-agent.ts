import type { ClientRequestArgs } from "node:http";
import * as http from "node:http";
import * as https from "node:https";
import type { Duplex } from "node:stream";
import * as tls from "node:tls";

const CONNECT_TIMEOUT_MS = 15_000;

type Made = (error: Error | null, socket?: Duplex) => void;

/**
 * Keep-alive agent that reaches an https server through an http or https proxy (`proxy-url` of a kubeconfig): a CONNECT
 * tunnel per connection, TLS to the server inside it, so the proxy sees host and port and nothing else.
 */
export class ProxyAgent extends https.Agent {
  readonly #proxy: URL;

  constructor(proxy: URL, options: https.AgentOptions) {
    super(options);
    this.#proxy = proxy;
  }

  /** Called by Node for each new connection; the result comes through the callback. */
  override createConnection(options: tls.ConnectionOptions & ClientRequestArgs, made: Made): undefined {
    const { host, port } = options;
    const target = `${host?.includes(":") ? `[${host}]` : host}:${port}`;
    const connect = (this.#proxy.protocol === "https:" ? https : http).request({
      host: this.#proxy.hostname.replace(/^\[|\]$/g, ""),
      port: this.#proxy.port || (this.#proxy.protocol === "https:" ? 443 : 80),
      method: "CONNECT",
      path: target,
      headers: { host: target, ...proxyAuthorization(this.#proxy) },
      agent: false,
      timeout: CONNECT_TIMEOUT_MS,
    });
    connect.once("connect", (answer, socket) => {
      if (answer.statusCode !== 200) {
        socket.destroy();
        made(new Error(`the proxy ${this.#proxy.host} refused a tunnel to ${target}: HTTP ${answer.statusCode}`));
        return;
      }
      const secured = tls.connect({ ...options, socket });
      socket.once("error", (error) => secured.destroy(error));
      made(null, secured);
    });
    connect.once("timeout", () => connect.destroy(new Error("no answer to CONNECT")));
    connect.once("error", (error) => made(new Error(`the proxy ${this.#proxy.host} failed: ${error.message}`)));
    connect.end();
    return undefined;
  }
}

function proxyAuthorization(proxy: URL): Record<string, string> {
  if (proxy.username === "" && proxy.password === "") return {};
  const pair = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  return { "proxy-authorization": `Basic ${Buffer.from(pair).toString("base64")}` };
}
