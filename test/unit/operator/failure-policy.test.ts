import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { TaskStatus } from "../../../crds/generated/types.ts";
import { failurePolicyOf, runPolicyProblems } from "../../../crds/run-policy.ts";
import { blockedTasks, mayContinue } from "../../../operator/decide/failure-policy.ts";
import type { TaskView } from "../../../operator/decide/run.ts";
import { randomSource } from "../../support/random.ts";

const policy = suite("failure policies");

const view = (name: string, state: TaskStatus["state"]): TaskView => ({
  task: { name, image: "i", command: ["c"] },
  record: { state },
});

policy("O-146: the run's own words win over the job's, and failFast is the older spelling of FailFast", () => {
  assert.is(failurePolicyOf({}), "Stop");
  assert.is(failurePolicyOf({ failFast: true }), "FailFast");
  assert.is(failurePolicyOf({ failFast: true }, "Continue"), "FailFast");
  assert.is(failurePolicyOf({ failFast: false }, "FailFast"), "Stop");
  assert.is(failurePolicyOf({ failFast: false }, "Continue"), "Continue");
  assert.is(failurePolicyOf({ failurePolicy: "Stop" }, "FailFast"), "Stop");
  assert.is(failurePolicyOf({}, "Continue"), "Continue");
});

policy("O-146: failFast and failurePolicy that say different things are a problem, equal ones are not", () => {
  assert.equal(runPolicyProblems({ failurePolicy: "FailFast" }, "p", true), []);
  assert.equal(runPolicyProblems({ failurePolicy: "Continue" }, "p", false), []);
  assert.is(runPolicyProblems({ failurePolicy: "Continue" }, "p", true)[0]?.path, "p.failurePolicy");
  assert.match(runPolicyProblems({ timeout: 0 }, "p")[0]?.detail ?? "", "is 0; the least is 1");
});

policy("tasks behind a failed one are blocked, directly and through others, and nothing else is", () => {
  const dependencies = new Map([
    ["bad", []],
    ["a", ["bad"]],
    ["b", ["a", "good"]],
    ["good", []],
    ["c", ["good"]],
  ]);
  const tasks = [
    view("bad", "terminated"),
    view("a", "waiting"),
    view("b", "waiting"),
    view("good", "executed"),
    view("c", "waiting"),
  ];
  assert.equal(
    blockedTasks({ dependencies }, tasks),
    new Map([
      ["a", "bad"],
      ["b", "bad"],
    ]),
  );
  assert.ok(mayContinue({ dependencies, failurePolicy: "Continue" }, tasks));
  assert.not(mayContinue({ dependencies, failurePolicy: "Stop" }, tasks));
  tasks[4] = view("c", "executed");
  assert.not(mayContinue({ dependencies, failurePolicy: "Continue" }, tasks), "only blocked tasks are left");
  tasks[4] = view("c", "executing");
  assert.ok(mayContinue({ dependencies, failurePolicy: "Continue" }, tasks), "a task still runs");
});

policy("O-181: over random graphs a task is blocked exactly if some task that it needs has failed", () => {
  const random = randomSource(7);
  const below = (n: number): number => random.integer(0, n - 1);
  for (let round = 0; round < 200; round++) {
    const count = 1 + below(30);
    const dependencies = new Map<string, string[]>();
    const tasks: TaskView[] = [];
    for (let i = 0; i < count; i++) {
      dependencies.set(
        `t${i}`,
        Array.from({ length: Math.min(i, below(3)) }, () => `t${below(i)}`),
      );
      tasks.push(view(`t${i}`, below(5) === 0 ? "terminated" : "waiting"));
    }
    const failed = new Set(tasks.filter(({ record }) => record.state === "terminated").map(({ task }) => task.name));
    const needs = (name: string): boolean =>
      (dependencies.get(name) ?? []).some((other) => failed.has(other) || needs(other));
    const blocked = blockedTasks({ dependencies }, tasks);
    for (const name of dependencies.keys()) assert.is(blocked.has(name), needs(name), `round ${round}, ${name}`);
  }
});
policy.run();
