import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ApiError } from "../../../api/errors.ts";
import { queryText } from "../../../api/query.ts";
import type { Route } from "../../../api/route.ts";
import { isProblem, PASSWORD, raw, type Served, send, sendJson, serve, user } from "./served.ts";

const test = suite("what old clients trip over");
const me = await user("me");
let served: Served;
let authorization = "";

const route = (path: string, handle: Route["handle"]): Route => ({ method: "POST", path, access: "write", handle });
const routes: Route[] = [
  route("/v1/crash", () => {
    throw new TypeError("undefined is not a function");
  }),
  route("/v1/half", (ctx) => {
    // A body that cannot be turned into JSON.
    const loop: Record<string, unknown> = {};
    loop.loop = loop;
    ctx.body = loop;
  }),
  route("/v1/forbidden", () => {
    throw new ApiError("Forbidden", "no");
  }),
  {
    method: "GET",
    path: "/v1/search",
    access: "read",
    handle: (ctx) => {
      ctx.body = { q: queryText(ctx.query, "q") };
    },
  },
];

test.before(async () => {
  served = await serve(routes, { users: [me] });
  authorization = `Bearer ${served.tokens.issue(me)}`;
});
test.after(async () => {
  await served.listener.close(0);
});

test("O-241: a crash, a reply that cannot be written and a broken request are answered in JSON: other answers cost the token", async () => {
  for (const path of ["/v1/crash", "/v1/half"]) {
    const answer = await send(served.port, "POST", path, { headers: { authorization } });
    assert.is(answer.status, 500, path);
    assert.ok(isProblem(answer), answer.text);
    assert.is(answer.json.detail, "internal error");
  }
  const broken = await raw(served.port, "POST /v1/crash HTTP/1.1\r\nHost\r\n\r\n");
  assert.match(broken, /^HTTP\/1\.1 400 /);
  assert.is(JSON.parse(broken.slice(broken.indexOf("\r\n\r\n"))).status, 400);
});

test("O-241, O-25: a right that is missing is 403 and asks for no other credential", async () => {
  const answer = await send(served.port, "POST", "/v1/forbidden", { headers: { authorization } });
  assert.is(answer.status, 403);
  assert.is(answer.headers["www-authenticate"], undefined);
  assert.is(answer.json.status, 403);
});

test("O-241, O-21: no error of the login has a message, which a client would keep as its token", async () => {
  const attempts = [
    await sendJson(served.port, "POST", "/v1/auth", { username: "me", password: "wrong password" }),
    await sendJson(served.port, "POST", "/v1/auth", { username: "me" }),
    await send(served.port, "POST", "/v1/auth", { headers: { "content-type": "text/plain" }, body: "x" }),
    await send(served.port, "POST", "/v1/auth", { headers: { "content-type": "application/json" }, body: "{" }),
    await send(served.port, "GET", "/v1/auth"),
    ...(await Promise.all(
      Array.from({ length: 11 }, () => sendJson(served.port, "POST", "/v1/auth", { username: "me", password: "x" })),
    )),
  ];
  assert.ok(attempts.some(({ status }) => status === 429));
  for (const { status, json } of attempts) assert.equal([json.status, json.message], [status, undefined]);
});

test("O-241: what clients put into the address unencoded arrives", async () => {
  const q = async (query: string): Promise<unknown> => (await send(served.port, "GET", `/v1/search?q=${query}`)).json.q;
  assert.is(await q("sst2*"), "sst2*");
  assert.is(await q("a%20b"), "a b");
  assert.is(await q("a+b"), "a b");
  assert.is(await q("nlp/sst2"), "nlp/sst2");
});

test("O-241: a newline after a token is trimmed", async () => {
  const token = authorization.slice("Bearer ".length);
  const basic = (text: string) => `Basic ${Buffer.from(text).toString("base64")}`;
  for (const given of [`Bearer ${token}  `, basic(`me:${token}\n`)]) {
    const answer = await send(served.port, "POST", "/v1/forbidden", { headers: { authorization: given } });
    assert.is(answer.status, 403, given.slice(0, 10));
  }
  // A password is taken as it is.
  const padded = basic(`me:${PASSWORD}\n`);
  const answer = await send(served.port, "POST", "/v1/forbidden", { headers: { authorization: padded } });
  assert.ok([401, 429].includes(answer.status));
});

test.run();
