import * as http from "node:http";
import * as https from "node:https";

/** A request to the server of a bucket. Its kinds may all be sent twice. */
export interface BucketRequest {
  method: string;
  url: URL;
  headers: Record<string, string>;
  body: Uint8Array | undefined;
  /** Bound for the whole answer. */
  timeoutMs: number;
  /** Most bytes of an answer that are read: of one outside 2xx the rest is left, any other rejects. */
  maxBytes: (status: number) => number;
}

/** An answer, as far as it was read. */
export interface BucketAnswer {
  status: number;
  body: Buffer;
}

/** The answer did not come in time. */
export class AnswerLate extends Error {}

/** The answer is larger than was allowed. */
export class AnswerTooLarge extends Error {}

/**
 * Sends a request and reads its answer, whatever its status; redirects are not followed. Rejects with `AnswerLate`, `AnswerTooLarge`, or the error of the
 * connection. Not the global `fetch`: on Node 20 the signal that is to end it may be collected as garbage, and then a server that
 * does not answer is waited for for minutes.
 */
export async function askBucket(request: BucketRequest): Promise<BucketAnswer> {
  try {
    return await exchange(request);
  } catch (error) {
    if (!(error instanceof StaleConnection)) throw error;
    return await exchange(request);
  }
}

/** The server closed a connection that was kept just as the request was put on it. */
class StaleConnection extends Error {}

function exchange({ method, url, headers, body, timeoutMs, maxBytes }: BucketRequest): Promise<BucketAnswer> {
  return new Promise((resolve, reject) => {
    const request = (url.protocol === "https:" ? https : http).request(url, {
      method,
      headers: { ...headers, ...(body === undefined ? {} : { "content-length": String(body.length) }) },
    });
    let isAnswered = false;
    const fail = (error: Error & { code?: string }): void => {
      clearTimeout(timer);
      const isStale = request.reusedSocket && !isAnswered && (error.code === "ECONNRESET" || error.code === "EPIPE");
      reject(isStale ? new StaleConnection(error.message) : error);
      request.destroy();
    };
    const timer = setTimeout(() => fail(new AnswerLate(`no answer within ${timeoutMs / 1000} s`)), timeoutMs);
    request.on("error", fail);
    request.once("response", (answer) => {
      isAnswered = true;
      const status = answer.statusCode ?? 0;
      const most = maxBytes(status);
      const pieces: Buffer[] = [];
      let length = 0;
      const finish = (): void => {
        clearTimeout(timer);
        resolve({ status, body: Buffer.concat(pieces) });
      };
      answer.on("data", (piece: Buffer) => {
        pieces.push(piece);
        length += piece.length;
        if (length <= most) return;
        if (status >= 200 && status < 300) fail(new AnswerTooLarge(`more than ${most} bytes`));
        else {
          finish();
          request.destroy();
        }
      });
      answer.once("end", finish);
      answer.on("error", fail);
      answer.once("close", () => {
        if (!answer.complete) fail(new Error("the answer broke off"));
      });
    });
    request.end(body);
  });
}
