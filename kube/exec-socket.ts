import type { IncomingMessage } from "node:http";
import WebSocket from "ws";
import { errorFromAbort, errorFromNetwork, errorFromTimeout, type KubeError } from "./errors.ts";
import type { Answer, Exchange } from "./exchange.ts";
import type { Connection } from "./transport.ts";

/** Versions of the protocol that say how a command ended; the first that the server knows is taken. */
const PROTOCOLS = ["v5.channel.k8s.io", "v4.channel.k8s.io"];
/** Largest message that is taken; servers send 32 KiB at a time. */
const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
const MAX_FAILURE_BYTES = 64 * 1024;

/**
 * Opens a WebSocket of the remote command protocol on a connection of its own and resolves when the server has accepted it, or with the whole answer of
 * a server that has not. Nothing that it receives is lost before somebody listens: it is paused.
 */
export function openSocket(connection: Connection, options: Exchange): Promise<WebSocket | Answer> {
  const { what, path, signal, underWay, timeoutMs } = options;
  // The answer is no object: a server refuses to give one as JSON (406).
  const { accept: _, ...headers } = options.headers;
  if (signal?.aborted) return Promise.reject(errorFromAbort(what, signal.reason));
  return new Promise((resolve, reject) => {
    const { protocol, host, port, basePath } = connection.address;
    const authority = `${host.includes(":") ? `[${host}]` : host}:${port}`;
    const socket = new WebSocket(
      `${protocol === "https:" ? "wss" : "ws"}://${authority}${basePath}${path}`,
      PROTOCOLS,
      { headers, agent: connection.streamAgent, perMessageDeflate: false, maxPayload: MAX_MESSAGE_BYTES },
    );
    const settle = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      underWay.delete(fail);
    };
    const fail = (error: KubeError) => {
      settle();
      reject(error);
      socket.terminate();
    };
    const onAbort = () => fail(errorFromAbort(what, signal?.reason));
    const timer = setTimeout(() => fail(errorFromTimeout(what, timeoutMs)), timeoutMs);
    underWay.add(fail);
    signal?.addEventListener("abort", onAbort, { once: true });
    // It stays: an error that nobody hears would end the process.
    socket.on("error", (error) => fail(errorFromNetwork(what, error)));
    socket.once("open", () => {
      settle();
      socket.pause();
      resolve(socket);
    });
    socket.once("unexpected-response", (_request, answer: IncomingMessage) => {
      readFailure(answer, (result) => {
        settle();
        resolve(result);
        socket.terminate();
      });
    });
  });
}

/** The beginning of a refusal: what does not fit is not needed to say why. */
function readFailure(answer: IncomingMessage, done: (answer: Answer) => void): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const finish = () => {
    const { date, "retry-after": retryAfter } = answer.headers;
    done({ status: answer.statusCode ?? 0, retryAfter, date, body: Buffer.concat(chunks) });
  };
  answer.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MAX_FAILURE_BYTES) answer.destroy();
    else chunks.push(chunk);
  });
  answer.on("error", () => undefined);
  answer.once("close", finish);
}
