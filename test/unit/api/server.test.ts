import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ApiError } from "../../../api/errors.ts";
import { healthRoutes } from "../../../api/health.ts";
import type { Route } from "../../../api/route.ts";
import { until } from "../../support/deadline.ts";
import { isProblem, raw, type Served, send, sendJson, serve, user } from "./served.ts";

const test = suite("api server");
const MiB = 1024 * 1024;

function reply(ctx: { body: unknown }, body: object): void {
  ctx.body = body;
}

let looked = 0;
const routes: Route[] = [
  { method: "GET", path: "/v1/things", access: "read", handle: (ctx) => reply(ctx, { query: ctx.query }) },
  {
    method: "POST",
    path: "/v1/things",
    access: "write",
    body: "json",
    handle: (ctx) => {
      looked += 1;
      ctx.body = { got: ctx.request.body };
    },
  },
  { method: "GET", path: "/v1/things/:id", access: "read", handle: (ctx) => reply(ctx, { id: ctx.params.id }) },
  {
    method: "DELETE",
    path: "/v1/things/:id",
    access: "write",
    handle: (ctx) => {
      looked += 1;
      if (ctx.params.id !== "known") throw new ApiError("PipelineUnknown", "unknown");
      ctx.body = {};
    },
  },
  {
    method: "GET",
    path: "/v1/broken",
    access: "read",
    handle: () => {
      throw new Error("the password is hunter2");
    },
  },
];

let served: Served;
let authorization = "";
let missing: string[] = [];
const me = await user("me");

test.before.each(async () => {
  looked = 0;
  missing = [];
  served = await serve(routes, { users: [me], notReady: () => missing });
  authorization = `Bearer ${served.tokens.issue(me)}`;
});
test.after.each(async () => {
  await served.listener.close(0);
});

const json = { "content-type": "application/json" };

test("O-2: success is 200 JSON; security headers and the request's id are there", async () => {
  const answer = await send(served.port, "GET", "/v1/things/a", { headers: { "x-request-id": "mine-1" } });
  assert.is(answer.status, 200);
  assert.is(answer.headers["content-type"], "application/json; charset=utf-8");
  assert.is(answer.headers["x-request-id"], "mine-1");
  assert.is(answer.headers["x-content-type-options"], "nosniff");
  assert.is(answer.headers["strict-transport-security"], undefined);
  const other = await send(served.port, "GET", "/v1/nope", { headers: { "x-request-id": "x\ty {}" } });
  assert.match(String(other.json.instance), /^[0-9a-f-]{36}$/);
});

test("O-4: unknown routes, wrong methods with Allow, websockets", async () => {
  for (const path of [
    "/",
    "/v1",
    "/v2/things",
    "/v1/THINGS",
    "/v1/things/a/b",
    "/v1/../v1/things",
    "//v1/things",
    "/v1/things%2Fa",
  ]) {
    const answer = await send(served.port, "GET", path);
    assert.is(answer.status, 404, path);
    assert.ok(isProblem(answer), path);
  }
  for (const method of ["PUT", "PATCH", "OPTIONS", "PROPFIND", "TRACE"]) {
    const answer = await send(served.port, method, "/v1/things");
    assert.is(answer.status, 405, method);
    assert.is(answer.headers.allow, "GET, HEAD, POST");
    assert.ok(isProblem(answer), method);
  }
  const upgrade = await send(served.port, "GET", "/v1/things", {
    headers: { connection: "Upgrade", upgrade: "websocket" },
  });
  assert.is(upgrade.status, 400);
  assert.ok(isProblem(upgrade));
  assert.is(
    (await send(served.port, "GET", "/v1/things", { headers: { connection: "Upgrade", upgrade: "h2c" } })).status,
    200,
  );
});

test("O-5: the credential is checked before size, media type, syntax and existence", async () => {
  const cases: [string, string, Record<string, string>, string][] = [
    ["POST", "/v1/things", { "content-type": "text/plain" }, "x"],
    ["POST", "/v1/things", json, "{"],
    ["POST", "/v1/things", json, "x".repeat(2 * MiB)],
    ["DELETE", "/v1/things/known", {}, ""],
    ["DELETE", "/v1/things/unknown", {}, ""],
    ["DELETE", "/v1/things/%zz", {}, ""],
  ];
  for (const [method, path, headers, body] of cases) {
    assert.is((await send(served.port, method, path, { headers, body })).status, 401, `${method} ${path}`);
  }
  assert.is(looked, 0);
});

