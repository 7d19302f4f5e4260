import * as assert from "uvu/assert";

/** Asserts of an OpenAPI document that every reference in it leads somewhere and that its operations can be told apart; gives the ids of these. */
export function soundOperations(document: Record<string, unknown>): string[] {
  const { paths, components } = document as {
    paths: Record<string, Record<string, { operationId: string }>>;
    components: { schemas: object };
  };
  const names = [...JSON.stringify(document).matchAll(/#\/components\/schemas\/(\w+)/g)].map(([, name]) => name);
  for (const name of names) assert.ok(name !== undefined && name in components.schemas, name);
  const ids = Object.values(paths).flatMap((path) => Object.values(path).map(({ operationId }) => operationId));
  assert.is(new Set(ids).size, ids.length, ids.join());
  return ids;
}
