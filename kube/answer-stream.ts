import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { errorFromAbort, errorFromNetwork } from "./errors.ts";

/**
 * The body of an answer as a stream that passes back-pressure on to the connection and always finishes: it ends where
 * the server ended it, and errs with a KubeError where the connection broke or `signal` aborted. Destroying it closes
 * the connection.
 */
export function answerStream(what: string, answer: IncomingMessage, signal: AbortSignal | undefined): Readable {
  const onAbort = () => stream.destroy(errorFromAbort(what, signal?.reason));
  const stream = new Readable({
    read() {
      answer.resume();
    },
    destroy(error, done) {
      signal?.removeEventListener("abort", onAbort);
      answer.destroy();
      done(error);
    },
  });
  answer.on("data", (chunk: Buffer) => {
    if (!stream.push(chunk)) answer.pause();
  });
  answer.once("end", () => stream.push(null));
  answer.on("error", (error) => stream.destroy(errorFromNetwork(what, error)));
  answer.once("close", () => {
    if (!answer.complete) stream.destroy(errorFromNetwork(what, new Error("the answer was cut off")));
  });
  signal?.addEventListener("abort", onAbort, { once: true });
  if (signal?.aborted) onAbort();
  return stream;
}
