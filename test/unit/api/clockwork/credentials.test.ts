import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readAccount } from "../../../../api/auth/account.ts";
import { callerOf } from "../../../../api/clockwork/accounts.ts";
import { sha256 } from "../../../../api/clockwork/credentials.ts";
import { MAX_FAILURES_PER_MINUTE } from "../../../../api/clockwork/failures.ts";
import { reply } from "../../../../api/clockwork/reply.ts";
import type { ClockworkRoute } from "../../../../api/clockwork/route.ts";
import { type Answer, send } from "../served.ts";
import { basic, clockworkUser, keyOf, type ServedClockwork, serveClockwork } from "./served-clockwork.ts";

const test = suite("clockwork credentials");
const routes: ClockworkRoute[] = [{ method: "GET", path: "/who", handle: (ctx, caller) => reply(ctx, caller) }];
let served: ServedClockwork;

test.before.each(async () => {
  served = await serveClockwork(routes, {
    users: [
      clockworkUser("me", { email: "me@x.org" }),
      clockworkUser("colon"),
      clockworkUser("gone", { enabled: false }),
      clockworkUser("keyless", { keys: [] }),
      clockworkUser("unicode", { email: "jürgen@x.org" }),
    ],
  });
});
test.after.each(async () => {
  await served.listener.close(0);
});

const who = (authorization?: string): Promise<Answer> =>
  send(served.port, "GET", "/api/v1/clusters/who", { headers: authorization === undefined ? {} : { authorization } });
const encoded = (text: string): string => Buffer.from(text).toString("base64");
const token = (name: string): string => {
  const user = served.users.get(name);
  if (user === undefined) throw new Error(name);
  return served.tokens.issue(user);
};

test("C-11: e-mail and key as Basic, in UTF-8, the scheme in any case; a key or a token as Bearer", async () => {
  const good = [
    basic("me@x.org", keyOf("me")).authorization,
    `bAsIc ${encoded(`me@x.org:${keyOf("me")}`)}`,
    basic("jürgen@x.org", keyOf("unicode")).authorization,
    `Bearer ${keyOf("me")}`,
    `bearer ${token("me")}`,
    `Bearer ${token("keyless")}`,
  ];
  for (const authorization of good) assert.is((await who(authorization)).status, 200, authorization);
  assert.is((await who(`Bearer ${token("me")}`)).json.email, "me@x.org");
});

test("C-12: everything else is one and the same 401", async () => {
  const bad = [
    undefined,
    "Basic",
    "Basic !!!",
    `Basic ${encoded("me@x.org")}`,
    "Basic bWU",
    `Basic ${Buffer.from([0x6d, 0xff, 0x3a, 0x31]).toString("base64")}`,
    basic("nobody@x.org", keyOf("me")).authorization,
    basic("me@x.org", keyOf("colon")).authorization,
    basic("me@x.org", "").authorization,
    basic("ME@x.org", keyOf("me")).authorization,
    basic("me", keyOf("me")).authorization,
    basic(" me@x.org", keyOf("me")).authorization,
    basic("gone", keyOf("gone")).authorization,
    basic("keyless", "").authorization,
    basic("keyless", "0".repeat(64)).authorization,
    basic("", "").authorization,
    `Bearer ${keyOf("gone")}`,
    "Bearer abc",
    "Bearer a.b.c",
    "Bearer None",
    "Bearer",
    'Digest username="me"',
    keyOf("me"),
    `Basic ${encoded(`me@x.org:${sha256(keyOf("me"))}`)}`,
    `Bearer ${sha256(keyOf("me"))}`,
  ];
  for (const authorization of bad) {
    const answer = await who(authorization);
    assert.equal([answer.status, answer.text], [401, '"Authorization error."\n'], authorization);
    assert.is(answer.headers["www-authenticate"], undefined);
    assert.is(answer.headers["content-type"], "application/json");
  }
  const revoked = token("me");
  served.users.delete("me");
  served.changed();
  assert.is((await who(`Bearer ${revoked}`)).status, 401);
});

test("C-13: a route needs a credential below either prefix", async () => {
  for (const prefix of ["clusters", "cluster"])
    assert.is((await send(served.port, "GET", `/api/v1/${prefix}/who`)).status, 401);
});

