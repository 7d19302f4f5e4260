import { suite } from "uvu";
import * as assert from "uvu/assert";
import { operationKeys, vestaDocument } from "../../../../api/vesta/openapi/api-document.ts";
import { VESTA_OPERATIONS } from "../../../../api/vesta/openapi/operations.ts";
import { staticRoute } from "../../../../api/vesta/page/page-routes.ts";
import { type VestaRouteParts, vestaRoutes } from "../../../../api/vesta/routes.ts";
import { type SenderParts, senderRoutes } from "../../../../api/vesta/senders/routes.ts";
import { type SlackRouteParts, slackRoutes } from "../../../../api/vesta/slack/routes.ts";

const test = suite("vesta: OpenAPI document");
const EMPTY: unknown = new Proxy({}, { get: () => ({}) });
const routes = vestaRoutes({
  ...{ settings: {}, pages: {}, hosts: {}, history: {}, formatTime: String, forget: () => undefined },
  others: [...senderRoutes(EMPTY as SenderParts), staticRoute(), ...slackRoutes(EMPTY as SlackRouteParts)],
} as unknown as VestaRouteParts);

test("V-3: every route is described", () => {
  const served = routes.flatMap(operationKeys);
  for (const key of served) assert.ok(key in VESTA_OPERATIONS, key);
  assert.equal(served.sort(), Object.keys(VESTA_OPERATIONS).sort());
  assert.is(new Set(routes.map(({ path }) => path)).size, routes.length, "a path is one route");
});

test("V-21: what the list guards, and what it does not", () => {
  const guarded = routes.filter(({ guard }) => guard === "list").map(({ path }) => path);
  assert.equal(guarded, [
    "/",
    "/gpu_table",
    "/states",
    "/states/:host",
    "/update/client/ws",
    "/notification/send_notification/slack",
  ]);
});

test("every reference leads somewhere, and operations can be told apart", () => {
  const document = vestaDocument(routes) as {
    paths: Record<string, Record<string, { operationId: string; responses: object }>>;
    components: { schemas: object };
  };
  const names = [...JSON.stringify(document).matchAll(/#\/components\/schemas\/(\w+)/g)].map(([, name]) => name);
  for (const name of names) assert.ok(name !== undefined && name in document.components.schemas, name);
  const ids = Object.values(document.paths).flatMap((path) =>
    Object.values(path).map(({ operationId }) => operationId),
  );
  assert.is(new Set(ids).size, ids.length);
  assert.ok(ids.includes("getRoot") && ids.includes("getStatesByHost"), ids.join());
  // Senders' errors have status 200 (V-19).
  assert.equal(Object.keys(document.paths["/register"]?.get?.responses ?? {}), ["200"]);
});

test("V-28: a number that is too large to be told exactly is none, nor is a count below 0, for the document as for the server", () => {
  const { components } = vestaDocument(routes) as unknown as {
    components: { schemas: Record<string, { properties: Record<string, { anyOf: Record<string, unknown>[] }> }> };
  };
  const texts = ["12", " -7 ", "+7", "9".repeat(16), "x", ""];
  for (const [name, minimum, taken] of [
    ["temperature", -Number.MAX_SAFE_INTEGER, [true, true, true, false, false, false]],
    ["used_memory", 0, [true, false, true, false, false, false]],
  ] as const) {
    const [number, text] = components.schemas.SentGpu?.properties[name]?.anyOf ?? [];
    assert.equal([number?.minimum, number?.maximum], [minimum, Number.MAX_SAFE_INTEGER]);
    const pattern = new RegExp(String(text?.pattern));
    assert.equal(
      texts.map((one) => pattern.test(one)),
      taken,
    );
  }
});

test("V-28, V-64: where a body is described it is needed, as the server sees it", () => {
  const { paths } = vestaDocument(routes) as {
    paths: Record<string, Record<string, { requestBody?: { required?: boolean } }>>;
  };
  const bodies = Object.values(paths).flatMap((path) =>
    Object.values(path).flatMap(({ requestBody }) => requestBody ?? []),
  );
  assert.ok(bodies.length >= 3);
  for (const { required } of bodies) assert.is(required, true);
});

test.run();
