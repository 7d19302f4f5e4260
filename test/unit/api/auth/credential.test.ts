import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";
import jwt from "jsonwebtoken";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Route } from "../../../../api/route.ts";
import { isProblem, PASSWORD, type Served, send, sendJson, serve, TOKENS, user } from "../served.ts";

const test = suite("api credentials");
const whoami: Route = {
  method: "POST",
  path: "/v1/whoami",
  access: "write",
  handle: (ctx) => {
    ctx.body = { user: (ctx.state as { user?: { username: string } }).user?.username };
  },
};
const open: Route = { ...whoami, method: "GET", path: "/v1/open", access: "read" };

let served: Served;
// Hashed once: each takes as long as a login.
const users = await Promise.all(["me", "you"].map(user));

test.before.each(async () => {
  served = await serve([whoami, open], { users });
});
test.after.each(async () => {
  await served.listener.close(0);
});

const call = (authorization: string | undefined, more: Record<string, string> = {}) =>
  send(served.port, "POST", "/v1/whoami", {
    headers: { ...(authorization === undefined ? {} : { authorization }), ...more },
  });
const basic = (text: string): string => `Basic ${Buffer.from(text).toString("base64")}`;
const me = () => {
  const found = served.users.get("me");
  if (found === undefined) throw new Error("the user is there");
  return found;
};
const now = (): number => Math.floor(Date.now() / 1000);
const claims = (more: object = {}): object => ({
  iss: TOKENS.issuer,
  sub: "me",
  iat: now(),
  exp: now() + 100,
  ...more,
});
const signed = (payload: object, secret = TOKENS.secret, algorithm: jwt.Algorithm = "HS256"): string =>
  jwt.sign(payload, secret, { algorithm });

async function refused(authorization: string | undefined, more: Record<string, string> = {}): Promise<void> {
  const answer = await call(authorization, more);
  assert.is(answer.status, 401, authorization);
  assert.is(answer.headers["www-authenticate"], "Bearer");
  assert.ok(isProblem(answer), answer.text);
}

/** What it cost to hash passwords meanwhile, one entry for each: a clock would tell of the machine. */
async function hashesOf(action: () => Promise<void>): Promise<unknown[]> {
  const { scrypt } = crypto;
  const hashes: unknown[] = [];
  crypto.scrypt = ((...args: Parameters<typeof scrypt>) => {
    const [, salt, keyBytes, options] = args;
    hashes.push([Buffer.byteLength(salt as Buffer), keyBytes, options]);
    scrypt(...args);
  }) as typeof scrypt;
  syncBuiltinESMExports();
  try {
    await action();
  } finally {
    crypto.scrypt = scrypt;
    syncBuiltinESMExports();
  }
  return hashes;
}

test("O-20: a login by JSON and by form gives exactly a token that works, whatever Authorization says", async () => {
  const bodies = [
    { type: "application/json", body: JSON.stringify({ username: "me", password: PASSWORD }) },
    { type: "application/x-www-form-urlencoded", body: `username=me&password=${encodeURIComponent(PASSWORD)}` },
  ];
  for (const { type, body } of bodies) {
    const answer = await send(served.port, "POST", "/v1/auth", {
      headers: { "content-type": type, authorization: "Bearer None" },
      body,
    });
    assert.is(answer.status, 200);
    assert.equal(Object.keys(answer.json), ["message"]);
    const token = String(answer.json.message);
    assert.is(token.split(".").length, 3);
    assert.equal((await call(`Bearer ${token}`)).json, { user: "me" });
  }
});

test("O-23: the claims of a token", () => {
  const payload = jwt.verify(served.tokens.issue(me()), TOKENS.secret) as jwt.JwtPayload;
  assert.equal([payload.iss, payload.sub, (payload.exp ?? 0) - (payload.iat ?? 0)], ["com.interactions", "me", 3600]);
});

