import { suite } from "uvu";
import * as assert from "uvu/assert";
import { authRoutes } from "../../../../api/auth/routes.ts";
import { type OdinParts, odinRoutes } from "../../../../api/odin/routes.ts";
import { openApiDocument, SECTIONS } from "../../../../api/openapi/document.ts";
import { openApiRoutes } from "../../../../api/openapi/route.ts";

const test = suite("api openapi document");

interface Operation {
  operationId: string;
  security: object[];
  requestBody?: { content: Record<string, unknown> };
  parameters?: { name: string; in: string }[];
  responses: Record<string, unknown>;
}
const document = openApiDocument() as {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: object };
};
const routes = [
  ...authRoutes(undefined as never, undefined as never),
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

test.run();
