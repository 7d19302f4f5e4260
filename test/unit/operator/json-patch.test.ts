import { suite } from "uvu";
import * as assert from "uvu/assert";
import { difference, type Operation } from "../../../operator/act/json-patch.ts";
import { randomSource } from "../../support/random.ts";

const patch = suite("json patch");
type Json = null | string | number | Json[] | { [key: string]: Json };

/** Applies a patch as RFC 6902 says, as far as `difference` makes use of it. */
function apply(document: Json, steps: readonly Operation[]): Json {
  let root = structuredClone(document);
  for (const { op, path, value } of steps) {
    const keys = path
      .split("/")
      .slice(1)
      .map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));
    const last = keys.pop();
    if (last === undefined) {
      root = structuredClone(value) as Json;
      continue;
    }
    let parent: Json = root;
    for (const key of keys) parent = (parent as { [key: string]: Json })[key] as Json;
    if (Array.isArray(parent)) {
      if (op === "remove") parent.splice(Number(last), 1);
      else if (op === "add")
        parent.splice(last === "-" ? parent.length : Number(last), 0, structuredClone(value) as Json);
      else parent[Number(last)] = structuredClone(value) as Json;
    } else if (op === "remove") {
      assert.ok(Object.hasOwn(parent as object, last), `${path} is removed and was not there`);
      delete (parent as { [key: string]: Json })[last];
    } else {
      (parent as { [key: string]: Json })[last] = structuredClone(value) as Json;
    }
  }
  return root;
}

patch("nothing changed, nothing written", () => {
  assert.equal(difference({ a: [1, { b: 2 }] }, { a: [1, { b: 2 }] }), []);
});

patch("what is undefined is not there, before or after", () => {
  assert.equal(difference({ a: undefined, b: 1 }, { b: 1, c: undefined }), []);
  assert.equal(difference({ a: 1 }, { a: undefined }), [{ op: "remove", path: "/a" }]);
  assert.equal(difference({ a: undefined }, { a: 1 }), [{ op: "add", path: "/a", value: 1 }]);
});

patch("keys with slashes and tildes are escaped", () => {
  assert.equal(difference({}, { "a/b~c": 1 }, "/status"), [{ op: "add", path: "/status/a~1b~0c", value: 1 }]);
});

patch("a ring drops at the front and grows at the end", () => {
  const message = "a message of the usual length, as an event has it";
  const before = { events: [1, 2, 3, 4, 5].map((id) => ({ id: `${id}`, message, count: 1 })) };
  const after = { events: [2, 3, 4, 5, 6].map((id) => ({ id: `${id}`, message, count: id === 3 ? 2 : 1 })) };
  const steps = difference(before, after);
  assert.equal(apply(before, steps), after);
  assert.ok(steps.length <= 3 && !steps.some((step) => step.path === "/events"), JSON.stringify(steps));
});

patch("P-3: the patch for one task of two thousand is as small as for one of ten", () => {
  const status = (size: number, state: string): Json => ({
    tasks: Object.fromEntries(
      Array.from({ length: size }, (_, i) => [
        `t${i}`,
        { state: i === 5 ? state : "waiting", message: "waiting for x" },
      ]),
    ),
  });
  const bytes = (size: number): number =>
    JSON.stringify(difference(status(size, "waiting"), status(size, "executing"))).length;
  assert.is(bytes(2000), bytes(10));
});

patch("random documents: the patch turns one into the other", () => {
  const random = randomSource(6902);
  const value = (depth: number): Json => {
    const kind = depth > 3 ? random.integer(0, 2) : random.integer(0, 5);
    if (kind === 0) return null;
    if (kind === 1) return random.integer(0, 3);
    if (kind === 2) return random.text("ab/~", 0, 3);
    if (kind === 3)
      return Array.from({ length: random.integer(0, 4) }, () => ({
        id: random.text("ab", 1, 1),
        v: random.integer(0, 2),
      }));
    if (kind === 4) return Array.from({ length: random.integer(0, 3) }, () => value(depth + 1));
    return Object.fromEntries(
      Array.from({ length: random.integer(0, 4) }, () => [random.text("abc/~", 1, 2), value(depth + 1)]),
    );
  };
  for (let round = 0; round < 5000; round++) {
    const [before, after] = [value(0), value(0)];
    assert.equal(
      apply(before, difference(before, after)),
      after,
      `round ${round}: ${JSON.stringify({ before, after })}`,
    );
  }
});
patch.run();
