import { suite } from "uvu";
import * as assert from "uvu/assert";
import { isVestaPath } from "../../../../api/vesta/app.ts";
import { booleanParameter, integerParameter } from "../../../../api/vesta/parameters.ts";
import { replyJson, replyText } from "../../../../api/vesta/reply.ts";
import type { VestaRoute } from "../../../../api/vesta/route.ts";
import { badRequest } from "../../../../api/vesta/vesta-error.ts";
import { KubeError } from "../../../../kube/errors.ts";
import { StoreProblem } from "../../../../store/store-problem.ts";
import { until } from "../../../support/deadline.ts";
import { type Answer, raw, send } from "../served.ts";
import { type ServedVesta, serveVesta } from "./served-vesta.ts";

const ROUTES: VestaRoute[] = [
  { path: "/", guard: "list", methods: { GET: (ctx) => replyText(ctx, "root\n") } },
  { path: "/states", guard: "list", methods: { GET: (ctx) => replyJson(ctx, { query: ctx.querystring }) } },
  {
    path: "/states/:host",
    guard: "list",
    methods: { GET: (ctx) => replyJson(ctx, ctx.params), DELETE: (ctx) => replyJson(ctx, "gone") },
  },
  { path: "/static/:file*", guard: "none", methods: { GET: (ctx) => replyJson(ctx, ctx.params) } },
  {
    path: "/update/host/:id",
    guard: "none",
    alwaysOk: true,
    methods: {
      POST: (ctx) => {
        throw faultOf(String(ctx.params.id));
      },
    },
  },
  {
    path: "/notification/send_notification/slack",
    guard: "list",
    alwaysOk: true,
    methods: {
      POST: () => {
        throw badRequest("field");
      },
    },
  },
];

function faultOf(how: string): unknown {
  switch (how) {
    case "server":
      return new KubeError({ code: 0, reason: "", category: "transient", message: "GET /api: connection refused" });
    case "store":
      return new StoreProblem("unavailable", "no connection to the database at db.example.org");
    case "bad":
      return badRequest("gpu:0: temperature must be an integer");
    default:
      return new Error("the secret inside");
  }
}

const test = suite("vesta: paths, methods and errors");
let served: ServedVesta;
test.before(async () => {
  served = await serveVesta(ROUTES);
});
test.after(async () => {
  await served.listener.close(0);
});
const ask = (method: string, path: string, headers: Record<string, string> = {}): Promise<Answer> =>
  send(served.port, method, path, { headers });

test("V-3: / exactly, and the names that are its own", () => {
  const own = [
    "/",
    "/?term=true",
    "/gpu_table",
    "/gpu_table/?term=1",
    "/states",
    "/states/a/b",
    "/register/?x",
    "/static/a.js",
  ];
  for (const path of [
    ...own,
    "/update/client/ws",
    "/notification/slack/events",
    "http://h/",
    "http://h?term=1",
    "http://h",
  ])
    assert.ok(isVestaPath(path), path);
  for (const path of [
    "//",
    "/x",
    "/v1/jobs",
    "/api/",
    "/statesx",
    "/state",
    "/gpu_tables",
    "/docs",
    "/vesta/openapi.json",
    "*",
  ])
    assert.not(isVestaPath(path), path);
});

test("V-16, section 12, 9: with and without the slash at the end, directly, the query untouched", async () => {
  for (const path of ["/states?a=%41&b", "/states/?a=%41&b"]) {
    const answer = await ask("GET", path);
    assert.equal([answer.status, answer.json], [200, { query: "a=%41&b" }], path);
  }
  for (const path of ["/states/h%201", "/states/h%201/"]) assert.equal((await ask("GET", path)).json, { host: "h 1" });
  assert.equal((await ask("GET", "/static/css/a.css")).json, { file: "css/a.css" });
  assert.is((await ask("GET", "/?x")).text, "root\n");
});

