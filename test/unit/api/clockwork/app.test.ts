import { suite } from "uvu";
import * as assert from "uvu/assert";
import { isClockworkPath } from "../../../../api/clockwork/app.ts";
import { bodyOf } from "../../../../api/clockwork/body.ts";
import { ClockworkError } from "../../../../api/clockwork/clockwork-error.ts";
import { reply, replyList } from "../../../../api/clockwork/reply.ts";
import { type ClockworkRoute, PREFIXES } from "../../../../api/clockwork/route.ts";
import { StoreProblem } from "../../../../store/store-problem.ts";
import { type Answer, raw, send } from "../served.ts";
import { ask, type ServedClockwork, serveClockwork } from "./served-clockwork.ts";

const test = suite("clockwork app");
let served: ServedClockwork;
let missing: string[] = [];
let ended = 0;

async function* numbers(count: number, failing = Number.POSITIVE_INFINITY): AsyncGenerator<object> {
  try {
    for (let n = 0; n < count; n++) {
      if (n === failing) throw new StoreProblem("unavailable", "the store has gone");
      yield { n, text: "x".repeat(100) };
    }
  } finally {
    ended += 1;
  }
}

const routes: ClockworkRoute[] = [
  { method: "GET", path: "/value", handle: (ctx) => reply(ctx, { b: [{ z: 1, a: null }], a: "ä", gone: undefined }) },
  { method: "GET", path: "/list", handle: (ctx) => replyList(ctx, numbers(10_000)) },
  { method: "GET", path: "/empty", handle: (ctx) => replyList(ctx, []) },
  { method: "GET", path: "/late", handle: (ctx) => replyList(ctx, numbers(100_000, 90_000)) },
  { method: "GET", path: "/early", handle: (ctx) => replyList(ctx, numbers(100, 50)) },
  { method: "GET", path: "/nan", handle: (ctx) => reply(ctx, { n: Number.NaN }) },
  {
    method: "GET",
    path: "/broken",
    handle: () => {
      throw new Error("the password is hunter2");
    },
  },
  {
    method: "GET",
    path: "/refused",
    handle: () => {
      throw new ClockworkError(400, "No.");
    },
  },
  { method: "PUT", path: "/json", body: { kind: "json", names: ["a"] }, handle: (ctx) => reply(ctx, bodyOf(ctx).kind) },
  {
    method: "PUT",
    path: "/fields",
    body: { kind: "fields", names: ["a", "b", "c", "file", "n199999"] },
    handle: (ctx) => {
      const body = bodyOf(ctx);
      if (body.kind === "none") return reply(ctx, body);
      reply(ctx, Object.fromEntries(body.kind === "fields" ? body.fields : body.members));
    },
  },
];

test.before(async () => {
  served = await serveClockwork(routes, { notReady: () => missing });
});
test.after(async () => {
  await served.listener.close(0);
});

/** The answer, if it is an error as C-6 wants it. */
function refused(answer: Answer, status: number, text: string): Answer {
  assert.equal([answer.status, answer.text], [status, `${JSON.stringify(text)}\n`]);
  assert.is(answer.headers["content-type"], "application/json");
  assert.is(answer.headers["www-authenticate"], undefined);
  return answer;
}

test("C-1: both prefixes give the same, everything else below /api/v1 is unknown and never redirected", async () => {
  const [one, other] = await Promise.all(PREFIXES.map((prefix) => ask(served, "GET", `${prefix}/value`)));
  assert.is(one?.status, 200);
  assert.is(one?.text, other?.text);
  for (const path of [
    "/api/v1",
    "/api/v1/",
    "/api/v1/clusters",
    "/api/v1/clusters/",
    "/api/v1/clusters/value/",
    "/api/v1/Clusters/value",
    "/api/V1/clusters/value",
    "/API/v1/clusters/value",
    "/api/v1/clusters//value",
    "/api/v1/clusters/%76alue",
    "/api/v1/clusterss/value",
    "/api/v1/clusters/value%00",
    "/api/v1/%zz",
  ]) {
    refused(await send(served.port, "GET", path), 404, "Not found.");
  }
});

test("C-1: what is below /api/v1 is told from the other paths, however the request names it", () => {
  for (const url of ["/api/v1", "/api/v1/x", "/api/v1?x", "http://h:1/api/v1/clusters", "/API/V1/x"])
    assert.ok(isClockworkPath(url), url);
  for (const url of ["/", "/v1/api/v1", "/api/v10/x", "/api", "/v1/jobs?/api/v1/", "/x?http://h/api/v1/", "*"])
    assert.not.ok(isClockworkPath(url), url);
});