test("O-5, O-6: size before media type, media type before syntax", async () => {
  const post = (headers: Record<string, string>, body: string) =>
    send(served.port, "POST", "/v1/things", { headers: { authorization, ...headers }, body });
  const statuses = [
    await post({ "content-type": "text/plain" }, "x".repeat(MiB + 1)),
    await post(json, "x".repeat(MiB + 1)),
    await post({ ...json, "transfer-encoding": "chunked" }, `"${"x".repeat(MiB)}"`),
    await post({ "content-type": "text/plain" }, "{"),
    await post({}, "{}"),
    await post({ "content-type": "application/x-www-form-urlencoded" }, "a=b"),
    await post({ "content-type": "multipart/form-data; boundary=x" }, "--x--"),
    await post({ ...json, "content-encoding": "zstd" }, "{}"),
    await post(json, "{"),
    await post(json, ""),
    await post(json, '{"a":1}x'),
    await post(json, '{"__proto__":{"polluted":true}}'),
    await post(json, `"${"x".repeat(MiB - 2)}"`),
  ];
  for (const answer of statuses.filter(({ status }) => status !== 200)) assert.ok(isProblem(answer), answer.text);
  assert.equal(
    statuses.map(({ status }) => status),
    [413, 413, 413, 415, 415, 415, 415, 415, 400, 400, 400, 400, 200],
  );
  assert.is(({} as Record<string, unknown>).polluted, undefined);
});

test("a compressed body counts as what it becomes", async () => {
  const { gzipSync } = await import("node:zlib");
  const bomb = gzipSync(Buffer.alloc(20 * MiB, 0x20));
  const headers = { authorization, ...json, "content-encoding": "gzip" };
  const answer = await send(served.port, "POST", "/v1/things", { headers, body: bomb });
  assert.is(answer.status, 413);
  const small = await send(served.port, "POST", "/v1/things", { headers, body: gzipSync('{"a":1}') });
  assert.equal(small.json, { got: { a: 1 } });
});

test("O-6: bodies that come at once are refused where they are too much together, but no small ones", async () => {
  const slow = Array.from({ length: 12 }, () => {
    const socket = connect(served.port, "127.0.0.1");
    socket.on("error", () => undefined);
    const head = ["POST /v1/things HTTP/1.1", "Host: x", `Authorization: ${authorization}`];
    const more = ["Content-Type: application/json", `Content-Length: ${MiB}`, "", '{"a":1'];
    socket.write([...head, ...more].join("\r\n"));
    return socket;
  });
  const post = (bytes: number) =>
    send(served.port, "POST", "/v1/things", { headers: { authorization, ...json }, body: `"${"x".repeat(bytes)}"` });
  const refused = await until(() => post(MiB / 2), 60_000, {
    describe: "all that there is is taken",
    accept: ({ status }) => status !== 200,
  });
  assert.ok(isProblem(refused), refused.text);
  assert.is(refused.status, 503);
  assert.ok(Number(refused.headers["retry-after"]) > 0);
  assert.is((await post(1024)).status, 200, "a small one");
  for (const socket of slow) socket.destroy();
  await until(() => post(MiB / 2), 60_000, { describe: "there is room", accept: ({ status }) => status === 200 });
});

test("deep JSON is read without harm", async () => {
  const answer = await send(served.port, "POST", "/v1/things", {
    headers: { authorization, ...json },
    body: "[".repeat(500_000),
  });
  assert.is(answer.status, 400);
});

test("O-5: an anonymous upload is refused without being read", async () => {
  let sent = 0;
  const answer = await raw(
    served.port,
    "POST /v1/things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1073741824\r\n\r\n",
    (socket) => {
      const chunk = Buffer.alloc(64 * 1024);
      const pump = (): void => {
        while (!socket.destroyed && socket.write(chunk)) sent += chunk.length;
        sent += chunk.length;
      };
      socket.on("drain", pump);
      pump();
    },
  );
  assert.match(answer, /^HTTP\/1\.1 401 /);
  assert.ok(sent < 32 * MiB, `${sent} bytes went out`);
});

test("a small body that was refused leaves the connection usable", async () => {
  const one = "POST /v1/things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 20000\r\n";
  const answer = await raw(served.port, `${one}\r\n${"x".repeat(100)}`, (socket) => {
    socket.once("data", () =>
      socket.write(`${"x".repeat(19_900)}GET /v1/things/second HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`),
    );
  });
  assert.match(answer, /^HTTP\/1\.1 401 /);
  assert.match(answer, '{"id":"second"}');
});

test("O-5: a caller that asks first is told no without sending anything, or asked to go on", async () => {
  const head =
    "POST /v1/things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 7\r\nExpect: 100-continue\r\n";
  const refused = await raw(served.port, `${head}Connection: close\r\n\r\n`);
  assert.match(refused, /^HTTP\/1\.1 401 /);
  const accepted = await raw(
    served.port,
    `${head}Connection: close\r\nAuthorization: ${authorization}\r\n\r\n`,
    (socket) => {
      socket.once("data", () => socket.write('{"a":1}'));
    },
  );
  assert.match(accepted, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /);
});

