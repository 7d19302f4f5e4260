import { IncomingMessage } from "node:http";
import WebSocket from "ws";
import { errorFromAnswer, KubeError } from "./errors.ts";
import type { Answer } from "./exchange.ts";
import type { KubeList } from "./resource.ts";

/** Whether the server did not accept the credentials. */
export function isRefused(answer: Answer | IncomingMessage | WebSocket): boolean {
  return !isOpen(answer) && answer.status === 401;
}

/** The answer if it is a 2xx or a stream; throws its KubeError otherwise. */
export function accepted<T extends Answer | IncomingMessage | WebSocket>(what: string, answer: T | Answer): T {
  if (isOpen(answer)) return answer as T;
  const { status, retryAfter, body } = answer as Answer;
  if (status >= 200 && status < 300) return answer as T;
  throw errorFromAnswer(what, status, retryAfter, body.toString("utf8"));
}

function isOpen(answer: Answer | IncomingMessage | WebSocket): answer is IncomingMessage | WebSocket {
  return answer instanceof IncomingMessage || answer instanceof WebSocket;
}

/** The body of an answer from JSON; undefined where it is empty. */
export function parseAnswer<T>(what: string, answer: Answer): T {
  if (answer.body.length === 0) return undefined as T;
  try {
    return JSON.parse(answer.body.toString("utf8")) as T;
  } catch (cause) {
    throw new KubeError({
      code: answer.status,
      reason: "BadAnswer",
      category: "transient",
      message: `${what}: the answer is not JSON (${answer.body.length} bytes); is there a proxy in between?`,
      cause,
    });
  }
}

/** The list with apiVersion and kind in its items: typed lists come without, both follow from the list's own. */
export function withKinds<T>(path: string, list: KubeList<T> & { kind?: string; apiVersion?: string }): KubeList<T> {
  if (!Array.isArray(list?.items)) {
    throw new KubeError({
      code: 200,
      reason: "BadAnswer",
      category: "other",
      message: `GET ${path}: the answer is not a list; is it the path of a collection?`,
    });
  }
  const kind = list.kind?.endsWith("List") ? list.kind.slice(0, -4) : undefined;
  for (const item of list.items as { apiVersion?: string; kind?: string }[]) {
    if (list.apiVersion !== undefined) item.apiVersion ??= list.apiVersion;
    if (kind !== undefined) item.kind ??= kind;
  }
  return list;
}
