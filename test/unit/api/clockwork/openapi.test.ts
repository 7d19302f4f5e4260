import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CLOCKWORK_OPERATIONS, clockworkDocument, operationKey } from "../../../../api/clockwork/api-document.ts";
import { type ClockworkParts, clockworkRoutes } from "../../../../api/clockwork/routes.ts";
import { soundOperations } from "../document-rules.ts";

const test = suite("clockwork openapi document");
const PARTS = {
  jobs: { timeZone: "UTC" },
  keys: {},
  userData: {},
  nodes: {},
  gpus: {},
} as unknown as ClockworkParts;
const routes = clockworkRoutes(PARTS);

/** The routes of C-20 to C-30, in their order. */
const CONTRACT = [
  ...["GET /jobs/list", "GET /jobs/one", "PUT /jobs/user_dict_update"],
  ...["GET /jobs/user_props/get", "PUT /jobs/user_props/set", "PUT /jobs/user_props/delete"],
  ...["GET /nodes/list", "GET /nodes/one", "GET /nodes/one/gpu", "GET /node/one", "GET /gpu/one", "GET /gpu/list"],
];

test("C-20 to C-30: every route is served, and what is served is described, with the body that it reads", () => {
  for (const route of CONTRACT)
    assert.ok(
      routes.some(({ method, path }) => `${method} ${path}` === route),
      route,
    );
  for (const route of routes) {
    const operation = CLOCKWORK_OPERATIONS[operationKey(route)];
    assert.ok(operation, operationKey(route));
    assert.is(operation?.body !== undefined, route.body !== undefined, route.path);
    assert.is(operation?.odinOnly === true, route.credential === "odin", route.path);
  }
});

test("every reference leads somewhere, and operations can be told apart", () => {
  const ids = soundOperations(clockworkDocument(routes));
  assert.is(ids.length, routes.length);
  assert.ok(ids.includes("getJobsList") && ids.includes("deleteKeysById"), ids.join());
});

test.run();