test("C-2: HEAD is GET without the body; OPTIONS needs no credential", async () => {
  const get = await ask(served, "GET", "/api/v1/clusters/value");
  const head = await ask(served, "HEAD", "/api/v1/clusters/value");
  assert.equal([head.status, head.text], [200, ""]);
  assert.is(head.headers["content-length"], get.headers["content-length"]);
  const before = ended;
  const list = await ask(served, "HEAD", "/api/v1/clusters/list");
  assert.equal([list.status, list.text, list.headers["content-type"]], [200, "", "application/json"]);
  assert.is(ended, before + 1, "a list that nobody gets is let go");
  const options = await send(served.port, "OPTIONS", "/api/v1/clusters/value");
  assert.equal([options.status, options.headers.allow], [200, "GET, HEAD, OPTIONS"]);
  for (const { headers } of [get, list, options])
    for (const name of ["etag", "last-modified", "access-control-allow-origin"]) assert.is(headers[name], undefined);
  const conditional = await ask(served, "GET", "/api/v1/clusters/value", {
    headers: {
      "if-none-match": "*",
      "if-modified-since": "Fri, 01 Jan 2100 00:00:00 GMT",
      origin: "https://x.example",
    },
  });
  assert.is(conditional.status, 200);
  assert.is(conditional.headers["access-control-allow-origin"], undefined);
});

test("C-3, C-4, C-5: 200 with exactly application/json, compact, keys sorted, a newline", async () => {
  const answer = await ask(served, "GET", "/api/v1/clusters/value");
  assert.is(answer.status, 200);
  assert.is(answer.headers["content-type"], "application/json");
  assert.is(answer.text, '{"a":"ä","b":[{"a":null,"z":1}]}\n');
  const empty = await ask(served, "GET", "/api/v1/clusters/empty");
  assert.equal([empty.status, empty.text, empty.headers["content-type"]], [200, "[]\n", "application/json"]);
});

test("C-5: a long list is whole; one that breaks off late breaks the connection; one that fails early is an error", async () => {
  const whole = await ask(served, "GET", "/api/v1/cluster/list");
  assert.is((JSON.parse(whole.text) as unknown[]).length, 10_000);
  assert.is(whole.headers["content-type"], "application/json");
  const broken = await ask(served, "GET", "/api/v1/cluster/late").then(
    () => "whole",
    () => "broken",
  );
  assert.is(broken, "broken");
  const early = refused(await ask(served, "GET", "/api/v1/cluster/early"), 503, "Service unavailable.");
  assert.ok(Number(early.headers["retry-after"]) > 0);
});

test("C-6: faults of ours say nothing, and the log has them under the id of the request", async () => {
  for (const path of ["broken", "nan"]) {
    const answer = refused(await ask(served, "GET", `/api/v1/clusters/${path}`), 500, "Internal error.");
    const line = served.logLines.find(
      ({ level, requestId }) => level === "error" && requestId === answer.headers["x-request-id"],
    );
    assert.ok(line, path);
  }
});

test("C-6: unknown paths, other methods, refusals", async () => {
  refused(await send(served.port, "GET", "/api/v1/clusters/nothing"), 404, "Not found.");
  const answer = refused(await send(served.port, "DELETE", "/api/v1/clusters/value"), 405, "Method not allowed.");
  assert.is(answer.headers.allow, "GET, HEAD, OPTIONS");
  refused(await send(served.port, "POST", "/api/v1/clusters/json", { body: "{" }), 405, "Method not allowed.");
  refused(await ask(served, "GET", "/api/v1/clusters/refused"), 400, "No.");
  refused(await send(served.port, "GET", "/api/v1/clusters/value"), 401, "Authorization error.");
});

test("C-6, C-8: until the users are known nobody is refused as a stranger, and path and method come first", async () => {
  missing = ["users"];
  try {
    const answer = refused(await send(served.port, "GET", "/api/v1/clusters/value"), 503, "Service unavailable.");
    assert.ok(Number(answer.headers["retry-after"]) > 0);
    refused(await send(served.port, "GET", "/api/v1/clusters/nothing"), 404, "Not found.");
    refused(await send(served.port, "PUT", "/api/v1/clusters/value"), 405, "Method not allowed.");
  } finally {
    missing = [];
  }
});

const JSON_TYPE = { "content-type": "application/json" };
const MiB = 1024 * 1024;
const padded = (bytes: number): string => `{"a":"${"x".repeat(bytes - 8)}"}`;

test("C-8: credential, then size, then media type, then syntax", async () => {
  const put = (body: string, headers: Record<string, string>): Promise<Answer> =>
    ask(served, "PUT", "/api/v1/clusters/json", { body, headers });
  const large = "x".repeat(4 * MiB + 1);
  refused(await send(served.port, "PUT", "/api/v1/clusters/json", { body: large }), 401, "Authorization error.");
  refused(await put(large, { "content-type": "text/plain" }), 413, "Request body too large: maximum 4194304 bytes.");
  refused(await put("{", { "content-type": "text/plain" }), 400, "Expected a JSON request");
  refused(await put("{", JSON_TYPE), 400, "Malformed JSON body.");
});