test("V-16, V-20: what is nobody's is not found", async () => {
  const routes = [
    "/states/a/b",
    "/states//",
    "/static",
    "/static/",
    "/register",
    "/update",
    "/update/host",
    "/notification",
  ];
  for (const path of [...routes, "/states/%zz", "/gpu_table", "/update/host/1/2"]) {
    const answer = await ask("GET", path);
    assert.equal(
      [answer.status, answer.json],
      [404, { status: "ERROR", status_code: 404, message: "not found" }],
      path,
    );
    assert.is(answer.headers["content-type"], "application/json; charset=utf-8");
  }
});

test("V-16, section 12, 27: paths that were published by accident are not there", async () => {
  assert.not(isVestaPath("/page_content/1"));
  assert.not(isVestaPath("/table_content/"));
});

test("V-19: other methods are refused with those that there are; HEAD is GET without its body", async () => {
  for (const method of ["PUT", "PATCH", "POST", "DELETE", "PROPFIND"]) {
    const answer = await ask(method, "/states/");
    assert.equal(
      [answer.status, answer.headers.allow, answer.json.status_code],
      [405, "GET, HEAD, OPTIONS", 405],
      method,
    );
  }
  assert.is((await ask("PUT", "/states/a")).headers.allow, "GET, DELETE, HEAD, OPTIONS");
  const options = await ask("OPTIONS", "/states/a/");
  assert.equal([options.status, options.headers.allow, options.text], [204, "GET, DELETE, HEAD, OPTIONS", ""]);
  const head = await ask("HEAD", "/states/a/");
  assert.equal([head.status, head.text, head.headers["content-length"]], [200, "", "12"]);
});

test("V-19: where senders read, every error past the allow-list has HTTP status 200", async () => {
  const post = async (path: string): Promise<[number, unknown]> => {
    const { status, json } = await ask("POST", path);
    return [status, json];
  };
  const error = (code: number, message: string): object => ({ status: "ERROR", status_code: code, message });
  assert.equal(await post("/update/host/bad/"), [200, error(400, "gpu:0: temperature must be an integer")]);
  assert.equal(await post("/update/host/store"), [200, error(503, "the store is out of reach; try again in a moment")]);
  const fault = "something went wrong in the server; its log says what";
  assert.equal(await post("/update/host/other"), [200, error(500, fault)]);
  const wrongMethod = await ask("GET", "/update/host/x");
  assert.equal(
    [wrongMethod.status, wrongMethod.json.status_code, wrongMethod.headers.allow],
    [200, 405, "POST, OPTIONS"],
  );
  assert.equal(await post("/notification/send_notification/slack/"), [200, error(400, "field")]);
});

test("V-19, section 12, 6: elsewhere HTTP says what the body says, and nobody sees what lies behind a fault", async () => {
  const broken = await serveVesta([
    { path: "/states", guard: "none", methods: { GET: () => Promise.reject(faultOf("server")) } },
    { path: "/static/:file", guard: "none", methods: { GET: () => Promise.reject(faultOf("fault")) } },
  ]);
  try {
    const away = await send(broken.port, "GET", "/states/");
    assert.equal([away.status, away.json.status_code, away.headers["retry-after"]], [503, 503, "5"]);
    const fault = await send(broken.port, "GET", "/static/x");
    assert.equal([fault.status, fault.json.status_code], [500, 500]);
    assert.not.match(fault.text, "secret");
    assert.ok(broken.logLines.some(({ level, err }) => level === "error" && String(err).includes("the secret inside")));
  } finally {
    await broken.listener.close(0);
  }
});

test("V-20, V-21: who is not on the list is refused before anything else, also where senders' errors are 200", async () => {
  const closed = await serveVesta(ROUTES, { allow: "10.0.0.1" });
  try {
    for (const [method, path] of [
      ["GET", "/"],
      ["GET", "/states/"],
      ["PUT", "/states/a"],
      ["OPTIONS", "/states/a"],
      ["POST", "/notification/send_notification/slack/"],
    ] as const) {
      const { status, json } = await send(closed.port, method, path);
      assert.equal(
        [status, json],
        [403, { status: "ERROR", status_code: 403, message: "forbidden" }],
        `${method} ${path}`,
      );
    }
    assert.is((await send(closed.port, "GET", "/static/x")).status, 200);
    assert.is((await send(closed.port, "POST", "/update/host/bad")).json.status_code, 400);
    assert.is((await send(closed.port, "GET", "/nothing")).status, 404);
  } finally {
    await closed.listener.close(0);
  }
});

