import type { RouterContext } from "@koa/router";
import type { Access } from "./auth/access.ts";
import type { BodyKind } from "./body.ts";

/** One route: what the server checks before its handler, and the handler. The OpenAPI document describes the same list. */
export interface Route {
  method: "GET" | "POST" | "PUT" | "DELETE";
  /** Path with `:name` parameters, as @koa/router takes it. */
  path: string;
  access: Access;
  /** Throws where the verified user lacks the right; runs before the body is read and before anything is looked up (O-5). */
  allow?: (ctx: RouterContext) => void;
  /** Absent: the route takes no body. */
  body?: BodyKind;
  /** Whether the route waits for the caches: until they are filled it answers 503. Left out: true. */
  needsCaches?: boolean;
  handle: (ctx: RouterContext) => Promise<void> | void;
}

/** A path parameter. Its presence is certain where the route's path names it. */
export function param(ctx: RouterContext, name: string): string {
  return ctx.params[name] ?? "";
}
