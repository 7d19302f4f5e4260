import type { RouterContext } from "@koa/router";
import type { ClockworkBody } from "./body.ts";
import type { Caller } from "./caller.ts";

/** One route of the Clockwork API; it is served below both prefixes (C-1), and GET answers HEAD too (C-2). */
export interface ClockworkRoute {
  method: "GET" | "PUT" | "POST" | "DELETE";
  /** Below the prefix, as @koa/router takes it: `/jobs/list`. */
  path: string;
  /** Absent: no body is read. */
  body?: ClockworkBody;
  /** `odin`: only a credential of the Odin view counts, not an API key (C-15). */
  credential?: "odin";
  /** Answers by `reply` or `replyList`, or throws a `ClockworkError`. The credential has been checked and the body read. */
  handle(ctx: RouterContext, caller: Caller): Promise<void> | void;
}

/** The prefixes, the client's and the document's (C-1). */
export const PREFIXES = ["/api/v1/clusters", "/api/v1/cluster"] as const;
