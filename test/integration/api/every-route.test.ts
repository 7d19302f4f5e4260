import { suite } from "uvu";
import * as assert from "uvu/assert";
import { allOperations } from "../../../api/openapi/document.ts";
import type { Operation } from "../../../api/openapi/operation.ts";
import { DocumentedReplies } from "../../support/documented-reply.ts";
import { type Answer, isProblem, raw, send } from "../../unit/api/served.ts";
import { buildExamplesWorld } from "./examples-world.ts";
import { FacadeStage } from "./facade-stage.ts";

const test = suite("every route against bad callers");
const MiB = 1024 * 1024;
const METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"];
const documented = new DocumentedReplies();
let stage: FacadeStage;

test.before(async () => {
  stage = await FacadeStage.open();
  try {
    await buildExamplesWorld(stage);
  } catch (error) {
    console.error(error);
    throw error;
  }
});
test.after(async () => {
  await stage.close();
});

/** An operation with a path that names things that are there. */
interface Target {
  key: string;
  method: string;
  /** As the document has it. */
  template: string;
  path: string;
  operation: Operation;
}

const targets: Target[] = [...allOperations()].map(([key, operation]) => {
  const [method = "", template = ""] = key.split(" ");
  const values = operation.examples[0]?.parameters ?? {};
  const path = template.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(values[name])));
  return { key, method: method.toUpperCase(), template, path, operation };
});
const taking = (mediaType: string): Target[] => targets.filter(({ operation }) => mediaType in (operation.body ?? {}));
const writing = targets.filter(({ operation }) => operation.auth === "always");
const reading = targets.filter(({ method }) => method === "GET");

/** A request with the root user's token; its answer is a problem with that status, as the document says. */
async function refused(
  target: Target,
  status: number | readonly number[],
  options: { path?: string; headers?: Record<string, string>; body?: string; anonymous?: boolean } = {},
): Promise<Answer> {
  const { path = target.path, headers = {}, body, anonymous = false } = options;
  const answer = await send(stage.port, target.method, path, {
    headers: { ...(anonymous ? {} : { authorization: `Bearer ${stage.token}` }), ...headers },
    ...(body === undefined ? {} : { body }),
  });
  const shown = `${target.method} ${path.slice(0, 200)} ${body?.slice(0, 60) ?? ""} -> ${answer.status} ${answer.text.slice(0, 300)}`;
  assert.ok([status].flat().includes(answer.status), shown);
  assert.ok(isProblem(answer), shown);
  assert.is(documented.difference(target.method, path, answer), undefined);
  return answer;
}

test("O-4: any other method is 405, and Allow lists the right ones", async () => {
  const methodsOf = new Map<string, Set<string>>();
  for (const { template, method } of targets) {
    methodsOf.set(template, (methodsOf.get(template) ?? new Set()).add(method));
  }
  for (const target of targets) {
    const right = methodsOf.get(target.template) ?? new Set();
    if (right.has("GET")) right.add("HEAD");
    for (const method of METHODS.filter((one) => !right.has(one))) {
      // Without a credential and with a body that nobody reads: the route and its method come first (O-5).
      const answer = await send(stage.port, method, target.path, { body: method === "PATCH" ? "{" : "" });
      assert.is(answer.status, 405, `${method} ${target.path}`);
      assert.equal(answer.headers.allow?.split(", ").sort(), [...right].sort(), target.path);
      assert.ok(isProblem(answer));
    }
  }
});

test("O-3, O-4: paths that are nearly a route are unknown", async () => {
  for (const { path, template } of targets) {
    const parents = targets.map((other) => new RegExp(`^${other.template.replace(/\{\w+\}/g, "[^/]+")}/?$`));
    const near = [`${path}/more`, path.replace("/v1/", "/V1/"), path.replace("/v1/", "/v2/"), `/${path}`, `${path}%00`];
    for (const other of near.filter((one) => !parents.some((parent) => parent.test(one)))) {
      const answer = await send(stage.port, "GET", other);
      assert.is(answer.status, 404, `${other}, near ${template}`);
      assert.ok(isProblem(answer), other);
    }
  }
});

test("O-4, O-5: a broken percent escape is 400, but 401 for a stranger at a route that writes", async () => {
  const withParameter = targets.filter(({ template }) => template.includes("{"));
  assert.ok(withParameter.length > 5);
  for (const target of withParameter) {
    for (const broken of ["%zz", "%", "%ff", "%c3%28", "a%2"]) {
      const path = target.template.replace(/\{\w+\}/g, broken);
      await refused(target, target.operation.body !== undefined ? [400, 415] : 400, { path });
      if (target.operation.auth === "always") await refused(target, 401, { path, anonymous: true });
    }
  }
});

