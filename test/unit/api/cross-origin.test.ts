import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Route } from "../../../api/route.ts";
import { isProblem, type Served, send, serve, user } from "./served.ts";

const test = suite("api calls from web pages");
const OURS = "https://ui.example.org";
const routes: Route[] = [
  {
    method: "GET",
    path: "/v1/things",
    access: "read",
    handle: (ctx) => {
      ctx.body = { things: [] };
    },
  },
  {
    method: "DELETE",
    path: "/v1/things",
    access: "write",
    handle: (ctx) => {
      ctx.body = {};
    },
  },
];
const me = await user("me");
let off: Served;
let on: Served;

test.before(async () => {
  off = await serve(routes, { users: [me] });
  on = await serve(routes, { users: [me], corsOrigins: [OURS, "http://localhost:3000"] });
});
test.after(async () => {
  await Promise.all([off.listener.close(0), on.listener.close(0)]);
});

const PREFLIGHT = { "access-control-request-method": "DELETE", "access-control-request-headers": "authorization" };
const allowances = (headers: object): string[] => Object.keys(headers).filter((name) => /^access-control/.test(name));

test("O-16: CORS is off unless origins are listed", async () => {
  const preflight = await send(off.port, "OPTIONS", "/v1/things", { headers: { origin: OURS, ...PREFLIGHT } });
  assert.is(preflight.status, 405);
  assert.ok(isProblem(preflight));
  const answer = await send(off.port, "GET", "/v1/things", { headers: { origin: OURS } });
  assert.is(answer.status, 200);
  for (const { headers } of [preflight, answer]) assert.equal(allowances(headers), []);
});

test("O-16: a listed origin is told the methods and headers that there are", async () => {
  const { status, headers, text } = await send(on.port, "OPTIONS", "/v1/things", {
    headers: { origin: OURS, ...PREFLIGHT },
  });
  assert.equal([status, text], [204, ""]);
  assert.is(headers["access-control-allow-origin"], OURS);
  assert.is(headers["access-control-allow-methods"], "DELETE,GET,POST");
  assert.is(headers["access-control-allow-headers"], "Authorization,Content-Type,X-Request-Id");
  assert.is(headers["access-control-allow-credentials"], undefined);
  assert.is(headers["access-control-max-age"], "600");
  assert.is(headers.vary, "Origin");
});

test("O-16: pages of a listed origin may read every answer, errors included", async () => {
  const token = on.tokens.issue(me);
  const origin = "http://localhost:3000";
  const answers = [
    await send(on.port, "GET", "/v1/things", { headers: { origin } }),
    await send(on.port, "DELETE", "/v1/things", { headers: { origin, authorization: `Bearer ${token}` } }),
    await send(on.port, "DELETE", "/v1/things", { headers: { origin } }),
    await send(on.port, "GET", "/v1/nothing", { headers: { origin } }),
    await send(on.port, "OPTIONS", "/v1/things", { headers: { origin } }),
  ];
  assert.equal(
    answers.map(({ status }) => status),
    [200, 200, 401, 404, 405],
  );
  for (const { status, headers } of answers.slice(0, 4)) {
    assert.is(headers["access-control-allow-origin"], origin, String(status));
    assert.match(headers["access-control-expose-headers"] ?? "", /X-Total-Count/);
    assert.match(headers.vary ?? "", /Origin/);
  }
});

test("O-16: other origins get the same answers, and nothing that lets a browser hand them on", async () => {
  const others = ["https://evil.example", `${OURS}.evil.example`, "http://ui.example.org", "null", `${OURS}:8443`, ""];
  for (const origin of others) {
    const answer = await send(on.port, "GET", "/v1/things", { headers: { origin } });
    const preflight = await send(on.port, "OPTIONS", "/v1/things", { headers: { origin, ...PREFLIGHT } });
    assert.equal([answer.status, preflight.status], [200, 405], origin);
    for (const { headers } of [answer, preflight]) assert.equal(allowances(headers), [], origin);
    // A cache must not give one origin's answer to another.
    assert.match(answer.headers.vary ?? "", /Origin/);
  }
});

test.run();
