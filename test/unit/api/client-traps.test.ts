import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ApiError } from "../../../api/errors.ts";
import type { Route } from "../../../api/route.ts";
import { isProblem, raw, type Served, send, sendJson, serve, user } from "./served.ts";

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

test.run();
