import * as http from "node:http";
import * as https from "node:https";
import { inTime } from "../../../kube/in-time.ts";
import { ProxyAgent } from "../../../kube/proxy-agent.ts";
import { proxyFor } from "./proxy.ts";
import { SlackProblem } from "./slack-problem.ts";

/** How long one call may take, from its connection to the end of its answer (V-57). */
export const SLACK_TIMEOUT_MS = 10_000;
/** Longer answers are not read: a page of users is the longest that is asked for. */
const MOST_ANSWER_BYTES = 8 * 1024 * 1024;

/** What is sent. */
export interface SlackRequest {
  type: string;
  body: string | Buffer;
  /** Sent as `Authorization: Bearer`. */
  token?: string;
}

/** What came back, whatever its status is. */
export interface SlackReply {
  status: number;
  body: string;
  /** What `Retry-After` says, in milliseconds. */
  retryAfterMs: number | undefined;
}

/** Sends one request to Slack. Rejects with a `SlackProblem` of kind `retry` if there is no whole answer. */
export type PostToSlack = (address: string, request: SlackRequest, signal?: AbortSignal) => Promise<SlackReply>;

/**
 * One POST on a connection of its own, by the environment's proxy where it names one. Certificates are checked; redirections are not followed, so that a token goes
 * nowhere but to the address of the settings.
 */
export const postToSlack: PostToSlack = async (address, { type, body, token }, stop) => {
  const server = new URL(address);
  const proxy = proxyFor(server, process.env);
  const agent = proxy === undefined ? undefined : new ProxyAgent(proxy, {});
  let isSent = false;
  try {
    return await inTime(SLACK_TIMEOUT_MS, stop, ({ signal }) => {
      const request = (server.protocol === "https:" ? https : http).request(server, {
        method: "POST",
        agent: agent ?? false,
        signal,
        headers: {
          "Content-Type": type,
          "Content-Length": Buffer.byteLength(body),
          "User-Agent": "odin",
          ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
        },
      });
      request.once("finish", () => {
        isSent = true;
      });
      const reply = replyOf(request);
      request.end(body);
      return reply;
    });
  } catch (error) {
    throw new SlackProblem("retry", `no answer of ${server.host}: ${wordsOf(error)}`, { unsure: isSent });
  } finally {
    agent?.destroy();
  }
};

async function replyOf(request: http.ClientRequest): Promise<SlackReply> {
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    request.once("response", resolve);
    // Stays, for what goes wrong after the answer has begun.
    request.on("error", reject);
  });
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MOST_ANSWER_BYTES) throw new Error("the answer is too long");
    chunks.push(chunk);
  }
  const { statusCode: status = 0, headers } = response;
  return {
    status,
    body: Buffer.concat(chunks).toString(),
    retryAfterMs: retryAfterMs(headers["retry-after"]),
  };
}

/** The time of a `Retry-After`, which is a number of seconds or a date; undefined for anything else. */
export function retryAfterMs(header: string | undefined, now: () => number = Date.now): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}(\.\d+)?$/.test(header.trim())) return Number(header) * 1_000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now());
}

/** An error's kind: its whole text may name addresses. */
function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return "it failed";
  if (error.name === "AbortError") return `not within ${SLACK_TIMEOUT_MS / 1_000} s`;
  const { code } = error as NodeJS.ErrnoException;
  return code ?? error.message.slice(0, 200);
}
