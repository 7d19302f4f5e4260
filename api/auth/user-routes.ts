import type { RouterContext } from "@koa/router";
import { searchTest } from "../odin/search.ts";
import { queryText } from "../query.ts";
import { param, type Route } from "../route.ts";
import type { CredentialState } from "./credential.ts";
import { isUserName, type StoredUser } from "./user.ts";
import { readNewUser, readUserChange, userView } from "./user-fields.ts";
import { requireUserRight, type UserRights } from "./user-rights.ts";
import { type UserStore, userUnknown } from "./user-store.ts";
import type { Users } from "./users.ts";

/** What the routes of users rest on. */
export interface UserParts {
  users: Users;
  store: UserStore;
  rights: UserRights;
}

/** The routes of users (O-32). Rights are checked before a body is read or a user looked up (O-5, O-29). */
export function userRoutes({ users, store, rights }: UserParts): Route[] {
  const managing = (ctx: RouterContext): void => requireUserRight(rights, callerOf(ctx));
  const ownOrManaging = (ctx: RouterContext): void => requireUserRight(rights, callerOf(ctx), param(ctx, "username"));
  return [
    {
      method: "GET",
      path: "/v1/users",
      access: "read",
      handle: (ctx) => {
        const matches = searchTest(queryText(ctx.query, "q"));
        const found = [...users.list()].filter(({ username }) => matches(username));
        found.sort((a, b) => (a.username < b.username ? -1 : 1));
        ctx.body = { users: found.map(userView) };
      },
    },
    {
      method: "GET",
      path: "/v1/users/:username",
      access: "read",
      handle: (ctx) => {
        const username = param(ctx, "username");
        const user = users.find(username);
        if (user === undefined) throw userUnknown(username);
        ctx.body = reply(user);
      },
    },
    {
      method: "POST",
      path: "/v1/users",
      access: "write",
      allow: managing,
      body: "json",
      handle: async (ctx) => {
        ctx.body = reply(await store.create(readNewUser(ctx.request.body)));
      },
    },
    {
      method: "PUT",
      path: "/v1/users/:username",
      access: "write",
      allow: ownOrManaging,
      body: "json",
      handle: async (ctx) => {
        const username = nameOf(ctx);
        ctx.body = reply(await store.change(username, readUserChange(ctx.request.body, username)));
      },
    },
    {
      method: "DELETE",
      path: "/v1/users/:username",
      access: "write",
      allow: managing,
      handle: async (ctx) => {
        ctx.body = reply(await store.remove(nameOf(ctx)));
      },
    },
  ];
}

function reply(user: StoredUser): { user: ReturnType<typeof userView> } {
  return { user: userView(user) };
}

/** The user name of the path; what cannot be one is never asked of Kubernetes. */
function nameOf(ctx: RouterContext): string {
  const username = param(ctx, "username");
  if (!isUserName(username)) throw userUnknown(username);
  return username;
}

function callerOf(ctx: RouterContext): string {
  return (ctx.state as CredentialState).user?.username ?? "";
}