test("O-3, O-12: hostile texts in the path are 404 or 422, never a fault of ours and never content", async () => {
  const texts = ["..", ".", "%2e%2e", "%2e%2e%2f", "..%2f..%2fetc%2fpasswd", "..__..__etc", "%00", "%0a", "%5c", "*"];
  const more = ["__proto__", "constructor", "-", "--", "'%20OR%201=1", "$(id)", "%F0%9F%92%A9", "a".repeat(4000)];
  for (const target of targets.filter(({ template, method }) => template.includes("{") && method !== "POST")) {
    for (const text of [...texts, ...more]) {
      const path = target.template.replace(/\{\w+\}/g, text);
      await refused(target, [400, 404, 413, 415, 422], { path });
    }
  }
});

test("O-25, O-26: a route that writes answers 401 to everything that is no credential", async () => {
  assert.ok(writing.length > 3);
  const none = [
    "Bearer None",
    "Bearer",
    "Bearer x",
    "Bearer a.b.c",
    "Basic",
    "Basic Og==",
    "Basic eDp5",
    "x".repeat(8000),
  ];
  for (const target of writing) {
    for (const authorization of [undefined, ...none]) {
      const answer = await refused(target, authorization === "Basic eDp5" ? [401, 429] : 401, {
        anonymous: true,
        headers: { "content-type": "text/plain", ...(authorization === undefined ? {} : { authorization }) },
        ...(target.operation.body === undefined ? {} : { body: "{" }),
      });
      if (answer.status === 401) assert.is(answer.headers["www-authenticate"], "Bearer");
    }
  }
});

test("O-5: a gigabyte from a stranger is refused without being read", async () => {
  for (const { method, path, operation } of targets.filter((target) => target.operation.body !== undefined)) {
    const declared = `${method} ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1073741824\r\n\r\n`;
    let sent = 0;
    const answer = await raw(stage.port, declared, (socket) => {
      const chunk = Buffer.alloc(64 * 1024, 0x20);
      const pump = (): void => {
        while (!socket.destroyed && socket.write(chunk)) sent += chunk.length;
        sent += chunk.length;
      };
      socket.on("drain", pump);
      pump();
    });
    assert.match(answer, new RegExp(`^HTTP/1\\.1 ${operation.auth === "always" ? 401 : 413} `), path);
    assert.ok(sent < 32 * MiB, `${method} ${path}: ${sent} bytes went out`);
  }
});

test("O-4, O-5, O-6: bodies that are too large, of another type, or no JSON", async () => {
  const json = { "content-type": "application/json" };
  for (const target of taking("application/json")) {
    await refused(target, 413, { headers: { "content-type": "text/plain" }, body: "x".repeat(MiB + 1) });
    await refused(target, 413, { headers: { ...json, "transfer-encoding": "chunked" }, body: `"${"x".repeat(MiB)}"` });
    for (const type of ["text/plain", "multipart/form-data; boundary=x", "application/jsonx", "x", "*/*"]) {
      await refused(target, 415, { headers: { "content-type": type }, body: "{}" });
    }
    await refused(target, 415, { headers: { ...json, "content-encoding": "zstd" }, body: "{}" });
    for (const body of ["", "{", "{'a':1}", '{"a":1}x', "NaN", "\u0000", '{"a":\u0001}', "[".repeat(200_000)]) {
      await refused(target, 400, { headers: json, body });
    }
  }
});

test("O-3, O-4: JSON that is valid but hostile is refused as invalid: deep, inherited keys, odd types", async () => {
  const headers = { "content-type": "application/json" };
  const deep = (levels: number): string => `${"[".repeat(levels)}${"]".repeat(levels)}`;
  const objects = (levels: number): string => `${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`;
  for (const target of taking("application/json")) {
    for (const body of [
      deep(400_000),
      objects(100_000),
      `{"pipeline":${objects(100_000)},"job":${deep(200_000)}}`,
      `{"pipeline":{"job":"sst2"},"context":${objects(100_000)}}`,
      `{"job":{"tasks":${deep(200_000)}},"tasks":1}`,
      `{"user":${objects(100_000)}}`,
      '{"__proto__":{"username":"x","password":"y","pipeline":{"job":"sst2"}}}',
      '{"constructor":{"prototype":{"job":"sst2"}}}',
      '{"pipeline":{"__proto__":{"job":"sst2"}}}',
      ...["null", "0", "true", '"text"', "[]", "[[]]", "{}", "1e999", '{"":""}'],
    ]) {
      // A change of nothing (`{}`) may be a good request; whatever is answered must be documented, and no fault of ours.
      const answer = await send(stage.port, target.method, target.path, {
        headers: { ...headers, authorization: `Bearer ${stage.token}` },
        body,
      });
      const shown = `${target.key} ${body.slice(0, 60)} -> ${answer.status} ${answer.text.slice(0, 200)}`;
      assert.ok([200, 400, 401, 404, 422].includes(answer.status), shown);
      assert.is(documented.difference(target.method, target.path, answer), undefined);
    }
  }
  assert.is(({} as Record<string, unknown>).job, undefined);
});

