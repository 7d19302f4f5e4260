import * as http from "node:http";
import * as https from "node:https";
import { errorFromAbort, errorFromNetwork, errorFromTimeout, isKubeError, KubeError } from "./errors.ts";
import type { Connection } from "./transport.ts";

/** A complete answer. */
export interface Answer {
  status: number;
  /** The Retry-After header as it came. */
  retryAfter: string | undefined;
  /** The Date header as it came. */
  date: string | undefined;
  body: Buffer;
}

/** One request as it goes over the wire. */
export interface Exchange {
  /** Names the request in errors. */
  what: string;
  method: string;
  path: string;
  headers: Record<string, string>;
  body: Buffer | undefined;
  /** Bound for the whole answer; for `openAnswer`, for its head. */
  timeoutMs: number;
  signal: AbortSignal | undefined;
  /** Asked once more when a new connection is ready, which may take its time; what it returns ends the request unsent. */
  refusal?: (() => KubeError | undefined) | undefined;
  /** Holds, while the request runs, the function that ends it with an error. */
  underWay: Set<(error: KubeError) => void>;
}

/** Largest answer that is read; above it parsing would stop the process for seconds. */
const MAX_ANSWER_BYTES = 256 * 1024 * 1024;
/** Largest error answer of a stream that is read. */
const MAX_FAILURE_BYTES = 64 * 1024;

/** Sends a request over the pool and reads the whole answer, whatever its status. Rejects with a KubeError. */
export function exchange(connection: Connection, options: Exchange): Promise<Answer> {
  return start(connection, connection.callAgent, options, (answer, finish, fail) => {
    readBody(answer, options.what, MAX_ANSWER_BYTES, finish, fail);
  });
}

/**
 * Sends a GET on a connection of its own and resolves when the head of the answer is there: with the stream of a 200 or 204,
 * else with the whole failed answer. From then on only the stream bounds and ends the request.
 */
export function openAnswer(connection: Connection, options: Exchange): Promise<http.IncomingMessage | Answer> {
  return start(connection, connection.streamAgent, options, (answer, finish, fail) => {
    // The log of a pod that has no node yet is 204, an answer without a body.
    if (answer.statusCode === 200 || answer.statusCode === 204) finish(answer);
    else readBody(answer, options.what, MAX_FAILURE_BYTES, finish, fail);
  });
}

type OnAnswer<T> = (answer: http.IncomingMessage, finish: (result: T) => void, fail: (error: unknown) => void) => void;

function start<T>(connection: Connection, agent: http.Agent, options: Exchange, onAnswer: OnAnswer<T>): Promise<T> {
  const { what, signal, underWay, timeoutMs } = options;
  if (signal?.aborted) return Promise.reject(errorFromAbort(what, signal.reason));
  return new Promise<T>((resolve, reject) => {
    const { address } = connection;
    const request = (address.protocol === "https:" ? https : http).request({
      host: address.host,
      port: address.port,
      path: address.basePath + options.path,
      method: options.method,
      headers: options.headers,
      agent,
    });
    let answered = false;
    const settle = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      underWay.delete(fail);
    };
    const finish = (result: T) => {
      settle();
      resolve(result);
    };
    const fail = (cause: unknown) => {
      settle();
      reject(failure(what, cause, request.reusedSocket && !answered));
      request.destroy();
    };
    const onAbort = () => fail(errorFromAbort(what, signal?.reason));
    const timer = setTimeout(() => fail(errorFromTimeout(what, timeoutMs)), timeoutMs);
    underWay.add(fail);
    signal?.addEventListener("abort", onAbort, { once: true });
    request.on("error", fail);
    request.once("response", (answer) => {
      answered = true;
      onAnswer(answer, finish, fail);
    });
    const { refusal } = options;
    if (refusal === undefined) request.end(options.body);
    else
      whenConnected(request, () => {
        const refused = refusal();
        if (refused === undefined) request.end(options.body);
        else fail(refused);
      });
  });
}

/** Calls back when the request's socket could carry it at once: nothing is sent while it has not ended. */
function whenConnected(request: http.ClientRequest, go: () => void): void {
  request.once("socket", (socket) => {
    if (!socket.connecting) go();
    else socket.once("encrypted" in socket ? "secureConnect" : "connect", go);
  });
}

function readBody(
  answer: http.IncomingMessage,
  what: string,
  maxBytes: number,
  finish: (result: Answer) => void,
  fail: (error: unknown) => void,
): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  answer.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > maxBytes) fail(answerTooLarge(what, maxBytes));
    else chunks.push(chunk);
  });
  answer.once("end", () => {
    const body = chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
    const { date, "retry-after": retryAfter } = answer.headers;
    finish({ status: answer.statusCode ?? 0, retryAfter, date, body });
  });
  answer.on("error", fail);
  answer.once("close", () => {
    if (!answer.complete) fail(new Error("the answer was cut off"));
  });
}

function failure(what: string, cause: unknown, onReusedSocket: boolean): KubeError {
  if (isKubeError(cause)) return cause;
  const error = errorFromNetwork(what, cause);
  if (!onReusedSocket || (error.reason !== "ECONNRESET" && error.reason !== "EPIPE")) return error;
  // The server closed an idle connection just as the request was put on it.
  return new KubeError({ ...error, reason: "StaleConnection", message: error.message, cause });
}

function answerTooLarge(what: string, maxBytes: number): KubeError {
  return new KubeError({
    code: 0,
    reason: "AnswerTooLarge",
    category: "other",
    message: `${what}: the answer is larger than ${maxBytes} bytes; ask for less, such as smaller pages`,
  });
}