test("C-14: what the Secret says of a caller, and what holds where it says nothing", () => {
  const account = (texts: Record<string, string>) => readAccount((key) => texts[key]);
  assert.equal(account({}), { admin: false, enabled: true, keys: [] });
  const key = { id: "k", sha256: "A".repeat(64), created: 5 };
  assert.equal(
    account({
      email: " me@x.org\n",
      cc_account_username: "cc",
      clusters: "a, b,,",
      admin: "true\n",
      nbr_items_per_page: "40",
      status: "disabled",
      clockwork_keys: JSON.stringify([key, { id: 1 }, null, { ...key, sha256: "short" }]),
    }),
    {
      email: "me@x.org",
      ccAccountUsername: "cc",
      clusters: ["a", "b"],
      admin: true,
      pageSize: 40,
      enabled: false,
      keys: [{ ...key, sha256: "a".repeat(64) }],
    },
  );
  assert.equal(account({ clusters: "" }).clusters, []);
  assert.is(account({ status: "suspended" }).enabled, false);
  assert.is(account({ admin: "yes" }).admin, false);
  for (const bad of ["{", "{}", '"x"', "[1]"]) assert.equal(account({ clockwork_keys: bad }).keys, [], bad);
  const { account: mine, ...plain } = clockworkUser("me");
  assert.ok(mine);
  assert.equal(callerOf(plain, "own"), {
    username: "me",
    email: "me",
    ccAccountUsername: null,
    clusters: undefined,
    admin: false,
    pageSize: undefined,
    seesAll: false,
  });
});

test("C-17: everybody sees all jobs where the setting says so, and administrators always do", () => {
  assert.is(callerOf(clockworkUser("me"), "all").seesAll, true);
  assert.is(callerOf(clockworkUser("me", { admin: true }), "own").seesAll, true);
});

test("C-14: of two users with one e-mail the older keeps it; the other is refused and told of once", async () => {
  served.users.set("thief", clockworkUser("thief", { email: "me@x.org" }, "2026-02-01T00:00:00Z"));
  served.users.set("me@x.org", clockworkUser("me@x.org", {}, "2026-02-02T00:00:00Z"));
  served.changed();
  assert.is((await who(basic("me@x.org", keyOf("me")).authorization)).status, 200);
  assert.is((await who(basic("me@x.org", keyOf("thief")).authorization)).status, 401);
  assert.is((await who(`Bearer ${keyOf("thief")}`)).status, 401);
  assert.is((await who(`Bearer ${token("thief")}`)).status, 401);
  served.changed();
  await who(basic("me@x.org", keyOf("me")).authorization);
  const told = served.logLines.filter(({ msg }) => String(msg).includes("same e-mail"));
  assert.equal(told.map(({ user }) => user).sort(), ["me@x.org", "thief"]);
  served.users.delete("me");
  served.changed();
  assert.is((await who(basic("me@x.org", keyOf("thief")).authorization)).status, 200);
});

test("C-15: only the hash of a key is known, and one that an administrator has put there works", async () => {
  const chosen = "a key of another installation";
  served.users.set("me", clockworkUser("me", { keys: [{ id: "old", sha256: sha256(chosen), created: 0 }] }));
  served.changed();
  assert.is((await who(basic("me", chosen).authorization)).status, 200);
  assert.is((await who(basic("me", keyOf("me")).authorization)).status, 401);
});

test("C-16: too many failures of an e-mail from one address shut out that pair, and nobody else", async () => {
  const wrong = basic("me@x.org", "wrong").authorization;
  const statuses: number[] = [];
  for (let n = 0; n < MAX_FAILURES_PER_MINUTE; n++) statuses.push((await who(wrong)).status);
  assert.equal([...new Set(statuses)], [401]);
  const limited = await who(wrong);
  assert.equal([limited.status, limited.text], [429, '"Too many failed attempts."\n']);
  const seconds = Number(limited.headers["retry-after"]);
  assert.ok(seconds >= 1 && seconds <= 60, String(seconds));
  // Also with the right key: which of many guesses is right must not be told.
  assert.is((await who(basic("me@x.org", keyOf("me")).authorization)).status, 429);
  assert.is((await who(basic("colon", keyOf("colon")).authorization)).status, 200);
  assert.is((await who(`Bearer ${keyOf("me")}`)).status, 200);
});

test("C-16: failures without an e-mail shut out no good token and no good key", async () => {
  let last = 0;
  for (let n = 0; n <= MAX_FAILURES_PER_MINUTE; n++) last = (await who(`Bearer guess-${n}`)).status;
  assert.is(last, 429);
  assert.is((await who(`Bearer ${token("me")}`)).status, 200);
  assert.is((await who(basic("me@x.org", keyOf("me")).authorization)).status, 200);
  assert.is((await who()).status, 401);
});

test("C-6, C-15: nothing of a credential is logged, be it good or bad", async () => {
  await who(basic("me@x.org", "a wrong secret").authorization);
  await who(basic("me@x.org", keyOf("me")).authorization);
  const log = JSON.stringify(served.logLines);
  for (const secret of ["a wrong secret", keyOf("me"), sha256(keyOf("me"))]) assert.not.ok(log.includes(secret));
});

test.run();
