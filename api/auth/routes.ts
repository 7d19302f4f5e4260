import { objectAt, textAt } from "../body.ts";
import { ApiError } from "../errors.ts";
import type { Route } from "../route.ts";
import type { Logins } from "./logins.ts";
import type { Tokens } from "./tokens.ts";

/** POST /v1/auth: user name and password for a token (O-20 to O-22). */
export function authRoutes(logins: Logins, tokens: Tokens): Route[] {
  return [
    {
      method: "POST",
      path: "/v1/auth",
      access: "open",
      body: "jsonOrForm",
      handle: async (ctx) => {
        const fields = objectAt("body", ctx.request.body);
        const username = textAt("", fields, "username");
        const password = textAt("", fields, "password");
        const user = await logins.check(username, password, ctx.req.socket.remoteAddress ?? "");
        if (user === undefined) {
          throw new ApiError("LoginFailed", "user name or password is wrong", {
            headers: { "WWW-Authenticate": "Bearer" },
          });
        }
        ctx.state.user = user;
        ctx.body = { message: tokens.issue(user) };
      },
    },
  ];
}
