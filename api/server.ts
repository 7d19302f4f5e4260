import Router, { type RouterContext, type RouterMiddleware } from "@koa/router";
import Koa, { type Middleware } from "koa";
import type { Logger } from "../kube/logger.ts";
import { needsCredential, type PublicReads } from "./auth/access.ts";
import { type BodyMemory, bodyMemory, readBody } from "./body.ts";
import { crossOrigin } from "./cross-origin.ts";
import { errorMiddleware, refuseWebsocket } from "./error-middleware.ts";
import { ApiError, retryAfter } from "./errors.ts";
import type { ObserveRequest } from "./metrics.ts";
import { requestLog } from "./request-log.ts";
import type { Route } from "./route.ts";
import { securityHeaders } from "./security-headers.ts";

/** What the application is built of. */
export interface ServerParts {
  routes: readonly Route[];
  publicReads: PublicReads;
  /** Web pages of these origins may call; none: CORS is off (O-16). */
  corsOrigins: readonly string[];
  /** Whether HTTPS is served. */
  tls: boolean;
  requireCredential: Middleware;
  /** Most bytes of an uploaded file. */
  maxUploadBytes: number;
  /** Names of the parts that are not ready yet; empty once requests can be served. */
  notReady: () => readonly string[];
  observe: ObserveRequest;
  logger: Logger;
}

/** The Koa application: every request passes the checks in the order of O-5, and every failure becomes a problem document. */
export function buildApp(parts: ServerParts): Koa {
  const app = new Koa();
  const router = new Router({ sensitive: true });
  const memory = bodyMemory(parts.maxUploadBytes);
  for (const route of parts.routes) {
    router.register(route.path, [route.method], checksOf(route, parts, memory));
  }
  app.use(requestLog(parts.logger, parts.observe));
  if (parts.corsOrigins.length > 0) app.use(crossOrigin(parts.corsOrigins, parts.routes));
  app.use(errorMiddleware(parts.logger));
  app.use(securityHeaders(parts.tls));
  app.use(refuseWebsocket);
  app.use(router.routes());
  app.use(noHandler);
  // What reaches Koa itself went wrong after the header was sent: a caller that left, or a stream that broke.
  app.on("error", (error: unknown) => parts.logger.debug({ err: error }, "answer broken off"));
  return app;
}

function checksOf(route: Route, parts: ServerParts, memory: BodyMemory): RouterMiddleware[] {
  const checks: Middleware[] = [];
  if (route.needsCaches !== false) checks.push(requireReady(parts.notReady));
  if (needsCredential(route.access, parts.publicReads)) checks.push(parts.requireCredential);
  if (route.allow !== undefined) checks.push(requireRight(route.allow));
  if (route.body !== undefined) checks.push(readBody(route.body, parts.maxUploadBytes, memory));
  checks.push(requireDecodablePath);
  const handle: RouterMiddleware = async (ctx) => {
    await route.handle(ctx as RouterContext);
  };
  return [...(checks as RouterMiddleware[]), handle];
}

function requireRight(allow: NonNullable<Route["allow"]>): Middleware {
  return async (ctx, next) => {
    allow(ctx as RouterContext);
    await next();
  };
}

function requireReady(notReady: () => readonly string[]): Middleware {
  return async (_ctx, next) => {
    const missing = notReady();
    if (missing.length > 0) {
      throw new ApiError("NotReady", `starting, and still waiting for: ${missing.join(", ")}; try again in a moment`, {
        headers: retryAfter(2),
      });
    }
    await next();
  };
}

/** The router passes a parameter with broken escapes on undecoded; an id that holds one is nobody's (O-4). */
const requireDecodablePath: Middleware = async (ctx, next) => {
  try {
    decodeURIComponent(ctx.path);
  } catch (error) {
    throw new ApiError("MalformedRequest", "the path has a broken percent escape", { cause: error });
  }
  await next();
};

/** Reached only if no route took the request: a known path with another method, or an unknown path. */
const noHandler: Middleware = (ctx) => {
  const layers = (ctx as unknown as RouterContext).matched ?? [];
  const methods = [...new Set(layers.flatMap((layer) => layer.methods))].sort();
  if (methods.length > 0) {
    throw new ApiError("MethodNotAllowed", `this route takes ${methods.join(", ")}`, {
      headers: { Allow: methods.join(", ") },
    });
  }
  const isFileBelow = /^\/v1\/jobs\/[^/]+\/files\/[^/]+\/./.test(ctx.path);
  throw new ApiError(
    "RouteUnknown",
    isFileBelow
      ? "a job's files lie directly in its directory: give a name without slashes (odin-push: --file_name)"
      : "no route has this path; GET /v1/openapi.json lists them all",
  );
};