test("O-21: unknown user and wrong password look alike and cost alike; neither has a message", async () => {
  const tried = async (username: string): Promise<[body: Record<string, unknown>, cost: unknown[]]> => {
    let body: Record<string, unknown> = {};
    const cost = await hashesOf(async () => {
      const answer = await sendJson(served.port, "POST", "/v1/auth", { username, password: "wrong password" });
      assert.is(answer.status, 401);
      assert.ok(isProblem(answer));
      const { instance: _, ...rest } = answer.json;
      body = rest;
    });
    return [body, cost];
  };
  for (let i = 0; i < 3; i++) {
    const [known, unknown] = [await tried("me"), await tried("nobody")];
    assert.equal(known, unknown);
    assert.is(known[1].length, 1);
  }
});

test("O-21: a missing or wrong field is a 422", async () => {
  for (const body of [
    {},
    { username: "me" },
    { username: 1, password: "x" },
    { username: ["me"], password: "x" },
    { username: { $ne: "" }, password: "x" },
    [],
  ]) {
    const answer = await sendJson(served.port, "POST", "/v1/auth", body);
    assert.is(answer.status, 422, JSON.stringify(body));
    assert.ok(isProblem(answer));
  }
});

test("O-22: over ten failures a minute are 429 with Retry-After, even for the right password; others can log in", async () => {
  const login = (username: string, password: string) =>
    sendJson(served.port, "POST", "/v1/auth", { username, password });
  const first = await Promise.all(Array.from({ length: 10 }, () => login("me", "wrong password")));
  assert.equal(
    first.map(({ status }) => status),
    Array(10).fill(401),
  );
  for (const password of ["wrong password", PASSWORD]) {
    const answer = await login("me", password);
    assert.is(answer.status, 429);
    assert.ok(Number(answer.headers["retry-after"]) > 0);
    assert.ok(isProblem(answer));
  }
  assert.is((await call(basic(`me:${PASSWORD}`))).status, 429);
  assert.is((await login("you", PASSWORD)).status, 200);
});

test("O-22: tries at the same time do not slip under the limit; successes do not count", async () => {
  const login = (password: string) => sendJson(served.port, "POST", "/v1/auth", { username: "you", password });
  for (let i = 0; i < 11; i++) assert.is((await login(PASSWORD)).status, 200);
  const statuses = (await Promise.all(Array.from({ length: 20 }, () => login("wrong password")))).map(
    ({ status }) => status,
  );
  assert.is(statuses.filter((status) => status === 401).length, 10);
  assert.is(statuses.filter((status) => status === 429).length, 10);
});

test("O-23: every token that is not exactly right is refused", async () => {
  const good = signed(claims());
  assert.is((await call(`Bearer ${good}`)).status, 200);
  const flipped = `${good.slice(0, -2)}${good.at(-2) === "A" ? "B" : "A"}${good.at(-1)}`;
  const none = `${Buffer.from('{"alg":"none","typ":"JWT"}').toString("base64url")}.${Buffer.from(JSON.stringify(claims())).toString("base64url")}.`;
  const bad: Record<string, string> = {
    "alg none": none,
    "alg none with a signature": `${none}AA`,
    HS512: signed(claims(), TOKENS.secret, "HS512"),
    "another secret": signed(claims(), "x".repeat(40)),
    "another issuer": signed(claims({ iss: "else" })),
    "no issuer": signed({ sub: "me", iat: now(), exp: now() + 100 }),
    expired: signed(claims({ iat: now() - 200, exp: now() - 1 })),
    "no expiry": signed({ iss: TOKENS.issuer, sub: "me", iat: now() }),
    "from the future": signed(claims({ iat: now() + 120, exp: now() + 1000 })),
    "unknown user": signed(claims({ sub: "nobody" })),
    "no user": signed({ iss: TOKENS.issuer, iat: now(), exp: now() + 100 }),
    "user that is an object": signed(claims({ sub: undefined, user: {} })),
    flipped,
  };
  for (const token of Object.values(bad)) await refused(`Bearer ${token}`);
});