test("V-21: forwarded headers count only from configured proxies", async () => {
  const behind = await serveVesta(ROUTES, { allow: "10.0.0.1", proxies: ["127.0.0.1", "10.9.0.0/16"] });
  try {
    const status = async (port: number, forwarded: string): Promise<number> =>
      (await send(port, "GET", "/", { headers: { "x-forwarded-for": forwarded } })).status;
    assert.is(await status(behind.port, "10.0.0.1"), 200);
    assert.is(await status(behind.port, "10.0.0.1, 10.9.1.2"), 200);
    assert.is(await status(behind.port, "10.0.0.1:4711"), 200);
    // What the caller himself claims stands further left.
    assert.is(await status(behind.port, "10.0.0.1, 10.0.0.2"), 403);
    assert.is(await status(behind.port, "10.0.0.1, nonsense"), 403);
    assert.is(await status(behind.port, ""), 403);
    assert.is(await status(served.port, "10.0.0.99"), 200);
  } finally {
    await behind.listener.close(0);
  }
});

test("V-18: a body of a GET is ignored", async () => {
  const answer = await send(served.port, "GET", "/states/", {
    headers: { "content-type": "x/y", "content-length": "1" },
    body: "{",
  });
  assert.is(answer.status, 200);
});

test("V-17, section 12, 8: booleans and integers of queries", () => {
  for (const value of ["", "false", "False", "FALSE", "0", "no", "No", "off", "OFF"])
    assert.not(booleanParameter({ term: value }, "term"), value);
  for (const value of ["true", "1", "yes", "x", "00", "-0", " ", "nope"])
    assert.ok(booleanParameter({ term: value }, "term"), value);
  assert.not(booleanParameter({}, "term"));
  assert.ok(booleanParameter({ term: ["1", "0"] }, "term"), "the first of several");
  const integer = (value: string): number => integerParameter({ page: value }, "page", 7);
  assert.equal(["3", "-1", "+2", "007", " 4 "].map(integer), [3, -1, 2, 7, 4]);
  assert.equal(["", "x", "1.5", "1e3", "0x1", "--1", "٣"].map(integer), [7, 7, 7, 7, 7, 7, 7]);
  assert.is(integer("9".repeat(400)), Number.MAX_SAFE_INTEGER);
  assert.is(integerParameter({}, "page", 7), 7);
});

test("V-19: a head that is too large is told so in the same form", async () => {
  const answer = await raw(served.port, `GET /states/ HTTP/1.1\r\nHost: h\r\nX: ${"x".repeat(20_000)}\r\n\r\n`);
  assert.match(answer, /^HTTP\/1.1 431 /);
  assert.match(answer, '{"status":"ERROR","status_code":431,"message":"');
});

test("V-23: the id that a machine proves itself with is not in the log, with or without a route for its path", async () => {
  const seen = served.logLines.length;
  for (const path of ["/update/host/5ec4e7", "/update/host/5ec4e7/?token=t0ken", "/update/host/5ec4e7/more"])
    await send(served.port, "POST", path);
  const lines = await until(() => served.logLines.slice(seen).filter(({ msg }) => msg === "request"), 60_000, {
    describe: "three requests are in the log",
    accept: ({ length }) => length === 3,
  });
  assert.equal(
    lines.map(({ path }) => path),
    ["/update/host/…", "/update/host/…/", "/update/host/…/more"],
  );
  assert.not.match(JSON.stringify(served.logLines), /5ec4e7|t0ken/);
});

test("while it starts, requests are told so", async () => {
  const starting = await serveVesta(ROUTES, { notReady: () => ["hosts"] });
  try {
    const answer = await send(starting.port, "GET", "/");
    assert.equal([answer.status, answer.headers["retry-after"]], [503, "2"]);
    assert.match(String(answer.json.message), "hosts");
    const sender = await send(starting.port, "POST", "/update/host/x");
    assert.equal([sender.status, sender.json.status_code], [200, 503]);
  } finally {
    await starting.listener.close(0);
  }
});

test.run();
