import { suite } from "uvu";
import * as assert from "uvu/assert";
import { definitionProblems } from "../../../crds/definition-check.ts";
import type { Task } from "../../../crds/generated/types.ts";
import { readSnapshot } from "../../../crds/snapshot.ts";
import { validateDefinition } from "../../../crds/validate.ts";
import { randomSource } from "../../support/random.ts";

const check = suite("definitions from ConfigMaps");

/** Problems of a definition as somebody might have written it into a ConfigMap. */
function problemsOf(definition: object): string {
  const text = JSON.stringify({ tasks: [], files: [], failFast: false, ...definition });
  const read = readSnapshot({ "definition.json": text });
  if (read === undefined) return "no definition";
  return definitionProblems(read)
    .map(({ path, detail }) => `${path}: ${detail}`)
    .join("\n");
}

const GOOD = { name: "a", image: "i", command: ["c"] };

check("O-148: a good definition has no problems", () => {
  assert.is(problemsOf({}), "");
  const everything = { job: "Team/sst2", version: "0".repeat(40), workPath: "/r/x", rootFiles: "odin-root-1" };
  assert.is(problemsOf({ ...everything, files: ["a b.yml"], tasks: [GOOD] }), "");
});

const BAD: [string, object, RegExp][] = [
  ["a task that is no mapping", { tasks: [null] }, /^tasks\[0\]: must be a mapping/],
  ["a task that is a text", { tasks: ["a"] }, /^tasks\[0\]: must be a mapping/],
  ["no name", { tasks: [{ image: "i", command: ["c"] }] }, /^tasks\[0\]\.name: nothing is not a task name/],
  ["args that are a number", { tasks: [{ ...GOOD, args: 5 }] }, /^tasks\[0\]\.args: must be a list/],
  ["an argument that is a list", { tasks: [{ ...GOOD, args: [[]] }] }, /^tasks\[0\]\.args\[0\]: must be a text/],
  ["no command", { tasks: [{ ...GOOD, command: [] }] }, /^tasks\[0\]\.command: must not be empty/],
  [
    "a relative mount",
    { tasks: [{ ...GOOD, secrets: [{ name: "s", path: "x" }] }] },
    /secrets\[0\]\.path: "x" does not/,
  ],
  ["half a GPU", { tasks: [{ ...GOOD, numGpus: 0.5 }] }, /numGpus: must be a whole number/],
  ["less than no GPU", { tasks: [{ ...GOOD, numGpus: -1 }] }, /numGpus: is -1; the least is 0/],
  ["a lot of memory", { tasks: [{ ...GOOD, memory: { limits: "lots" } }] }, /memory\.limits: "lots" is not a quantity/],
  ["an unknown policy", { tasks: [{ ...GOOD, pullPolicy: "Now" }] }, /"Now" is not one of IfNotPresent, Always, Never/],
  ["env with a number", { tasks: [{ ...GOOD, env: { X: 5 } }] }, /env\.X: must be a text/],
  ["a key like a method", { tasks: [{ ...GOOD, env: { constructor: "x", "": "y" } }] }, /"" is not the name/],
  ["a work path that climbs", { workPath: "/data/../etc" }, /^workPath: /],
  ["a work path that is a number", { workPath: 5 }, /^workPath: /],
  ["a work path with an option", { workPath: "/a:rw" }, /^workPath: /],
  ["root files elsewhere", { rootFiles: "../x" }, /^rootFiles: /],
  ["a job outside", { job: "../x" }, /^job: /],
  ["a version with words", { version: "newest" }, /^version: /],
  ["a file outside", { files: ["../x"] }, /is not a file name/],
  ["a file that is an object", { files: [{}] }, /is not a file name/],
  ["a file twice", { files: ["a", "a"] }, /holds a name twice/],
  ["no tasks", { tasks: {} }, /^no definition$/],
];
for (const [what, definition, expected] of BAD) {
  check(`O-148: ${what} is told`, () => assert.match(problemsOf(definition), expected));
}

check("quantities are taken as the API server takes them", () => {
  for (const good of ["1", "500m", "0.5", ".5", "4Gi", "1e3", "12E6", 2, "1.5k"])
    assert.is(problemsOf({ tasks: [{ ...GOOD, cpu: { requests: good } }] }), "", String(good));
  for (const bad of ["", "Gi", "1 Gi", "1GiB", true, null, {}])
    assert.is.not(problemsOf({ tasks: [{ ...GOOD, cpu: { requests: bad } }] }), "", String(bad));
});

check("random values never throw", () => {
  const random = randomSource(148);
  const value = (depth: number): unknown => {
    const leaf = [null, true, -1, 1.5, "", "$", "^a.b", "{^", "x".repeat(70_000), [], {}];
    if (depth === 0) return leaf[random.integer(0, leaf.length - 1)];
    const inner = (): unknown => value(random.integer(0, depth - 1));
    return random.integer(0, 1) === 0 ? [inner(), inner()] : { name: inner(), path: inner(), __proto__: inner() };
  };
  const keys = "name image command args depends mounts secrets configMaps env inputs outputs cpu tolerations".split(
    " ",
  );
  for (let round = 0; round < 2000; round++) {
    const task: Record<string, unknown> = { ...GOOD };
    for (const key of keys) if (random.integer(0, 3) === 0) task[key] = value(3);
    validateDefinition([task as unknown as Task, value(2) as Task]);
  }
});
check.run();