test("O-4, O-8: query values that are given twice or are nonsense are 422; names that nobody knows are ignored", async () => {
  for (const target of targets) {
    for (const parameter of target.operation.parameters ?? []) {
      if (parameter.in !== "query") continue;
      const name = String(parameter.name);
      const { type, enum: choices } = parameter.schema as { type: string; enum?: string[] };
      await refused(target, 422, { path: `${target.path}?${name}=1&${name}=2` });
      if (type === "integer") {
        for (const value of ["x", "-1", "1.5", "99999999999", "1e3", "%00"]) {
          await refused(target, 422, { path: `${target.path}?${name}=${value}` });
        }
      }
      if (choices !== undefined) await refused(target, 422, { path: `${target.path}?${name}=maybe` });
    }
  }
  for (const target of reading) {
    const answer = await stage.get(`${target.path}?__proto__=1&constructor=2&q[]=3&%zz=%zz&&&===`);
    assert.is(answer.status, 200, target.path);
  }
});

test("O-2: every read answers 200 to HEAD, without a body", async () => {
  for (const { path } of reading) {
    const answer = await send(stage.port, "HEAD", path);
    assert.equal([answer.status, answer.text], [200, ""], path);
  }
});

test("O-260: an upgrade to websockets is 400 on every route", async () => {
  for (const target of targets) {
    await refused(target, 400, { headers: { connection: "Upgrade", upgrade: "websocket" } });
  }
});

test("a header of 32 KiB is refused, and so are more bytes of headers than anybody needs", async () => {
  const one = await raw(stage.port, `GET /v1/ping HTTP/1.1\r\nHost: x\r\nX-Long: ${"a".repeat(32 * 1024)}\r\n\r\n`);
  assert.match(one, /^HTTP\/1\.1 431 /);
  const lines = Array.from({ length: 2_000 }, (_, index) => `X-${index}: aaaaaaaa\r\n`).join("");
  const many = await raw(stage.port, `GET /v1/ping HTTP/1.1\r\nHost: x\r\n${lines}\r\n`);
  assert.match(many, /^HTTP\/1\.1 431 /);
});

test("C-6, O-3: a head that is far too large, in many packets, is refused in the words of the API that it is for", async () => {
  const bodyOf = (text: string): unknown => JSON.parse(text.slice(text.indexOf("\r\n\r\n") + 4));
  const refusal = (path: string): Promise<string> =>
    raw(stage.port, `GET ${path} HTTP/1.1\r\nHost: x\r\nX-Long: `, (socket) => {
      for (let n = 0; n < 6; n++) setTimeout(() => socket.writable && socket.write("a".repeat(40_000)), 20 * n);
    });
  for (const prefix of ["clusters", "cluster"]) {
    const clockwork = await refusal(`/api/v1/${prefix}/jobs/list`);
    assert.match(clockwork, /^HTTP\/1\.1 431 .*\r\nContent-Type: application\/json\r\n/);
    assert.is(bodyOf(clockwork), "Request header fields too large.");
  }
  const odin = await refusal("/v1/pipelines");
  assert.match(odin, /^HTTP\/1\.1 431 .*\r\nContent-Type: application\/problem\+json/);
  assert.is((bodyOf(odin) as { status: number }).status, 431);
});

const ask = (path: string, more = ""): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;

test("requests sent at once over one connection are answered in order", async () => {
  const numbers = Array.from({ length: 99 }, (_, index) => index);
  const requests = numbers.map((number) => ask(`/v1/pipelines/none-${number}`)).join("");
  const answer = await raw(stage.port, requests + ask("/v1/ping", "Connection: close\r\n"));
  const answered = [...answer.matchAll(/there is no pipeline \\"none-(\d+)\\"/g)].map((match) => Number(match[1]));
  assert.equal(answered, numbers);
  assert.match(answer, /"pong"$/);
});

test("a flood of requests over one connection is cut off", async () => {
  const answer = await raw(stage.port, ask("/v1/pipelines").repeat(5_000));
  assert.ok([...answer.matchAll(/HTTP\/1\.1 200/g)].length <= 100);
  assert.is((await stage.get("/v1/ping")).status, 200);
});

test("O-3: after all of this no fault of ours was logged, and the server works", async () => {
  const faults = stage.logLines.filter(({ level }) => level === "error");
  assert.equal(faults, []);
  assert.is((await stage.get("/readyz")).status, 200);
});

test.run();
