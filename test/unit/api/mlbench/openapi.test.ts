import { suite } from "uvu";
import * as assert from "uvu/assert";
import { mlbenchDocument, operationKeys } from "../../../../api/mlbench/openapi/api-document.ts";
import { MLBENCH_OPERATIONS } from "../../../../api/mlbench/openapi/operations.ts";
import { type MlbenchParts, mlbenchRoutes } from "../../../../api/mlbench/routes.ts";
import { soundOperations } from "../document-rules.ts";

const test = suite("mlbench openapi document");
const EMPTY: unknown = new Proxy({}, { get: () => ({}) });
const routes = mlbenchRoutes(EMPTY as MlbenchParts);

test("M-3: every route of the contract is served, and what is served is described", () => {
  const served = routes.flatMap(operationKeys).sort();
  for (const key of served) assert.ok(key in MLBENCH_OPERATIONS, key);
  for (const [key, { body }] of Object.entries(MLBENCH_OPERATIONS)) {
    assert.ok(served.includes(key), `${key} is described and not served`);
    assert.is(body !== undefined, key.startsWith("post ") && !key.endsWith("/mpi_jobs"), key);
  }
});

test("every reference leads somewhere, and operations can be told apart", () => {
  const ids = soundOperations(mlbenchDocument(routes));
  assert.ok(ids.includes("getApiRunsByKey") && ids.includes("postApiMpiJobs"), ids.join());
});
test.run();
