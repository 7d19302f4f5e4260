import type { RouterContext } from "@koa/router";
import Koa, { type Context, type Middleware } from "koa";
import type { Logger } from "../../kube/logger.ts";
import { clientAddress } from "../client-address.ts";
import type { ErrorBody } from "../client-errors.ts";
import { ERRORS, type ErrorCode } from "../errors.ts";
import type { ObserveRequest } from "../metrics.ts";
import type { Networks } from "../networks.ts";
import { requestLog } from "../request-log.ts";
import { securityHeaders } from "../security-headers.ts";
import type { AllowList } from "./allow-list.ts";
import { vestaErrors } from "./error-middleware.ts";
import { matchRoute } from "./match.ts";
import type { VestaHandler, VestaRoute } from "./route.ts";
import { forbidden, notFound, unavailable, VestaError } from "./vesta-error.ts";

/** What the application is built of. */
export interface VestaAppParts {
  routes: readonly VestaRoute[];
  validNetwork: AllowList;
  trustedProxies: Networks;
  /** Names of the parts that are not ready yet; empty once requests can be answered. */
  notReady: () => readonly string[];
  /** Whether HTTPS is served. */
  tls: boolean;
  observe: ObserveRequest;
  logger: Logger;
}

const OWN =
  /^(?:[A-Za-z]+:\/\/[^/?#]*)?(?:$|\/?[?#]|\/$|\/(?:gpu_table|states|register|update|notification|static)(?:[/?#]|$))/;

/** Whether a request is for vesta: `/` exactly, and its own names with all that is below them (V-3). */
export function isVestaPath(url: string): boolean {
  return OWN.test(url);
}

/** What a request of vesta is told that never reaches the application: too long a head, or no HTTP (V-19). */
export function describeVestaError(code: ErrorCode): ErrorBody {
  const { body } = new VestaError(ERRORS[code].status, ERRORS[code].title);
  return { type: "application/json; charset=utf-8", body: JSON.stringify(body) };
}

/** The Koa application of vesta. What is checked, in this order: path, allow-list, method, readiness; tokens are the handlers' own. */
export function buildVestaApp(parts: VestaAppParts): Koa {
  const app = new Koa();
  app.use(requestLog(parts.logger, parts.observe, withoutId));
  app.use(securityHeaders(parts.tls));
  app.use(vestaErrors(parts.logger));
  app.use(dispatch(parts));
  app.on("error", (error: unknown) => parts.logger.debug({ err: error }, "answer broken off"));
  return app;
}

/** A machine proves itself with its id (V-23), so whoever reads the log is not told it. */
function withoutId(path: string): string {
  return path.replace(/^(\/update\/host\/)[^/]+/, "$1…");
}

function dispatch(parts: VestaAppParts): Middleware {
  return async (ctx) => {
    const found = matchRoute(parts.routes, ctx.path);
    if (found === undefined) throw notFound();
    const { route, params } = found;
    // As the router of the other families leaves them, for handlers and the log of requests.
    Object.assign(ctx, { params, _matchedRoute: route.path });
    if (route.guard === "list" && !parts.validNetwork.admits(clientAddress(ctx.req, parts.trustedProxies))) {
      throw forbidden();
    }
    ctx.state.vestaAlwaysOk = route.alwaysOk === true;
    if (ctx.method === "OPTIONS") return replyOptions(ctx, route);
    const handle = handlerOf(route, ctx.method);
    const missing = parts.notReady();
    if (missing.length > 0) throw unavailable(`starting, and still waiting for: ${missing.join(", ")}`, 2);
    await handle(ctx as RouterContext);
  };
}

function handlerOf(route: VestaRoute, method: string): VestaHandler {
  const name = method === "HEAD" ? "GET" : method;
  const handle = name === "GET" || name === "POST" || name === "DELETE" ? route.methods[name] : undefined;
  if (handle === undefined) {
    const Allow = allowed(route);
    throw new VestaError(405, `method not allowed; this path takes ${Allow}`, { headers: { Allow } });
  }
  return handle;
}

/** The methods of a route, as `Allow` lists them. */
function allowed({ methods }: VestaRoute): string {
  const own = (["GET", "POST", "DELETE"] as const).filter((method) => methods[method] !== undefined);
  return [...own, ...(methods.GET === undefined ? [] : ["HEAD"]), "OPTIONS"].join(", ");
}

function replyOptions(ctx: Context, route: VestaRoute): void {
  ctx.set("Allow", allowed(route));
  ctx.status = 204;
}