test("O-4: broken escapes in a path are 400; in a query they are plain text (O-90)", async () => {
  for (const path of ["/v1/things/%zz", "/v1/things/%", "/v1/things/%ff", "/v1/things/%c3%28"]) {
    const answer = await send(served.port, "GET", path);
    assert.is(answer.status, 400, path);
    assert.ok(isProblem(answer));
  }
  assert.equal(
    (await send(served.port, "GET", "/v1/things?q=%&r=%zz&s=a+b&__proto__=x")).json.query,
    JSON.parse('{"q":"%","r":"%zz","s":"a b","__proto__":"x"}'),
  );
});

test("O-3, O-4: a fault of ours says nothing; the log does", async () => {
  const answer = await send(served.port, "GET", "/v1/broken");
  assert.is(answer.status, 500);
  assert.is(answer.json.detail, "internal error");
  assert.ok(isProblem(answer));
  assert.not.match(answer.text, /hunter2|\.ts|\.js/);
  const line = served.logLines.find(({ level }) => level === "error");
  assert.match(String(line?.err), "hunter2");
});

test("O-3: what is not HTTP gets a problem document too", async () => {
  for (const [text, status] of [
    ["nonsense\r\n\r\n", 400],
    [`GET /v1/things HTTP/1.1\r\nHost: x\r\nX: ${"a".repeat(20_000)}\r\n\r\n`, 431],
    ["GET /v1/things HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400],
  ] as const) {
    const answer = await raw(served.port, text);
    assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `));
    const body = JSON.parse(answer.slice(answer.indexOf("\r\n\r\n") + 4)) as Record<string, unknown>;
    assert.is(body.status, status);
    assert.not.ok("message" in body);
  }
});

test("until the caches are filled, requests that need them are told to wait", async () => {
  missing = ["pipelines"];
  const answer = await send(served.port, "GET", "/v1/things");
  assert.is(answer.status, 503);
  assert.ok(Number(answer.headers["retry-after"]) > 0);
  assert.ok(isProblem(answer));
  assert.is((await send(served.port, "PUT", "/v1/things")).status, 405);
});

test("HEAD answers like GET without a body", async () => {
  const answer = await send(served.port, "HEAD", "/v1/things/a");
  assert.equal([answer.status, answer.text], [200, ""]);
});

test("health, readiness and metrics need nothing; a request is counted by its pattern", async () => {
  const health = await serve(healthRoutes(served.registry, () => missing));
  await send(served.port, "GET", "/v1/things/secret-id");
  await send(served.port, "GET", "/v1/other-secret");
  assert.is((await send(health.port, "GET", "/healthz")).status, 200);
  assert.is((await send(health.port, "GET", "/readyz")).status, 200);
  missing = ["pods"];
  const notReady = await send(health.port, "GET", "/readyz");
  assert.equal([notReady.status, notReady.json.errors], [503, [{ path: "pods", detail: "not there yet" }]]);
  const metrics = await send(health.port, "GET", "/metrics");
  assert.match(
    metrics.text,
    /odin_api_http_request_duration_seconds_count\{method="GET",route="\/v1\/things\/:id",code="200"\} 1/,
  );
  assert.match(metrics.text, /route="none",code="404"/);
  assert.not.match(metrics.text, /secret-id|other-secret/);
  await health.listener.close(0);
});

test("stopping lets an answer in progress finish and takes nothing new", async () => {
  let finish: () => void = () => {};
  let begun = false;
  const slow: Route = {
    method: "GET",
    path: "/v1/slow",
    access: "open",
    handle: async (ctx) => {
      begun = true;
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      ctx.body = { done: true };
    },
  };
  const stopping = await serve([slow]);
  const answer = send(stopping.port, "GET", "/v1/slow");
  while (!begun) await sleep(5);
  const closed = stopping.listener.close(60_000);
  const refused = await new Promise<boolean>((resolve) => {
    const socket = connect(stopping.port, "127.0.0.1");
    socket.on("error", () => resolve(true));
    socket.on("connect", () => resolve(false));
  });
  assert.is(refused, true);
  finish();
  assert.equal((await answer).json, { done: true });
  await closed;
});

test("stopping does not wait for ever", async () => {
  let begun = false;
  const handle = (): Promise<void> => {
    begun = true;
    return new Promise(() => {});
  };
  const stopping = await serve([{ method: "GET", path: "/v1/stuck", access: "open", handle }]);
  const answer = send(stopping.port, "GET", "/v1/stuck").catch((error: Error) => error.message);
  while (!begun) await sleep(5);
  await stopping.listener.close(50);
  assert.type(await answer, "string");
});

test("a JSON body that is no object reaches validation, not syntax", async () => {
  for (const body of ['"text"', "1", "null", "[]"]) {
    const answer = await sendJson(served.port, "POST", "/v1/things", JSON.parse(body), { authorization });
    assert.is(answer.status, 200, body);
  }
});

test.run();
