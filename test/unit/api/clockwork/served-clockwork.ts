import { Registry } from "prom-client";
import type { Account } from "../../../../api/auth/account.ts";
import { Tokens } from "../../../../api/auth/tokens.ts";
import type { StoredUser } from "../../../../api/auth/user.ts";
import { Accounts, callerOf } from "../../../../api/clockwork/accounts.ts";
import { buildClockworkApp, describeClockworkError } from "../../../../api/clockwork/app.ts";
import { Credentials, sha256 } from "../../../../api/clockwork/credentials.ts";
import { JsonWork } from "../../../../api/clockwork/json-work/json-work.ts";
import type { ClockworkRoute } from "../../../../api/clockwork/route.ts";
import { type Listener, listen } from "../../../../api/listener.ts";
import { httpMetrics } from "../../../../api/metrics.ts";
import { type Answer, send, TOKENS } from "../served.ts";

/** A server of the Clockwork view without Kubernetes: routes of the test's own, and users by their names. */
export interface ServedClockwork {
  listener: Listener;
  port: number;
  users: Map<string, StoredUser>;
  /** To be called after a change of the users. */
  changed: () => void;
  tokens: Tokens;
  logLines: Record<string, unknown>[];
}

/** The API key of a user that `clockworkUser` makes. */
export function keyOf(username: string): string {
  return sha256(`key of ${username}`);
}

/** The Authorization header of such a user. */
export function basic(email: string, key: string): { authorization: string } {
  return { authorization: `Basic ${Buffer.from(`${email}:${key}`).toString("base64")}` };
}

/** A user with one API key, whose tokens count from the beginning of time. */
export function clockworkUser(
  username: string,
  account: Partial<Account> = {},
  created = "2026-01-01T00:00:00Z",
): StoredUser {
  const keys = [{ id: "1", sha256: sha256(keyOf(username)), created: 1 }];
  return {
    metadata: { name: username, uid: username, resourceVersion: "1", creationTimestamp: created },
    username,
    passwordHash: "",
    validFrom: 1,
    account: { admin: false, enabled: true, keys, ...account },
  };
}

/** Starts the server. */
export async function serveClockwork(
  routes: readonly ClockworkRoute[],
  more: { users?: StoredUser[]; notReady?: () => string[]; work?: JsonWork } = {},
): Promise<ServedClockwork> {
  const users = new Map((more.users ?? [clockworkUser("me")]).map((one) => [one.username, one]));
  const logLines: Record<string, unknown>[] = [];
  const log = (level: string) => (fields: object, msg: string) => void logLines.push({ level, ...fields, msg });
  const logger = { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") };
  const lookup = { find: (name: string) => users.get(name), list: () => users.values() };
  const accounts = new Accounts(lookup, logger);
  const tokens = new Tokens(TOKENS, lookup);
  const credentials = new Credentials(accounts, tokens);
  const app = buildClockworkApp({
    routes,
    work: more.work ?? new JsonWork(),
    authenticate: async (ctx) =>
      callerOf(await credentials.check(ctx.get("Authorization"), ctx.req.socket.remoteAddress ?? ""), "own"),
    notReady: more.notReady ?? (() => []),
    tls: false,
    observe: httpMetrics(new Registry()),
    logger,
  });
  const listener = await listen(app.callback(), {
    host: "127.0.0.1",
    port: 0,
    describeError: describeClockworkError,
  });
  const port = Number(new URL(listener.url).port);
  return { listener, port, users, changed: accounts.changed, tokens, logLines };
}

/** A request as the user `me`. */
export function ask(
  served: ServedClockwork,
  method: string,
  path: string,
  options: { headers?: Record<string, string>; body?: string | Buffer } = {},
): Promise<Answer> {
  return send(served.port, method, path, { ...options, headers: { ...basic("me", keyOf("me")), ...options.headers } });
}