test("O-23: a little clock skew is forgiven; an old server's token with the same secret verifies", async () => {
  assert.is((await call(`Bearer ${signed(claims({ iat: now() + 30 }))}`)).status, 200);
});

test("O-23: a token ends with its user, and with a password change", async () => {
  const token = served.tokens.issue(me());
  served.users.set("me", { ...me(), validFrom: now() + 1 });
  await refused(`Bearer ${token}`);
  assert.is((await call(`Bearer ${served.tokens.issue(me())}`)).status, 200);
  served.users.delete("me");
  await refused(`Bearer ${token}`);
});

test("rotation: tokens of the previous secret verify, new ones are signed with the current", async () => {
  const rotated = await serve([whoami], {
    users: [me()],
    tokens: { ...TOKENS, secret: "the next secret, just as long as the other", previousSecret: TOKENS.secret },
  });
  const headers = { authorization: `Bearer ${signed(claims())}` };
  assert.is((await send(rotated.port, "POST", "/v1/whoami", { headers })).status, 200);
  await refused(`Bearer ${rotated.tokens.issue(me())}`);
  await rotated.listener.close(0);
});

test("O-24: Basic with a password, or with a token of that user", async () => {
  assert.equal((await call(basic(`me:${PASSWORD}`))).json, { user: "me" });
  assert.equal((await call(basic(`me:${signed(claims())}`))).json, { user: "me" });
  await refused(basic(`you:${signed(claims())}`));
  await refused(basic("me:wrong password"));
});

test("O-24: Basic is refused when a browser sends it, a token is not", async () => {
  await refused(basic(`me:${PASSWORD}`), { origin: "http://evil.example" });
  await refused(basic(`me:${signed(claims())}`), { origin: "http://evil.example" });
  assert.is((await call(`Bearer ${signed(claims())}`, { origin: "http://here.example" })).status, 200);
});

test("O-24: a remembered pair ends with the password it was checked against", async () => {
  const hashes = await hashesOf(async () => {
    for (let i = 0; i < 20; i++) assert.is((await call(basic(`me:${PASSWORD}`))).status, 200);
  });
  assert.is(hashes.length, 1, "not hashed again");
  assert.is((await hashesOf(() => refused(basic("me:another password")))).length, 1);
  const { passwordHash } = await user("other");
  served.users.set("me", { ...me(), passwordHash: passwordHash.replace(/.{8}$/, "AAAAAAA=") });
  await refused(basic(`me:${PASSWORD}`));
});

test("O-25, O-26: what is no credential is 401", async () => {
  for (const header of [undefined, "Bearer None", "Bearer", "Bearer x", "Basic x", "Digest a", basic("me")])
    await refused(header);
});

test("O-27: on an open GET a bad credential is ignored", async () => {
  assert.is((await send(served.port, "GET", "/v1/open", { headers: { authorization: "Bearer x.y.z" } })).status, 200);
});

test("O-27: under `none` the same GET needs one", async () => {
  const closed = await serve([open], { publicReads: "none", users: [me()] });
  assert.is((await send(closed.port, "GET", "/v1/open")).status, 401);
  const headers = { authorization: `Bearer ${signed(claims())}` };
  assert.is((await send(closed.port, "GET", "/v1/open", { headers })).status, 200);
  await closed.listener.close(0);
});

test("O-15: no log line holds a credential or a query", async () => {
  const token = signed(claims());
  await call(`Bearer ${token}`);
  await sendJson(served.port, "POST", "/v1/auth", { username: "me", password: PASSWORD });
  await send(served.port, "GET", `/v1/open?token=${token}`);
  const text = JSON.stringify(served.logLines);
  assert.ok(served.logLines.length >= 3);
  for (const secret of [token, PASSWORD, "token="]) assert.not.ok(text.includes(secret));
  const line = served.logLines.find(({ path }) => path === "/v1/whoami");
  assert.equal(Object.keys(line ?? {}).sort(), [
    "durationMs",
    "level",
    "method",
    "msg",
    "path",
    "requestId",
    "status",
    "user",
  ]);
});

test.run();
