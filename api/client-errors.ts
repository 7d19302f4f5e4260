import { type Server, STATUS_CODES } from "node:http";
import { Server as TlsServer } from "node:https";
import type { Duplex } from "node:stream";
import { ERRORS, type ErrorCode } from "./errors.ts";

/** What tells a caller of an error. */
export interface ErrorBody {
  type: string;
  body: string;
}

/** Describes an error of a request with that target, as far as it is known. */
export type DescribeError = (code: ErrorCode, target: string) => ErrorBody;

const CLIENT_ERRORS: Readonly<Record<string, ErrorCode>> = {
  HPE_HEADER_OVERFLOW: "HeadersTooLarge",
  ERR_HTTP_REQUEST_TIMEOUT: "RequestTimeout",
};

interface ClientError extends NodeJS.ErrnoException {
  /** What was read when it went wrong; not there for every error. */
  rawPacket?: Buffer;
}

/** How much of a request line is looked at. */
const SHOWN_OF_START = 256;
/** What is still read, and dropped, after the answer, and for how long: whoever is cut off while it sends may never see what it was answered. */
const UNREAD_BYTES = 1024 * 1024;
const UNREAD_GRACE_MS = 1_000;

/** Answers what is no HTTP, which never reaches the application, in the same way as what does (O-3, C-6). */
export function answerClientErrors(server: Server, describe: DescribeError): void {
  /** How the latest request of a connection began: its head may be longer than what is there when it turns out to be wrong. */
  const starts = new WeakMap<Duplex, string>();
  /** Connections that were answered, and bytes that are still taken from each. */
  const answered = new WeakMap<Duplex, number>();

  server.on(server instanceof TlsServer ? "secureConnection" : "connection", (socket: Duplex) => {
    socket.on("data", (packet: Buffer) => {
      const start = startOf(packet);
      if (targetIn(start) !== "") starts.set(socket, start);
    });
  });

  server.on("clientError", (error: ClientError, socket) => {
    const left = answered.get(socket);
    if (left !== undefined) return drop(socket, left - (error.rawPacket?.length ?? 0));
    if (error.code === "ECONNRESET" || !socket.writable) {
      socket.destroy();
      return;
    }
    const code = CLIENT_ERRORS[error.code ?? ""] ?? "MalformedRequest";
    const { status } = ERRORS[code];
    const { type, body } = describe(code, targetIn(startOf(error.rawPacket)) || targetIn(starts.get(socket) ?? ""));
    socket.end(
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: ${type}\r\n` +
        `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    );
    answered.set(socket, UNREAD_BYTES);
    const timer = setTimeout(() => socket.destroy(), UNREAD_GRACE_MS);
    socket.once("close", () => clearTimeout(timer));
  });

  /** Each further packet of such a connection is an error again. */
  function drop(socket: Duplex, left: number): void {
    answered.set(socket, left);
    if (left < 0) socket.pause();
  }
}

function startOf(packet: Buffer | undefined): string {
  return packet?.subarray(0, SHOWN_OF_START).toString("latin1") ?? "";
}

/** The target of the request line that a text begins with; empty if it does not. */
function targetIn(start: string): string {
  return /^[A-Z]+ ([^ \r\n]+)/.exec(start)?.[1] ?? "";
}
