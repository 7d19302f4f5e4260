import type { RouterContext } from "@koa/router";
import type { CredentialState } from "../auth/credential.ts";

/** Name of the user of a route that needs a credential. */
export function requestUser(ctx: RouterContext): string {
  return (ctx.state as CredentialState).user?.username ?? "";
}
