import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Task } from "../../../crds/generated/types.ts";
import { findCycle } from "../../../crds/graph.ts";
import { summary } from "../../../crds/problem.ts";
import { validateDefinition } from "../../../crds/validate.ts";
import { randomSource } from "../../support/random.ts";

const validation = suite("validation");
const task = (name: string, more: Partial<Task> = {}): Task => ({ name, image: "i", command: ["c"], ...more });
const problems = (tasks: Task[], files: Record<string, string> = {}): string =>
  validateDefinition(tasks, files)
    .map((problem) => `${problem.path}: ${problem.detail}`)
    .join("\n");

validation("a good definition has no problems", () => {
  assert.is(problems([]), "");
  assert.is(
    problems([task("a"), task("b", { depends: ["a"], args: ["^a.outputs.x", "$RUN_PATH"] })], { "train.py": "x" }),
    "",
  );
});

validation("O-126: a cycle is named, task by task", () => {
  assert.match(
    problems([task("a", { depends: ["c"] }), task("b", { depends: ["a"] }), task("c", { depends: ["b"] })]),
    "a -> c -> b -> a",
  );
  assert.match(problems([task("a", { depends: ["a"] })]), "a -> a");
  assert.match(problems([task("a", { args: ["^b.x"] }), task("b", { inputs: ["{^a.y}"] })]), "a -> b -> a");
});

validation("O-126: an unknown dependency names both tasks", () => {
  const [problem] = validateDefinition([task("b", { depends: ["nope"] })]);
  assert.equal(problem, { path: "tasks[0].depends", task: "b", detail: 'there is no task "nope" to depend on' });
});

validation("O-146: what is missing or twice is told with its place", () => {
  assert.match(problems([task("a"), task("a")]), "tasks[1].name: another task has the same name");
  assert.match(problems([{ ...task("a"), image: "" }]), "tasks[0].image");
  assert.match(problems([{ ...task("a"), command: [] }]), "tasks[0].command");
  assert.match(problems([task("Not_A_Name")]), "tasks[0].name");
});

validation("O-150: a bad variable is told with its argument", () => {
  assert.match(problems([task("a", { args: ["ok", "$NOPE"] })]), "tasks[0].args[1]: unknown variable $NOPE");
  assert.match(problems([task("a", { env: { X: "$5" } })]), "tasks[0].env.X: stray $");
});

validation("O-141: ODIN_ names are ours", () => {
  assert.match(problems([task("a", { env: { ODIN_TASK_ID: "x" } })]), "tasks[0].env.ODIN_TASK_ID");
});

validation("O-127: mounts name a claim or a declared volume, and one claim for one name", () => {
  assert.match(problems([task("a", { mounts: [{ name: "v", path: "/v" }] })]), "no claim");
  assert.match(
    problems([
      task("a", {
        mounts: [
          { name: "v", path: "/v", claim: "x" },
          { name: "v", path: "/w", claim: "y" },
        ],
      }),
    ]),
    "two claims, x and y",
  );
  assert.match(
    problems([task("a", { mounts: [{ name: "v", path: "/v", claim: "x" }], secrets: [{ name: "s", path: "/v" }] })]),
    "mounted by mounts[0] already",
  );
  assert.is(
    problems([task("a", { mounts: [{ name: "tmp", path: "/t" }], ephemVolumes: [{ name: "tmp", type: "emptyDir" }] })]),
    "",
  );
});

validation("O-11, O-107: file names and sizes", () => {
  for (const name of ["../x", "a/b", ".hidden", "-x", "a:b", "", "x".repeat(256), "a\nb"])
    assert.match(problems([], { [name]: "x" }), "is not a file name", name);
  assert.match(problems([], { big: "x".repeat(900 * 1024 + 1) }), "the most is 921600");
});

validation("O-6: 2,001 tasks are refused, a chain of 2,000 is checked quickly", () => {
  const chain = (length: number): Task[] =>
    Array.from({ length }, (_, i) => task(`t${i}`, i > 0 ? { depends: [`t${i - 1}`] } : {}));
  assert.match(problems(chain(2001)), "2001 tasks");
  assert.is(problems(chain(2000)), "");
});

validation("the summary tells the first problem and how many follow", () => {
  assert.match(
    summary(validateDefinition([task("a", { args: ["$A", "$B"] })])),
    /^task a \(tasks\[0\]\.args\[0\]\): unknown variable \$A.*\(and 1 more\)$/,
  );
});

validation("a random acyclic graph has no cycle, and one back edge makes one", () => {
  const random = randomSource(7);
  for (let round = 0; round < 200; round++) {
    const size = random.integer(2, 40);
    const graph = new Map<string, string[]>();
    for (let i = 0; i < size; i++)
      graph.set(
        `t${i}`,
        Array.from({ length: random.integer(0, Math.min(i, 3)) }, () => `t${random.integer(0, i - 1)}`),
      );
    assert.is(findCycle(graph), undefined, `seed 7 round ${round}`);
    const [from, to] = [random.integer(0, size - 2), size - 1];
    graph.set(`t${to}`, [`t${from}`]);
    graph.set(`t${from}`, [`t${to}`]);
    const cycle = findCycle(graph) ?? [];
    assert.is(cycle[0], cycle.at(-1), `seed 7 round ${round}`);
    for (const [i, name] of cycle.slice(1).entries()) {
      assert.ok(graph.get(cycle[i] ?? "")?.includes(name), cycle.join(" -> "));
    }
  }
});

validation("O-173: what tasks cannot be run as is refused, and so is a number of workers below 1", () => {
  const bad = task("a", { resourceType: "Service" as NonNullable<Task["resourceType"]>, numWorkers: 0 });
  assert.match(problems([bad]), /tasks\[0\]\.resourceType: .*PyTorchJob/);
  assert.match(problems([bad]), /tasks\[0\]\.numWorkers/);
});

validation("a task may not have the name that a controller gives to a pod of another", () => {
  const train = task("train", { resourceType: "PyTorchJob" });
  assert.match(
    problems([train, task("train-master-0")]),
    /a pod of this PyTorchJob would have the name of task train-master-0/,
  );
  assert.is(problems([task("train"), task("train-master-0")]), "");
  assert.is(problems([train, task("train-master"), task("train-master-0x"), task("trainworker-0")]), "");
});
validation.run();
