import { randomUUID } from "node:crypto";
import type { Middleware } from "koa";
import type { Logger } from "../kube/logger.ts";
import type { CredentialState } from "./auth/credential.ts";
import type { ObserveRequest } from "./metrics.ts";

const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/;
const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]);

/**
 * The outermost middleware: gives each request an id (the caller's, if it sent a decent one), and when the answer has ended
 * writes one log line and one measurement. The line holds no query, header or body (O-15). `shown`: the path as the line has it, where a path may hold
 * what others could use.
 */
export function requestLog(
  logger: Logger,
  observe: ObserveRequest,
  shown: (path: string) => string = (path) => path,
): Middleware {
  return async (ctx, next) => {
    const given = ctx.get("X-Request-Id");
    const requestId = REQUEST_ID.test(given) ? given : randomUUID();
    ctx.state.requestId = requestId;
    ctx.set("X-Request-Id", requestId);
    const start = performance.now();
    ctx.res.once("close", () => {
      const seconds = (performance.now() - start) / 1000;
      const status = ctx.res.statusCode;
      const route = typeof ctx._matchedRoute === "string" ? ctx._matchedRoute : "none";
      observe(METHODS.has(ctx.method) ? ctx.method : "other", route, status, seconds);
      const line = {
        method: ctx.method,
        path: shown(ctx.path),
        status,
        user: (ctx.state as CredentialState).user?.username,
        requestId,
        durationMs: Math.round(seconds * 1000),
        ...(ctx.res.writableFinished ? {} : { cut: true }),
      };
      if (QUIET.has(ctx.path) && status < 400) logger.debug(line, "request");
      else logger.info(line, "request");
    });
    await next();
  };
}

/** Asked every few seconds by probes and scrapers. */
const QUIET = new Set(["/healthz", "/readyz", "/metrics", "/v1/ping"]);
