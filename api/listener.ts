import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer, Server as TlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { Certificate } from "./certificate.ts";
import { answerClientErrors, type DescribeError, type ErrorBody } from "./client-errors.ts";
import { ApiError, ERRORS, type ErrorCode } from "./errors.ts";
import { PROBLEM_TYPE, problemDetails } from "./problem-details.ts";
import { Turns } from "./turns.ts";
import { selectiveRequests, type Upgrades } from "./upgrades.ts";

/** Where to listen, and with which certificate, if any (PEM texts). */
export interface ListenOptions {
  host: string;
  port: number;
  tls?: Certificate;
  /** Body and media type of an error before or beside the application, where it is not a problem document. */
  describeError?: DescribeError;
  /** Takes the requests for other protocols that it says are its own; all others are answered as if they had not asked (RFC 9110, 7.8). */
  upgrades?: Upgrades;
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

/** Most bytes of a request's line and headers. */
const MAX_HEAD_BYTES = 16 * 1024;
/** What Node itself reads of them: so much more, that what is a little too large is still known by its target. */
const READ_HEAD_BYTES = 4 * MAX_HEAD_BYTES;

/** Starts to listen; rejects if the address is taken or not ours. */
export async function listen(handler: RequestListener, options: ListenOptions): Promise<Listener> {
  const { upgrades } = options;
  const limits = {
    maxHeaderSize: READ_HEAD_BYTES,
    ...(upgrades === undefined ? {} : { IncomingMessage: selectiveRequests(upgrades) }),
  };
  const server: Server = options.tls ? createTlsServer({ ...options.tls, ...limits }) : createServer(limits);
  if (upgrades !== undefined) server.on("upgrade", upgrades.take);
  const describe = options.describeError ?? describeProblem;
  // Their bytes are bounded; a bound on their number would hide some of them from the count.
  server.maxHeadersCount = 0;
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  const turns = new Turns(MOST_PER_ROUND);
  const unanswered = new WeakMap<Socket, number>();
  const guarded: RequestListener = (request, response) => {
    if (isFlooded(unanswered, response)) return;
    cutUnreadBody(response);
    cutStalledAnswer(response, options.stalledMs ?? STALLED_MS);
    if (headBytes(request) > MAX_HEAD_BYTES) return refuseHead(response, describe);
    turns.take(() => handler(request, response));
  };
  server.on("request", guarded);
  // The caller waits with its body until it is asked for, which `readBody` does after the credential check.
  server.on("checkContinue", guarded);
  answerClientErrors(server, describe);
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
    close(graceMs) {
      upgrades?.stop();
      return closeServer(server, graceMs);
    },
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

/** As the Odin view describes every error (O-3). */
export function describeProblem(code: ErrorCode): ErrorBody {
  const problem = problemDetails(new ApiError(code, "the request is not HTTP that this server can read"));
  return { type: PROBLEM_TYPE, body: JSON.stringify(problem) };
}

/** Bytes of a request's line and headers as they were sent. */
function headBytes({ method = "", url = "", rawHeaders }: IncomingMessage): number {
  // Two blanks, the version and the line's end; a colon, a blank and the line's end; an empty line.
  let bytes = method.length + url.length + 12 + 2;
  for (const text of rawHeaders) bytes += text.length + 2;
  return bytes;
}

function refuseHead(response: ServerResponse, describe: DescribeError): void {
  const { type, body } = describe("HeadersTooLarge", response.req.url ?? "");
  response.writeHead(ERRORS.HeadersTooLarge.status, {
    "Content-Type": type,
    "Content-Length": Buffer.byteLength(body),
    Connection: "close",
  });
  response.end(body);
}

async function closeServer(server: Server, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearTimeout(timer);
}
