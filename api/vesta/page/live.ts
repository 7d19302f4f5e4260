import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocketServer } from "ws";
import { clientAddress } from "../../client-address.ts";
import type { Networks } from "../../networks.ts";
import type { Upgrades } from "../../upgrades.ts";
import type { AllowList } from "../allow-list.ts";
import { VestaError } from "../vesta-error.ts";
import { LiveConnection } from "./live-connection.ts";
import { LiveHosts } from "./live-hosts.ts";
import type { PageParts } from "./page-parts.ts";
import { HOLDERS_PROTOCOL } from "./templates/view.ts";

/** What the live updates are made of. */
export interface LiveParts extends PageParts {
  validNetwork: AllowList;
  trustedProxies: Networks;
  /** How long the other end may take nothing of more than a megabyte; of less three times that. Left out: ten seconds. */
  stuckMs?: number;
}

/** Open pages at once; each holds a connection and at most one page's text. */
const MOST_CONNECTIONS = 1_000;
/** A page sends its number and nothing else. */
const MOST_RECEIVED_BYTES = 1_024;
/** Between two looks whether the other ends are still there. */
const PING_MS = 30_000;
const STUCK_MS = 10_000;
/** Closed by a server that stops; browsers connect again. */
const GOING_AWAY = 1001;

/** Whether a request is for the updates of pages (V-51). */
export function isLivePath(target: string): boolean {
  return /^(?:https?:\/\/[^/?#]*)?\/update\/client\/ws\/?(?:\?|$)/.test(target);
}

/** The websocket of the pages (V-51 to V-53), at /update/client/ws. */
export class Live implements Upgrades {
  readonly #parts: LiveParts;
  readonly #hosts: LiveHosts;
  readonly #server: WebSocketServer;
  readonly #connections = new Set<LiveConnection>();
  readonly #stopListening: () => void;
  readonly #pings: NodeJS.Timeout;

  constructor(parts: LiveParts) {
    this.#parts = parts;
    this.#hosts = new LiveHosts(parts);
    this.#server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      maxPayload: MOST_RECEIVED_BYTES,
      perMessageDeflate: false,
      handleProtocols: (offered) => (offered.has(HOLDERS_PROTOCOL) ? HOLDERS_PROTOCOL : false),
    });
    this.#stopListening = parts.hosts.onChange((host) => {
      this.#hosts.changed(host.name);
      for (const connection of this.#connections) connection.soon();
    });
    this.#pings = setInterval(() => {
      for (const connection of this.#connections) connection.ping();
    }, PING_MS).unref();
  }

  owns(target: string): boolean {
    return isLivePath(target);
  }

  /** Open pages. */
  get connections(): number {
    return this.#connections.size;
  }

  // Given away as a function.
  take = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    socket.on("error", () => socket.destroy());
    const refusal = this.#refusal(request);
    if (refusal !== undefined) {
      refuse(socket, refusal);
      return;
    }
    this.#server.handleUpgrade(request, socket, head, (webSocket) => {
      const connection = new LiveConnection(webSocket, {
        hosts: this.#hosts,
        periodMs: this.#parts.settings.liveSeconds * 1000,
        stuckMs: this.#parts.stuckMs ?? STUCK_MS,
        onEnd: () => this.#connections.delete(connection),
      });
      this.#connections.add(connection);
    });
  };

  stop(): void {
    clearInterval(this.#pings);
    this.#stopListening();
    for (const connection of this.#connections) connection.close(GOING_AWAY);
    this.#server.close();
  }

  #refusal(request: IncomingMessage): VestaError | undefined {
    const { validNetwork, trustedProxies } = this.#parts;
    if (!validNetwork.admits(clientAddress(request, trustedProxies)) || isForeign(request)) {
      return new VestaError(403, "forbidden");
    }
    if (request.method !== "GET" || request.headers.upgrade?.toLowerCase() !== "websocket") {
      return new VestaError(405, "this path takes websockets alone");
    }
    if (this.#connections.size >= MOST_CONNECTIONS) {
      return new VestaError(503, `there are ${MOST_CONNECTIONS} open pages already; close some`);
    }
    return undefined;
  }
}

/** Whether a page of somebody else asks: browsers say where a page is from, other programs say nothing (V-53). */
function isForeign({ headers }: IncomingMessage): boolean {
  const { origin, host = "" } = headers;
  if (origin === undefined) return false;
  try {
    const from = new URL(origin);
    // Of one scheme, so that a port that goes without saying is the same on both sides; a proxy may have spoken HTTPS for us.
    return !/^https?:$/.test(from.protocol) || new URL(`${from.protocol}//${host}`).host !== from.host;
  } catch {
    return true;
  }
}

function refuse(socket: Duplex, { status, body }: VestaError): void {
  const text = JSON.stringify(body);
  socket.end(
    `HTTP/1.1 ${status} Refused\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(text)}\r\nConnection: close\r\n\r\n${text}`,
  );
}
