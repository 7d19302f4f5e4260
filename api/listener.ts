import { createServer, type RequestListener, type Server, type ServerResponse, STATUS_CODES } from "node:http";
import { createServer as createTlsServer, Server as TlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Certificate } from "./certificate.ts";
import { ApiError, ERRORS, type ErrorCode } from "./errors.ts";
import { PROBLEM_TYPE, problemDetails } from "./problem-details.ts";
import { Turns } from "./turns.ts";

/** Where to listen, and with which certificate, if any (PEM texts). */
export interface ListenOptions {
  host: string;
  port: number;
  tls?: Certificate;
  /** How long a caller may take nothing of an answer that is ready, before its connection is cut. */
  stalledMs?: number;
}

/** A listening server. */
export interface Listener {
  /** Base URL, with the port the system chose where 0 was asked for. */
  url: string;
  /** Serves another certificate to new connections; without HTTPS it does nothing. */
  renewCertificate(certificate: Certificate): void;
  /** Accepts nothing more, lets answers in progress finish for at most `graceMs`, then closes every connection. */
  close(graceMs: number): Promise<void>;
}

const REQUEST_TIMEOUT_MS = 120_000;
const HEADERS_TIMEOUT_MS = 20_000;
/** Longer than the idle time of common load balancers, which would otherwise reuse a connection that we are closing. */
const KEEP_ALIVE_MS = 65_000;
/** Long enough for any network; an answer that nobody takes holds its memory. */
const STALLED_MS = 60_000;
/** How long a caller that still sends gets to read our answer before its connection is cut. */
const UNREAD_BODY_GRACE_MS = 1_000;
/** Requests of one connection that may wait for their answers. Hardly any client sends a second one before it has the first answer. */
const MOST_UNANSWERED = 100;
/** Requests that are taken up in one round of the event loop: when hundreds come in at once, timers and watches go on in between. */
const MOST_PER_ROUND = 32;
/** What is still read, and dropped, of a body after its answer. */
const UNREAD_BODY_BYTES = 256 * 1024;

/** Starts to listen; rejects if the address is taken or not ours. */
export async function listen(handler: RequestListener, options: ListenOptions): Promise<Listener> {
  const server: Server = options.tls ? createTlsServer(options.tls) : createServer();
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  const turns = new Turns(MOST_PER_ROUND);
  const unanswered = new WeakMap<Socket, number>();
  const guarded: RequestListener = (request, response) => {
    if (isFlooded(unanswered, response)) return;
    cutUnreadBody(response);
    cutStalledAnswer(response, options.stalledMs ?? STALLED_MS);
    turns.take(() => handler(request, response));
  };
  server.on("request", guarded);
  // The caller waits with its body until it is asked for, which `readBody` does after the credential check.
  server.on("checkContinue", guarded);
  server.on("clientError", answerClientError);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, () => {
      server.off("error", reject);
      resolve();
    });
  });
  const { port } = server.address() as AddressInfo;
  const host = options.host.includes(":") ? `[${options.host}]` : options.host;
  return {
    url: `${options.tls ? "https" : "http"}://${host}:${port}`,
    renewCertificate: (certificate) => {
      if (server instanceof TlsServer) server.setSecureContext(certificate);
    },
    close: (graceMs) => closeServer(server, graceMs),
  };
}

/**
 * An answer can be complete while its request is still coming in (a refused upload). Node would read and drop the rest
 * however large it is. We take a little of it, so that a caller who was about to finish can keep its connection, then leave
 * the rest in the socket and cut the connection once the caller had time to read the answer.
 */
function cutUnreadBody(response: ServerResponse): void {
  const request = response.req;
  response.once("prefinish", () => {
    if (request.complete) return;
    // A request that somebody has begun to read is left alone by Node; only such a one can be paused.
    request.read();
    let budget = UNREAD_BODY_BYTES;
    request.on("data", (chunk: Buffer) => {
      budget -= chunk.length;
      if (budget < 0) request.pause();
    });
    const timer = setTimeout(() => request.socket.destroy(), UNREAD_BODY_GRACE_MS);
    request.once("close", () => clearTimeout(timer));
    request.socket.once("close", () => clearTimeout(timer));
  });
}

/**
 * Counts the requests of a connection that wait for an answer, and cuts a connection with too many of them: a few bytes each
 * cost us some kilobytes, and all that have come in are taken up at once.
 */
function isFlooded(unanswered: WeakMap<Socket, number>, response: ServerResponse): boolean {
  const { socket } = response.req;
  const count = (unanswered.get(socket) ?? 0) + 1;
  unanswered.set(socket, count);
  if (count > MOST_UNANSWERED) {
    socket.destroy();
    return true;
  }
  response.once("close", () => unanswered.set(socket, (unanswered.get(socket) ?? 1) - 1));
  return false;
}

/**
 * A caller that asks for large lists and reads none of them would fill our memory. From the moment when an answer is complete
 * its connection may not stand still; a log that is being followed is not complete, and may be silent for hours. Node takes
 * the limit away again when the next request begins.
 */
function cutStalledAnswer(response: ServerResponse, stalledMs: number): void {
  response.once("prefinish", () => {
    response.setTimeout(stalledMs, () => response.req.socket.destroy());
  });
}

const CLIENT_ERRORS: Readonly<Record<string, ErrorCode>> = {
  HPE_HEADER_OVERFLOW: "HeadersTooLarge",
  ERR_HTTP_REQUEST_TIMEOUT: "RequestTimeout",
};

/** What is no HTTP never reaches the application; it gets the same kind of answer (O-3). */
function answerClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const code = CLIENT_ERRORS[error.code ?? ""] ?? "MalformedRequest";
  const { status } = ERRORS[code];
  const body = JSON.stringify(problemDetails(new ApiError(code, "the request is not HTTP that this server can read")));
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: ${PROBLEM_TYPE}\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

async function closeServer(server: Server, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearTimeout(timer);
}
