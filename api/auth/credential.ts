import type { KeyObject } from "node:crypto";
import type { Middleware } from "koa";
import koaJwt from "koa-jwt";
import { unauthorized } from "../problem-details.ts";
import { type Presented, parseAuthorization } from "./authorization.ts";
import type { Logins } from "./logins.ts";
import type { Tokens } from "./tokens.ts";
import type { StoredUser } from "./user.ts";

/** What the credential check leaves in `ctx.state`. */
export interface CredentialState {
  /** The user whose credential was verified; absent on open routes. */
  user?: StoredUser;
}

const NEEDED = "log in at POST /v1/auth and send the token as Authorization: Bearer <token>";
const REFUSED = "the credential is malformed, expired, wrongly signed, or of a user who no longer exists; log in again";

/** Middleware that lets only verified credentials pass and puts their user in `ctx.state.user` (O-23 to O-26). */
export function requireCredential(tokens: Tokens, logins: Logins): Middleware {
  const verifyToken = koaJwt({
    // Its types lag behind: jsonwebtoken takes KeyObjects, and only those are not imported anew for every request.
    secret: tokens.keys as readonly KeyObject[] as unknown as Buffer[],
    algorithms: [tokens.algorithm],
    issuer: tokens.issuer,
    key: "claims",
    getToken: (ctx) => (ctx.state.presented as Extract<Presented, { kind: "token" }>).token,
    isRevoked: async (ctx, claims) => {
      const user = tokens.userOf(claims);
      const { username } = ctx.state.presented as { username?: string };
      if (user === undefined || (username !== undefined && username !== user.username)) return true;
      ctx.state.user = user;
      return false;
    },
  });

  return async (ctx, next) => {
    const header = ctx.get("Authorization");
    if (header === "") throw unauthorized(NEEDED);
    const presented = parseAuthorization(header);
    if (presented === undefined) throw unauthorized(REFUSED);
    // A browser adds Basic to a cross-site request by itself; one that names its origin must bring a token (O-24).
    const basic = presented.kind === "password" || presented.username !== undefined;
    if (basic && ctx.get("Origin") !== "")
      throw unauthorized("Basic credentials are not taken from browsers; send a token");
    if (presented.kind === "token") {
      ctx.state.presented = presented;
      await verifyToken(ctx, async () => {});
    } else {
      const peer = ctx.req.socket.remoteAddress ?? "";
      const user = await logins.checkRepeated(presented.username, presented.password, peer);
      if (user === undefined) throw unauthorized(REFUSED);
      ctx.state.user = user;
    }
    await next();
  };
}
