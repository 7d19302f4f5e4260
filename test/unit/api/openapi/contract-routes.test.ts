import { suite } from "uvu";
import * as assert from "uvu/assert";
import { allOperations } from "../../../../api/openapi/document.ts";

const test = suite("the routes of the contract");

/** Each route with what it asks of its caller: never, by the setting (`reads`) or always a credential. */
const ROUTES: Readonly<Record<string, "never" | "reads" | "always">> = {
  "get /v1/ping": "never",
  "get /v1/app": "never",
  "post /v1/auth": "never",
  "get /v1/users": "reads",
  "get /v1/users/{}": "reads",
  "post /v1/users": "always",
  "put /v1/users/{}": "always",
  "delete /v1/users/{}": "always",
  "get /v1/jobs": "reads",
  "post /v1/jobs": "always",
  "get /v1/jobs/{}": "reads",
  "put /v1/jobs/{}": "always",
  "get /v1/pipelines": "reads",
  "post /v1/pipelines": "always",
  "get /v1/pipelines/{}": "reads",
  "delete /v1/pipelines/{}": "always",
  "get /v1/jobs/{}/files/{}": "reads",
  "post /v1/jobs/{}/files/{}": "always",
  "get /v1/resources/{}/data": "reads",
  "get /v1/resources/{}/events": "reads",
  "get /v1/resources/{}/logs": "reads",
  "get /v1/nodes": "reads",
  "get /v1/openapi.json": "never",
  "post /v1/pipeline": "always",
  "delete /v1/pipeline/{}": "always",
};

test("O-40 to O-59: there are exactly these routes and those that are added, and each asks for a credential as it should", () => {
  const found = Object.fromEntries(
    [...allOperations()].map(([key, { auth }]) => [key.replace(/\{\w+\}/g, "{}"), auth] as const),
  );
  assert.equal(found, { ...ROUTES, ...ADDED });
});

/** Routes that go beyond the contract; no client of it needs them. */
const ADDED: typeof ROUTES = { "put /v1/pipelines/{}": "always" };

/** Which query values and which notable errors each route has. */
const DETAILS: Readonly<Record<string, { query?: string[]; errors: number[] }>> = {
  "post /v1/auth": { errors: [401, 422, 429] },
  "get /v1/users": { query: ["q"], errors: [] },
  "post /v1/users": { errors: [403, 409, 422] },
  "put /v1/users/{}": { errors: [403, 404, 422] },
  "delete /v1/users/{}": { errors: [403, 404, 409] },
  "get /v1/jobs": { query: ["q"], errors: [] },
  "post /v1/jobs": { errors: [409, 422] },
  "get /v1/jobs/{}": { errors: [404] },
  "put /v1/jobs/{}": { errors: [409, 422, 503] },
  "get /v1/pipelines": { query: ["q", "limit"], errors: [] },
  "post /v1/pipelines": { errors: [404, 422] },
  "get /v1/pipelines/{}": { errors: [404] },
  "delete /v1/pipelines/{}": { query: ["db", "fs"], errors: [404] },
  "get /v1/jobs/{}/files/{}": { errors: [404] },
  "post /v1/jobs/{}/files/{}": { errors: [404, 413, 422] },
  "get /v1/resources/{}/data": { errors: [404] },
  "get /v1/resources/{}/events": { errors: [404] },
  "get /v1/resources/{}/logs": { query: ["lines", "container", "follow"], errors: [404] },
};

test("O-4, O-40 to O-59: the query values and the notable errors of each route are documented", () => {
  const operations = new Map(
    [...allOperations()].map(([key, operation]) => [key.replace(/\{\w+\}/g, "{}"), operation]),
  );
  for (const [key, { query = [], errors }] of Object.entries(DETAILS)) {
    const operation = operations.get(key);
    const parameters = (operation?.parameters ?? [])
      .filter((one) => one.in === "query")
      .map(({ name }) => String(name));
    assert.equal(parameters, query, key);
    // 503 is shared by every route that asks Kubernetes or the remote.
    for (const error of errors.filter((status) => status !== 503))
      assert.ok(operation?.errors.includes(error), `${key} ${error}`);
    if (operation?.auth === "always") assert.ok(operation.errors.includes(401), key);
  }
});

test.run();