test("C-9: 4 MiB are read, a byte more is refused, declared or counted, and what is sent is taken until 16 MiB", async () => {
  const put = (body: string, headers: Record<string, string> = {}): Promise<Answer> =>
    ask(served, "PUT", "/api/v1/clusters/json", { body, headers: { ...JSON_TYPE, ...headers } });
  const text = "Request body too large: maximum 4194304 bytes.";
  const chunked = { "transfer-encoding": "chunked" };
  for (const headers of [{}, chunked]) {
    assert.is((await put(padded(4 * MiB), headers)).status, 200);
    refused(await put(padded(4 * MiB + 1), headers), 413, text);
    refused(await put(padded(15 * MiB), headers), 413, text);
  }
});

test("C-6, C-9: bodies that are no JSON object, that are no UTF-8, or nest too deep", async () => {
  const put = (body: string | Buffer): Promise<Answer> =>
    ask(served, "PUT", "/api/v1/clusters/json", { body, headers: JSON_TYPE });
  const deep = (levels: number): string => `${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`;
  for (const body of [
    "",
    "{",
    "NaN",
    '{"a":NaN}',
    "{'a':1}",
    '{"a":1}x',
    deep(201),
    '{"a":'.repeat(100_000),
    "[".repeat(4 * MiB),
  ])
    refused(await put(body), 400, "Malformed JSON body.");
  refused(await put(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])), 400, "Malformed JSON body.");
  for (const body of ["[]", "1", '"{}"', "null", "true"]) refused(await put(body), 400, "Expected a JSON object.");
  assert.is((await put(deep(200))).status, 200);
  assert.is((await put(`{"a":"${"[".repeat(1000)}\\"${"{".repeat(1000)}"}`)).status, 200);
});

test("C-45: fields of forms, of multipart bodies and of JSON; another type is not read", async () => {
  const put = async (type: string, body: string): Promise<unknown> => {
    const answer = await ask(served, "PUT", "/api/v1/clusters/fields", { body, headers: { "content-type": type } });
    assert.is(answer.status, 200, answer.text);
    return answer.json;
  };
  const form = "application/x-www-form-urlencoded";
  assert.equal(await put(form, "a=1+2&b=%7B%22x%22%3A+1%7D&a=other&&c"), { a: "1 2", b: '{"x": 1}', c: "" });
  assert.equal(await put(`${form}; charset=utf-8`, "a=%C3%A4%zz"), { a: "ä%zz" });
  const part = (name: string, more = "") =>
    `--x\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n1ä\r\n`;
  const multipart = `${part("a")}${part("a")}${part("file", '; filename="f"')}--x--\r\n`;
  assert.equal(await put("multipart/form-data; boundary=x", multipart), { a: "1ä" });
  assert.equal(await put("multipart/form-data; boundary=x", "junk"), { kind: "none" });
  assert.equal(await put("text/plain", "a=1"), { kind: "none" });
  assert.equal(await put("application/json", '{"x":[1, 2], "b" : 12345678901234567890, "a":"\u00e4"}'), {
    a: '"\\u00e4"',
    b: "12345678901234567890",
  });
  const many = Array.from({ length: 200_000 }, (_, n) => `n${n}=1`).join("&");
  assert.equal(await put(form, many), { n199999: "1" });
  assert.equal(await put(form, `${"&".repeat(1_000_000)}%61=1`), { a: "1" });
});

test("C-9: a caller that waits to be asked for its body is refused at once, or asked", async () => {
  const head =
    "PUT /api/v1/clusters/json HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n";
  assert.match(await raw(served.port, `${head}\r\n`), /^HTTP\/1\.1 401 /);
});

test("C-6: a head of more than 16 KiB, whatever is large in it", async () => {
  const text = "Request header fields too large.";
  const path = "/api/v1/clusters/value";
  for (const size of [17_000, 100_000]) {
    for (const head of [
      `GET ${path} HTTP/1.1\r\nHost: x\r\nX: ${"a".repeat(size)}\r\n\r\n`,
      `GET ${path}?x=${"a".repeat(size)} HTTP/1.1\r\nHost: x\r\n\r\n`,
      `GET ${path} HTTP/1.1\r\nHost: x\r\n${"X: a\r\n".repeat(size / 6)}\r\n`,
    ]) {
      const answer = await raw(served.port, head);
      assert.match(answer, /^HTTP\/1\.1 431 /);
      assert.match(answer, /\r\nContent-Type: application\/json\r\n/i);
      assert.is(answer.slice(answer.indexOf("\r\n\r\n") + 4), `${JSON.stringify(text)}\n`);
    }
  }
  const fitting = await ask(served, "GET", `${path}?x=${"a".repeat(16_000)}`);
  assert.is(fitting.status, 200);
});

test.run();
