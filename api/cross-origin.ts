import cors from "@koa/cors";
import type { Middleware } from "koa";
import type { Route } from "./route.ts";

/** How long a browser may remember the answer to its preflight. */
const PREFLIGHT_SECONDS = 600;

/**
 * Lets web pages of the listed origins call the API with a token (O-16). Other origins get the same answers without the
 * headers that would let a browser hand them to the page. Cookies play no part, so none are allowed.
 */
export function crossOrigin(origins: readonly string[], routes: readonly Route[]): Middleware {
  const allowed = new Set(origins);
  return cors({
    // An empty answer means: say nothing.
    origin: (ctx) => (allowed.has(ctx.get("Origin")) ? ctx.get("Origin") : ""),
    allowMethods: [...new Set(routes.map(({ method }) => method))].sort(),
    allowHeaders: ["Authorization", "Content-Type", "X-Request-Id"],
    exposeHeaders: ["X-Request-Id", "X-Total-Count", "Retry-After"],
    credentials: false,
    maxAge: PREFLIGHT_SECONDS,
  });
}
