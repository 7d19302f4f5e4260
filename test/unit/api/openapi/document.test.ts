import { suite } from "uvu";
import * as assert from "uvu/assert";
import { authRoutes } from "../../../../api/auth/routes.ts";
import { type UserParts, userRoutes } from "../../../../api/auth/user-routes.ts";
import { type OdinParts, odinRoutes } from "../../../../api/odin/routes.ts";
import { allOperations, openApiDocument, SECTIONS } from "../../../../api/openapi/document.ts";
import { openApiRoutes } from "../../../../api/openapi/route.ts";
import { DocumentedReplies } from "../../../support/documented-reply.ts";

const replies = new DocumentedReplies();
const test = suite("api openapi document");

interface Operation {
  operationId: string;
  security: object[];
  requestBody?: { required: boolean; content: Record<string, unknown> };
  parameters?: { name: string; in: string }[];
  responses: Record<string, unknown>;
}
const document = openApiDocument() as {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: object };
};
const routes = [
  ...authRoutes(undefined as never, undefined as never),
  ...userRoutes({} as UserParts),
  ...odinRoutes({} as OdinParts),
  ...openApiRoutes(),
].filter(({ path }) => path.startsWith("/v1/"));
const described = Object.entries(document.paths).flatMap(([path, operations]) =>
  Object.keys(operations).map((method) => `${method} ${path}`),
);

test("O-58: it lists exactly the routes that are served", () => {
  const served = routes.map(({ method, path }) => `${method.toLowerCase()} ${path.replace(/:(\w+)/g, "{$1}")}`);
  assert.equal(described.sort(), served.sort());
});

test("it says of each route what the server checks", () => {
  for (const { method, path, access, body } of routes) {
    const operation = document.paths[path.replace(/:(\w+)/g, "{$1}")]?.[method.toLowerCase()];
    assert.ok(operation, path);
    const optional = operation?.security.some((entry) => Object.keys(entry).length === 0);
    const expected = access === "open" ? [0, false] : access === "write" ? [2, false] : [3, true];
    assert.equal([operation?.security.length, optional], expected, path);
    assert.is(operation?.requestBody !== undefined, body !== undefined, path);
    const inPath = operation?.parameters?.filter((parameter) => parameter.in === "path").map(({ name }) => name) ?? [];
    assert.equal(
      inPath,
      [...path.matchAll(/:(\w+)/g)].map(([, name]) => name),
      path,
    );
    assert.ok(operation?.responses[200] && operation.responses[500], path);
  }
});

