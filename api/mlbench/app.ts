import type { RouterContext } from "@koa/router";
import Koa, { type Context, type Middleware } from "koa";
import type { Logger } from "../../kube/logger.ts";
import type { ErrorBody } from "../client-errors.ts";
import { ERRORS, type ErrorCode } from "../errors.ts";
import type { ObserveRequest } from "../metrics.ts";
import { requestLog } from "../request-log.ts";
import { securityHeaders } from "../security-headers.ts";
import { BODY_TYPES, bodyReader } from "./body.ts";
import type { BodyWork } from "./body-work/body-work.ts";
import type { MlbenchCaller } from "./caller.ts";
import { mlbenchErrors } from "./error-middleware.ts";
import { acceptedFormat, forcedFormat } from "./format.ts";
import { matchRoute, parsePath } from "./match.ts";
import { notFound, TransportError, unavailable } from "./mlbench-error.ts";
import { reply } from "./reply.ts";
import type { MlbenchHandler, MlbenchRoute } from "./route.ts";

/** What the application is built of. */
export interface MlbenchAppParts {
  routes: readonly MlbenchRoute[];
  /** The caller of a request; throws the error that refuses him (M-14). */
  authenticate(ctx: Context): Promise<MlbenchCaller> | MlbenchCaller;
  /** What reads bodies. */
  work: Pick<BodyWork, "do">;
  /** Names of the parts that are not ready yet; empty once requests can be answered (M-60). */
  notReady: () => readonly string[];
  /** Whether HTTPS is served. */
  tls: boolean;
  observe: ObserveRequest;
  logger: Logger;
}

/** Whether a request is for this family, whatever its path is below that; /api/v1 is another's (M-3). */
export function isMlbenchPath(url: string): boolean {
  return /^(?:[A-Za-z]+:\/\/[^/?#]*)?\/api(?!\/v1(?:[/?#]|$))(?:[/?#]|$)/.test(url);
}

/** What a request of this family is told that never reaches the application: too long a head, or no HTTP (M-9). */
export function describeMlbenchError(code: ErrorCode): ErrorBody {
  return { type: "application/json", body: JSON.stringify({ detail: `${ERRORS[code].title}.` }) };
}

/**
 * The Koa application of everything below /api but /api/v1. What is checked, in this order: path and format, method, Accept, readiness, caller, and of a
 * POST size, media type and syntax of the body.
 */
export function buildMlbenchApp(parts: MlbenchAppParts): Koa {
  const app = new Koa();
  app.use(requestLog(parts.logger, parts.observe));
  app.use(securityHeaders(parts.tls));
  app.use(mlbenchErrors(parts.logger));
  app.use(dispatch(parts));
  app.on("error", (error: unknown) => parts.logger.debug({ err: error }, "answer broken off"));
  return app;
}

const NOTHING = { kind: "fields", names: [] } as const;

/** What a path leads to. */
interface Selected {
  route: MlbenchRoute;
  params: Readonly<Record<string, string>>;
  /** The format at the end of the path. */
  suffix?: string;
}

function dispatch(parts: MlbenchAppParts): Middleware {
  const readBody = bodyReader(parts.work);
  const select = selector(parts.routes);
  const allow = new Map(parts.routes.map((route) => [route, allowed(route)]));
  return async (ctx) => {
    // Whatever is answered, and be it an error (M-6).
    ctx.set("Vary", "Accept");
    const { route, params, suffix } = select(ctx.path);
    // As the router of the other families leaves them, for handlers and the log of requests.
    Object.assign(ctx, { params, _matchedRoute: `/api${route.path}` });
    ctx.set("Allow", allow.get(route) ?? "");
    const queried = ctx.querystring === "" ? undefined : [ctx.query.format].flat()[0];
    const forced = forcedFormat(route, suffix, queried);
    if (ctx.method === "OPTIONS") return replyOptions(ctx, route);
    const handle = handlerOf(route, ctx.method);
    ctx.state.mlbenchFormat = forced ?? (route.stream ? "json" : acceptedFormat(ctx.get("Accept")));
    const missing = parts.notReady();
    if (missing.length > 0) throw unavailable(`Starting, and still waiting for: ${missing.join(", ")}`, 2);
    const caller = await parts.authenticate(ctx);
    if (ctx.method === "POST") await readBody(ctx, route.body ?? NOTHING);
    await handle(ctx as RouterContext, caller);
  };
}

/** Finds the route of a path; throws the 404 where there is none. Those of paths without a key are found once and for all, not with every request. */
function selector(routes: readonly MlbenchRoute[]): (path: string) => Selected {
  const plain = routes.filter(({ path }) => !path.includes(":")).flatMap(({ path }) => [`/api${path}`, `/api${path}/`]);
  const known = new Map(plain.map((path) => [path, selected(path, routes)]));
  return (path) => {
    const found = known.get(path) ?? selected(path, routes);
    if (found === undefined) throw notFound();
    return found;
  };
}

function selected(path: string, routes: readonly MlbenchRoute[]): Selected | undefined {
  const parsed = parsePath(path);
  if (parsed === undefined) return undefined;
  const { segments, suffix } = parsed;
  for (const route of routes) {
    const params = matchRoute(route, segments);
    if (params !== undefined) return { route, params, ...(suffix === undefined ? {} : { suffix }) };
  }
  return undefined;
}

function handlerOf({ methods }: MlbenchRoute, method: string): MlbenchHandler {
  const name = method === "HEAD" ? "GET" : method;
  const handle = name === "GET" || name === "POST" || name === "DELETE" ? methods[name] : undefined;
  if (handle === undefined) throw new TransportError(405, `Method "${method}" not allowed.`);
  return handle;
}

/** The methods of a route, as `Allow` lists them. */
function allowed({ methods }: MlbenchRoute): string {
  const own = (["GET", "POST", "DELETE"] as const).filter((method) => methods[method] !== undefined);
  return [...own, ...(methods.GET === undefined ? [] : ["HEAD"]), "OPTIONS"].join(", ");
}

/** What a route gives and takes (M-11). */
function replyOptions(ctx: Context, route: MlbenchRoute): void {
  const renders = route.stream
    ? ["text/event-stream"]
    : ["application/json", "text/javascript", ...(route.formats ?? []).map((format) => MEDIA_TYPES[format])];
  reply(ctx, 200, { name: `/api${route.path}/`, renders, parses: route.methods.POST === undefined ? [] : BODY_TYPES });
}

const MEDIA_TYPES = { zip: "application/octet-stream", csv: "text/csv" } as const;
