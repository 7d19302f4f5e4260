import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { RetryPolicy, Task } from "../../../crds/generated/types.ts";
import { checkMainFile } from "../../../crds/main-yml.ts";
import { retryPolicyProblems } from "../../../crds/retry-policy.ts";
import { validateDefinition } from "../../../crds/validate.ts";

const policy = suite("retry policies");
const problems = (retryPolicy: RetryPolicy, resourceType?: "Job"): string[] => {
  const task: Task = { name: "a", image: "i", command: ["c"], retryPolicy };
  const kind = resourceType === undefined ? {} : { resourceType };
  return retryPolicyProblems({ ...task, ...kind }, "tasks[0]").map(({ path, detail }) => `${path}: ${detail}`);
};

policy("O-144: a rule has one condition, wherever it comes from", () => {
  const onExitCodes = { operator: "In" as const, values: [1] };
  for (const rule of [{ action: "Fail" as const }, { onExitCodes, onReasons: ["Error"], action: "Fail" as const }]) {
    assert.match(problems({ rules: [rule] }).join(), "tasks[0].retryPolicy.rules[0]: a rule has either");
    const task: Task = { name: "a", image: "i", command: ["c"], retryPolicy: { rules: [rule] } };
    assert.is(validateDefinition([task]).length, 1);
  }
  assert.equal(problems({ rules: [{ onExitCodes, action: "Fail" }] }), []);
});

policy("O-168: what a Job of Kubernetes has no words for is refused", () => {
  assert.match(problems({ backoff: { seconds: 1 } }, "Job").join(), "has its own pauses");
  const rule = (reason: string): RetryPolicy => ({ rules: [{ onReasons: [reason], action: "Ignore" }] });
  assert.match(problems(rule("OOMKilled"), "Job").join(), "knows only the reason Infrastructure");
  assert.equal(problems(rule("Infrastructure"), "Job"), []);
  assert.equal(problems({ backoff: { seconds: 1 }, ...rule("OOMKilled") }), []);
});

policy("O-121, O-144: main.yml says the same with underscores, and its mistakes are told with their place", () => {
  const file = (rules: string): string => `tasks:
  - name: a
    image: i
    command: c
    infrastructure_retries: 5
    retry_policy:
      backoff: {seconds: 1, max_seconds: 8}
      rules: ${rules}
`;
  const good = checkMainFile(file("{on_exit_codes: {operator: In, values: 75}, action: Ignore}"));
  assert.equal(good.problems, []);
  assert.equal(good.file.tasks[0]?.retryPolicy, {
    backoff: { seconds: 1, maxSeconds: 8 },
    rules: [{ onExitCodes: { operator: "In", values: [75] }, action: "Ignore" }],
  });
  assert.is(good.file.tasks[0]?.infrastructureRetries, 5);
  for (const [rules, expected] of [
    ["[{on_reasons: [OOMKilled]}]", /needs action/],
    ["[{on_reasons: OOMKilled, action: Explode}]", /Explode|action/],
    ["[{on_exit_codes: {operator: In, values: [0]}, action: Fail}]", /values/],
    ["[{action: Fail}]", /either onExitCodes or onReasons/],
  ] as const) {
    const { problems: found } = checkMainFile(file(rules));
    assert.is(found.length, 1, rules);
    assert.match(JSON.stringify(found), expected);
  }
});
policy.run();
