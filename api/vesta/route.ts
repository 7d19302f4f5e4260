import type { RouterContext } from "@koa/router";

/** Answers by the functions of reply.ts, or throws a `VestaError`. */
export type VestaHandler = (ctx: RouterContext) => Promise<void> | void;

/** One route of vesta, with all its methods; GET answers HEAD too. It is served with and without a slash at its end (V-16). */
export interface VestaRoute {
  /** Without a slash at its end: `/states/:host`. A last segment `:name*` takes what is left of the path, slashes included. */
  path: string;
  methods: { GET?: VestaHandler; POST?: VestaHandler; DELETE?: VestaHandler };
  /** `list`: only for addresses of the allow-list (V-21). */
  guard: "list" | "none";
  /** Errors past the allow-list have HTTP status 200, and their code in the body alone (V-19). */
  alwaysOk?: true;
}