test("every reference leads somewhere", () => {
  const names = [...JSON.stringify(document).matchAll(/#\/components\/schemas\/(\w+)/g)].map(([, name]) => name);
  assert.ok(names.length > 10);
  for (const name of names) assert.ok(name !== undefined && name in document.components.schemas, name);
});

test("no two sections claim an operation or a schema", () => {
  const sections = Object.values(SECTIONS);
  for (const kind of ["operations", "schemas"] as const) {
    const names = sections.flatMap((section) => Object.keys(section[kind]));
    assert.equal(names.length, new Set(names).size, kind);
  }
});

test("operations can be told apart by their ids", () => {
  const ids = Object.values(document.paths).flatMap((operations) =>
    Object.values(operations).map(({ operationId }) => operationId),
  );
  assert.equal(ids.length, new Set(ids).size);
  assert.ok(ids.includes("getResourcesByIdLogs"), ids.join());
});

test("every operation shows at least one request that succeeds", () => {
  const without = [...allOperations()].filter(
    ([, { examples }]) => !examples.some(({ status = 200 }) => status === 200),
  );
  assert.equal(
    without.map(([key]) => key),
    [],
    "add an example to the operation and what it needs to test/integration/api/examples-world.ts",
  );
});

test("every example's request and reply are of their schemas, and name only parameters that are there", () => {
  for (const [key, { parameters = [], body = {}, reply, examples }] of allOperations()) {
    const known = parameters.map(({ name }) => name);
    const [firstBody = ""] = Object.keys(body);
    const [firstReply = ""] = Object.keys(reply);
    for (const example of examples) {
      const shown = `${key}: ${example.summary}`;
      for (const name of Object.keys(example.parameters ?? {})) assert.ok(known.includes(name), `${shown}: ${name}`);
      const status = example.status ?? 200;
      const type = example.replyType ?? (status === 200 ? firstReply : "application/problem+json");
      const [method = "", path = ""] = key.split(" ");
      const text = type.endsWith("json") ? JSON.stringify(example.reply) : String(example.reply);
      const answer = { status, headers: { "content-type": `${type}; charset=utf-8` }, text };
      assert.is(replies.difference(method.toUpperCase(), path, answer), undefined, shown);
      if (example.body === undefined || status !== 200) continue;
      const media = body[example.bodyType ?? firstBody] as { schema: object } | undefined;
      assert.ok(media, shown);
      assert.is(replies.mismatch(media?.schema ?? {}, example.body), undefined, shown);
    }
  }
});

test("bodies that a fuzzer found to be refused are not of their schemas, and those that are taken are", () => {
  const bodyOf = (key: string): object => {
    const [media] = Object.values(allOperations().get(key)?.body ?? {}) as { schema: object }[];
    return media?.schema ?? {};
  };
  const refused: [string, unknown][] = [
    ["post /v1/pipelines", { pipeline: { job: "" } }],
    ["post /v1/pipelines", { pipeline: { job: "a//b" } }],
    ["post /v1/jobs", { job: { name: "" } }],
    ["post /v1/jobs", { job: { name: ".git" } }],
    ["post /v1/jobs", { job: { name: "a/b/c/d/e/f/g/h/i" } }],
    ["post /v1/users", { user: { username: "ann", password: "" } }],
    ...["", ".x", "-x", "a/b", "a\\b", "a\nb", "a:b"].map((name): [string, unknown] => [
      "put /v1/jobs/{id}",
      { configs: [{ name, content: "" }] },
    ]),
  ];
  for (const [key, body] of refused) assert.ok(replies.mismatch(bodyOf(key), body), `${key} ${JSON.stringify(body)}`);
  const taken: [string, unknown][] = [
    ["post /v1/users", { user: { username: "ann", password: "ann's password" }, more: 42 }],
    ["post /v1/jobs", { job: { name: "team__a_b.c-d/e", more: [] } }],
    ["put /v1/jobs/{id}", { configs: [{ name: "a b_ü.py", content: null }], more: {} }],
  ];
  for (const [key, body] of taken)
    assert.is(replies.mismatch(bodyOf(key), body), undefined, `${key} ${JSON.stringify(body)}`);
  assert.is(document.paths["/v1/jobs/{id}/files/{file}"]?.post?.requestBody?.required, false);
});

test("a reply that has drifted from the document is told", () => {
  const json = (status: number, value: unknown, type = "application/json; charset=utf-8") => ({
    status,
    headers: { "content-type": type },
    text: JSON.stringify(value),
  });
  const list = "/v1/pipelines?q=x";
  assert.is(replies.difference("GET", list, json(200, { pipelines: [] })), undefined);
  assert.match(replies.difference("GET", list, json(200, { pipelines: [{ id: "x" }] })) ?? "", /name/);
  assert.match(replies.difference("GET", list, json(200, { pipelines: [], more: 1 })) ?? "", /additional/);
  assert.match(replies.difference("GET", list, json(418, {})) ?? "", /no such status/);
  assert.match(replies.difference("GET", list, json(200, {}, "text/html")) ?? "", /text\/html/);
  assert.match(replies.difference("GET", list, json(200, { pipelines: [] }, "application/json")) ?? "", /character/);
  assert.match(replies.difference("GET", "/v1/nope", json(200, {})) ?? "", /no operation/);
  const problem = { type: "urn:odin:error:Internal", title: "t", status: 500, detail: "d" };
  const problemType = "application/problem+json; charset=utf-8";
  assert.is(replies.difference("GET", list, json(500, problem, problemType)), undefined);
  assert.match(
    replies.difference("GET", list, json(500, { ...problem, message: "m" }, problemType)) ?? "",
    /additional/,
  );
});

test.run();
