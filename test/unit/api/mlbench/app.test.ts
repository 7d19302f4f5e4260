import type { RouterContext } from "@koa/router";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { isMlbenchPath } from "../../../../api/mlbench/app.ts";
import { fieldsOf, MAX_BODY_BYTES } from "../../../../api/mlbench/body.ts";
import { ApplicationError } from "../../../../api/mlbench/mlbench-error.ts";
import { formatOf, reply } from "../../../../api/mlbench/reply.ts";
import { rootRoutes } from "../../../../api/mlbench/root-routes.ts";
import type { MlbenchRoute } from "../../../../api/mlbench/route.ts";
import { KubeError } from "../../../../kube/errors.ts";
import { StoreProblem } from "../../../../store/store-problem.ts";
import { type Answer, raw, send } from "../served.ts";
import { type ServedMlbench, serveMlbench } from "./served-mlbench.ts";

const NAMES = ["name", "value", "run_id", "empty"];

/** The fields that were posted. */
function postedOf(ctx: RouterContext): object {
  const fields = fieldsOf(ctx);
  return Object.fromEntries(NAMES.map((name) => [name, fields.raw(name)]));
}

const ROUTES: MlbenchRoute[] = [
  ...rootRoutes(),
  { path: "/pods", methods: { GET: (ctx) => reply(ctx, 200, [{ name: "pöd", b: 1, a: 2 }]) } },
  {
    path: "/metrics",
    methods: { GET: (ctx) => reply(ctx, 200, {}), POST: (ctx) => reply(ctx, 201, postedOf(ctx)) },
    body: { kind: "fields", names: NAMES },
  },
  {
    path: "/metrics/:key",
    formats: ["zip", "csv"],
    methods: { GET: (ctx) => reply(ctx, 200, { key: ctx.params.key, format: formatOf(ctx) }) },
  },
  {
    path: "/runs/:key",
    methods: { GET: (ctx) => reply(ctx, 200, ctx.params.key), DELETE: (ctx) => reply(ctx, 204, undefined) },
  },
  { path: "/runs/:key/events", stream: true, methods: { GET: (ctx) => reply(ctx, 200, "stream") } },
  {
    path: "/broken/:how",
    methods: {
      GET: (ctx) => {
        throw faultOf(String(ctx.params.how));
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
    case "application":
      return new ApplicationError(400, "Pod Name or run id have to be supplied", { data: { a: 1 } });
    default:
      return new Error("the secret inside");
  }
}

let served: ServedMlbench;
const app = suite("everything below /api");

app.before(async () => {
  served = await serveMlbench(ROUTES);
});
app.after(async () => {
  await served.listener.close(0);
});

const ask = (
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body?: string | Buffer,
): Promise<Answer> => send(served.port, method, path, { headers, ...(body === undefined ? {} : { body }) });
const post = (type: string, body: string | Buffer): Promise<Answer> =>
  ask("POST", "/api/metrics/", { "content-type": type }, body);

app("M-3: /api and all below it, except /api/v1", () => {
  for (const path of ["/api", "/api/", "/api?x", "/api/pods", "/api/v1x", "/api/v2/", "http://host/api/pods"]) {
    assert.ok(isMlbenchPath(path), path);
  }
  for (const path of [
    "/",
    "/apis",
    "/v1/jobs",
    "/api/v1",
    "/api/v1/",
    "/api/v1?a",
    "/API/pods",
    "http://host/v1/api",
  ]) {
    assert.not.ok(isMlbenchPath(path), path);
  }
});

app("M-4: with and without its slash, for every method, directly", async () => {
  for (const [method, path, status] of [
    ["GET", "/api", 200],
    ["GET", "/api/pods", 200],
    ["POST", "/api/metrics", 201],
    ["DELETE", "/api/runs/7", 204],
    ["OPTIONS", "/api/runs/7", 200],
    ["PUT", "/api/runs/7", 405],
  ] as const) {
    const bare = await ask(method, path);
    const slashed = await ask(method, `${path}/`);
    assert.is(bare.status, status, `${method} ${path}`);
    assert.equal([slashed.status, slashed.text], [bare.status, bare.text], `${method} ${path}/`);
    assert.is(bare.headers.location, undefined);
  }
  for (const path of ["/api//", "/api/pods//", "/api//pods", "/api/runs//7", "/api/pods/%2F"]) {
    assert.is((await ask("GET", path)).status, 404, path);
  }
});

app("M-5: JSON, forms and multipart, and no body at all", async () => {
  assert.equal((await post("application/json; charset=utf-8", '{"name":"é","__proto__":1}')).text, '{"name":"é"}');
  const list = await post("APPLICATION/JSON", "[1,2]");
  assert.equal([list.status, list.json.message], [400, "The body has to be an object, not a list"]);
  const form = await post("application/x-www-form-urlencoded", "name=a+b%C3%A9&run_id=1&run_id=2&empty=&__proto__=x");
  assert.is(form.text, '{"name":"a bé","run_id":"2","empty":""}');
  const part = (name: string, value: string): string =>
    `--xx\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
  const multipart = await post(
    "multipart/form-data; boundary=xx",
    `${part("name", "á")}${part("value", "1.5")}--xx--\r\n`,
  );
  assert.equal(multipart.json, { name: "á", value: "1.5" });
  for (const headers of [{}, { "content-type": "application/json" }, { "content-type": "text/plain" }]) {
    assert.is((await ask("POST", "/api/metrics/", headers)).text, "{}");
  }
});

app("M-6: compact JSON in UTF-8 with its keys as they are, Vary and Allow", async () => {
  const { headers, text } = await ask("GET", "/api/pods/");
  assert.is(text, '[{"name":"pöd","b":1,"a":2}]');
  assert.is(headers["content-type"], "application/json");
  assert.is(headers.vary, "Accept");
  assert.is(headers.allow, "GET, HEAD, OPTIONS");
  assert.is((await ask("POST", "/api/metrics/")).headers.allow, "GET, POST, HEAD, OPTIONS");
  assert.is((await ask("GET", "/api/runs/1/")).headers.allow, "GET, DELETE, HEAD, OPTIONS");
});

app("M-7: what Accept asks for, §12 row 11 and 28", async () => {
  const json = [
    "*/*",
    "application/*",
    "application/json",
    "text/html",
    "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "image/png, Application/JSON;q=0.1",
    "text/javascript, application/json; indent=4",
    "",
  ];
  for (const accept of json) {
    const { status, headers } = await ask("GET", "/api/pods/", accept === "" ? {} : { accept });
    assert.equal([status, headers["content-type"]], [200, "application/json"], accept);
  }
  for (const accept of [
    "text/javascript",
    "text/javascript;q=0.5, image/png",
    "text/javascript, application/json;q=0",
  ]) {
    const { status, headers, text } = await ask("GET", "/api/pods/", { accept });
    assert.equal([status, headers["content-type"]], [200, "text/javascript"], accept);
    assert.is(text, '[{"name":"pöd","b":1,"a":2}]');
  }
  for (const accept of ["image/png", "application/xml", "text/plain", "application/json;q=0"]) {
    const { status, headers, text } = await ask("GET", "/api/pods/", { accept });
    assert.equal([status, headers["content-type"]], [406, "application/json"], accept);
    assert.is(text, '{"detail":"Could not satisfy the request Accept header."}');
  }
  assert.is((await ask("GET", "/api/runs/1/events/", { accept: "image/png" })).status, 200);
});

app("M-8: formats that are forced by the query or a suffix overrule Accept", async () => {
  const png = { accept: "image/png" };
  for (const path of [
    "/api/pods/?format=json",
    "/api/pods?format=html",
    "/api/pods.json",
    "/api/pods.html",
    "/api/.json",
  ]) {
    const { status, headers } = await ask("GET", path, png);
    assert.equal([status, headers["content-type"]], [200, "application/json"], path);
  }
  assert.is((await ask("GET", "/api/pods/?format=")).status, 200);
  assert.equal((await ask("GET", "/api/metrics/p.zip", png)).json, { key: "p", format: "zip" });
  assert.equal((await ask("GET", "/api/metrics/p/?format=csv", png)).json, { key: "p", format: "csv" });
  assert.equal((await ask("GET", "/api/metrics/p.json?format=zip", png)).json, { key: "p", format: "json" });
  for (const path of [
    "/api/pods/?format=xml",
    "/api/pods.zip",
    "/api/pods/?format=csv",
    "/api/runs/7.csv",
    "/api/pods.json/",
    "/api/metrics/a.b.zip",
    "/api/metrics/a.b/",
    "/api/pods.JSON",
  ]) {
    const { status, text } = await ask("GET", path);
    assert.equal([status, text], [404, '{"detail":"Not found."}'], path);
  }
});

app("M-9: unknown paths and methods", async () => {
  for (const path of ["/api/nothing", "/api/pods/x/", "/api/v1x", "/api/pods/%E0%A4%A", "/api/metrics/a/b"]) {
    const { status, text, headers } = await ask("GET", path);
    assert.equal([status, text], [404, '{"detail":"Not found."}'], path);
    assert.is(headers["content-type"], "application/json");
  }
  for (const [method, path] of [
    ["PUT", "/api/runs/7/"],
    ["PATCH", "/api/pods"],
    ["DELETE", "/api/metrics/7/"],
    ["POST", "/api/pods/"],
    ["PROPFIND", "/api/"],
  ] as const) {
    const { status, json, headers } = await ask(method, path, { accept: "image/png" });
    assert.equal([status, json], [405, { detail: `Method "${method}" not allowed.` }]);
    assert.match(String(headers.allow), "OPTIONS");
  }
});

app("M-9: malformed JSON and other media types", async () => {
  for (const body of ["{", "nonsense", '{"a":NaN}', Buffer.from([0x22, 0xff, 0x22]), "[".repeat(5000)]) {
    const { status, json } = await post("application/json", body);
    assert.is(status, 400);
    assert.equal(Object.keys(json), ["detail"]);
    assert.match(String(json.detail), /^JSON parse error - ./);
  }
  assert.match(
    String((await post("multipart/form-data; boundary=x", "rubbish")).json.detail),
    /^Multipart form parse error/,
  );
  const plain = await post("text/plain", "a");
  assert.equal([plain.status, plain.text], [415, '{"detail":"Unsupported media type \\"text/plain\\" in request."}']);
  const none = await ask("POST", "/api/metrics/", {}, "a");
  assert.equal([none.status, none.json], [415, { detail: 'Unsupported media type "" in request.' }]);
  const packed = { "content-type": "application/json", "content-encoding": "gzip" };
  assert.is((await ask("POST", "/api/metrics/", packed, "a")).status, 415);
  const scalar = await post("application/json", "5");
  assert.equal([scalar.status, scalar.json.status], [400, "Bad Request"]);
});

app("M-9: a body over 8 MiB, declared or counted, §12 row 29", async () => {
  const whole = `"${"x".repeat(MAX_BODY_BYTES - 12)}"`;
  const fits = await post("application/json", `{"name":${whole}}`.slice(0, MAX_BODY_BYTES));
  assert.is(fits.status, 201);
  const large = Buffer.alloc(10 * 1024 * 1024, "x");
  const declared = await post("application/json", large);
  assert.equal([declared.status, declared.text], [413, '{"detail":"Request body too large."}']);
  const head = "POST /api/metrics/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Type: application/json\r\n";
  const counted = await raw(served.port, `${head}Transfer-Encoding: chunked\r\n\r\n`, (socket) => {
    socket.write(`${large.length.toString(16)}\r\n`);
    socket.write(large);
    socket.write("\r\n0\r\n\r\n");
  });
  assert.match(counted, /^HTTP\/1.1 413 /);
  assert.match(counted, '{"detail":"Request body too large."}');
  const asked = await raw(served.port, `${head}Expect: 100-continue\r\nContent-Length: 9000000\r\n\r\n`);
  assert.match(asked, /^HTTP\/1.1 413 /);
});

app("M-9: a head that is too long, or no HTTP, is told in the same form", async () => {
  const { status, json } = await ask("GET", "/api/pods/", { cookie: "c".repeat(20_000) });
  assert.is(status, 431);
  assert.equal(Object.keys(json), ["detail"]);
});

app("M-10: errors of the application, and faults that tell nothing", async () => {
  const { status, text } = await ask("GET", "/api/broken/application");
  assert.equal(
    [status, text],
    [400, '{"status":"Bad Request","message":"Pod Name or run id have to be supplied","data":{"a":1}}'],
  );
  for (const [how, code, phrase] of [
    ["server", 503, "Service Unavailable"],
    ["store", 503, "Service Unavailable"],
    ["unforeseen", 500, "Internal Server Error"],
  ] as const) {
    const answer = await ask("GET", `/api/broken/${how}`, { accept: "text/html" });
    assert.is(answer.status, code);
    assert.equal(Object.keys(answer.json), ["status", "message"]);
    assert.is(answer.json.status, phrase);
    assert.is(answer.headers["content-type"], "application/json");
    assert.not.match(answer.text, /secret|example|refused/);
  }
  assert.ok(served.logLines.some(({ level, msg }) => level === "error" && msg === "request failed"));
});

app("M-11: the root names the lists by the request's own scheme and host", async () => {
  const named = await ask("GET", "/api/", { host: "mlbench.example.org:8080", "x-forwarded-host": "evil.example.org" });
  assert.is(
    named.text,
    '{"pods":"http://mlbench.example.org:8080/api/pods/","runs":"http://mlbench.example.org:8080/api/runs/","metrics":"http://mlbench.example.org:8080/api/metrics/"}',
  );
  const old = await raw(served.port, "GET /api HTTP/1.0\r\n\r\n");
  assert.match(old, `"pods":"http://127.0.0.1:${served.port}/api/pods/"`);
});

app("M-11: HEAD is GET without its body; OPTIONS is 200", async () => {
  const head = await ask("HEAD", "/api/pods");
  const get = await ask("GET", "/api/pods");
  assert.equal([head.status, head.text, head.headers["content-length"]], [200, "", get.headers["content-length"]]);
  assert.is((await ask("HEAD", "/api/nothing")).status, 404);
  const options = await ask("OPTIONS", "/api/metrics/");
  assert.is(options.status, 200);
  assert.is(options.headers.allow, "GET, POST, HEAD, OPTIONS");
  assert.equal(options.json.renders, ["application/json", "text/javascript"]);
});

app("M-60: 503 while the caches are not filled", async () => {
  const starting = await serveMlbench(ROUTES, { notReady: () => ["worker pods"] });
  const { status, json, headers } = await send(starting.port, "GET", "/api/pods/");
  await starting.listener.close(0);
  assert.is(status, 503);
  assert.equal(json, { status: "Service Unavailable", message: "Starting, and still waiting for: worker pods" });
  assert.is(headers["retry-after"], "2");
});
app.run();
