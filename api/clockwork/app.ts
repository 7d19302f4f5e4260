import Router, { type RouterContext, type RouterMiddleware } from "@koa/router";
import Koa, { type Middleware } from "koa";
import type { Logger } from "../../kube/logger.ts";
import type { ErrorBody } from "../client-errors.ts";
import { ERRORS, type ErrorCode } from "../errors.ts";
import type { ObserveRequest } from "../metrics.ts";
import { requestLog } from "../request-log.ts";
import { securityHeaders } from "../security-headers.ts";
import { bodyReader } from "./body.ts";
import type { Caller } from "./caller.ts";
import { ClockworkError, unavailable } from "./clockwork-error.ts";
import { clockworkErrors } from "./error-middleware.ts";
import type { JsonWork } from "./json-work/json-work.ts";
import { reply } from "./reply.ts";
import { type ClockworkRoute, PREFIXES } from "./route.ts";

/** What the application is built of. */
export interface ClockworkAppParts {
  routes: readonly ClockworkRoute[];
  /** The caller of a request; throws the `ClockworkError` that refuses him (C-12, C-16). */
  authenticate(ctx: RouterContext, credential: ClockworkRoute["credential"]): Promise<Caller> | Caller;
  /** What reads bodies. */
  work: Pick<JsonWork, "body">;
  /** Names of the parts that are not ready yet without which nobody can be told from a stranger. */
  notReady: () => readonly string[];
  /** Whether HTTPS is served. */
  tls: boolean;
  observe: ObserveRequest;
  logger: Logger;
}

/** Whether a request is for this family, whatever its path is below that (C-1). */
export function isClockworkPath(url: string): boolean {
  return /^(?:[a-z]+:\/\/[^/?#]*)?\/api\/v1(?:[/?#]|$)/i.test(url);
}

/** What a request of this family is told that never reaches the application: too long a head, or no HTTP (C-6). */
export function describeClockworkError(code: ErrorCode): ErrorBody {
  const { title } = ERRORS[code];
  const text = code === "HeadersTooLarge" ? "Request header fields too large." : `${title}.`;
  return { type: "application/json", body: `${JSON.stringify(text)}\n` };
}

/** The Koa application of everything below /api/v1: every request passes the checks in the order of C-8. */
export function buildClockworkApp(parts: ClockworkAppParts): Koa {
  const app = new Koa();
  const router = new Router({ sensitive: true, strict: true });
  const readBody = bodyReader(parts.work);
  for (const route of parts.routes) {
    const handlers = checksOf(route, parts, readBody);
    for (const prefix of PREFIXES) router.register(`${prefix}${route.path}`, [route.method], handlers);
  }
  app.use(requestLog(parts.logger, parts.observe));
  app.use(securityHeaders(parts.tls));
  app.use(clockworkErrors(parts.logger));
  app.use(router.routes());
  app.use(noHandler);
  app.on("error", (error: unknown, ctx?: Koa.Context) => logBroken(parts.logger, error, ctx));
  return app;
}

function checksOf(
  route: ClockworkRoute,
  parts: ClockworkAppParts,
  readBody: ReturnType<typeof bodyReader>,
): RouterMiddleware[] {
  const identify: Middleware = async (ctx, next) => {
    if (parts.notReady().length > 0) throw unavailable(2);
    ctx.state.caller = await parts.authenticate(ctx as RouterContext, route.credential);
    await next();
  };
  const handle: RouterMiddleware = async (ctx) => {
    await route.handle(ctx as RouterContext, ctx.state.caller as Caller);
  };
  const checks = route.body === undefined ? [identify] : [identify, readBody(route.body)];
  return [...(checks as RouterMiddleware[]), handle];
}

/** Reached only if no route took the request: a known path with another method, or an unknown path (C-2, C-6). */
const noHandler: Middleware = (ctx) => {
  const layers = (ctx as unknown as RouterContext).matched ?? [];
  const methods = [...new Set(layers.flatMap((layer) => layer.methods))].sort();
  if (methods.length === 0) throw new ClockworkError(404, "Not found.");
  const allow = [...methods, "OPTIONS"].join(", ");
  if (ctx.method !== "OPTIONS") throw new ClockworkError(405, "Method not allowed.", { Allow: allow });
  ctx.set("Allow", allow);

  reply(ctx, "");
};

/** After the header was sent: a caller that left, or a list whose rest could not be had. */
function logBroken(logger: Logger, error: unknown, ctx: Koa.Context | undefined): void {
  const ofNetwork = error instanceof Error && "code" in error;
  const fields = { requestId: ctx?.state.requestId as string | undefined, err: error };
  if (ofNetwork) logger.debug(fields, "caller left");
  else logger.warn(fields, "answer broken off");
}
