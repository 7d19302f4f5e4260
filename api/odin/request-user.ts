import type { RouterContext } from "@koa/router";
import type { CredentialState } from "../auth/credential.ts";

/** Name of the user of a route that needs a credential. */
export function requestUser(ctx: RouterContext): string {
  return (ctx.state as CredentialState).user?.username ?? "";
}

/** His e-mail, where his Secret says one (C-14). */
export function requestEmail(ctx: RouterContext): string | undefined {
  return (ctx.state as CredentialState).user?.account?.email;
}
