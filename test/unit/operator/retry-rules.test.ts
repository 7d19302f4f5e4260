import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { RetryRule, Task, TaskStatus } from "../../../crds/generated/types.ts";
import { failsRun, matchingRule } from "../../../operator/decide/retry-rules.ts";

const rules = suite("retry rules");
const task = (...list: RetryRule[]): Task => ({ name: "a", image: "i", command: ["c"], retryPolicy: { rules: list } });
const failed = (reason: string, exitCode?: number): TaskStatus => ({
  state: "terminated",
  reason,
  ...(exitCode === undefined ? {} : { exitCode }),
});
const onCodes = (operator: "In" | "NotIn", ...values: number[]): RetryRule => ({
  onExitCodes: { operator, values },
  action: "Fail",
});

rules("F-23: reasons are matched as they stand in the record", () => {
  const rule: RetryRule = { onReasons: ["OOMKilled", "Signal"], action: "Fail" };
  assert.equal(matchingRule(task(rule), failed("OOMKilled", 137)), { action: "Fail", number: 1 });
  assert.is(matchingRule(task(rule), failed("Error", 137)), undefined);
});

rules("F-19: `Infrastructure` stands for every loss, and for no failure of the task", () => {
  const rule: RetryRule = { onReasons: ["Infrastructure"], action: "Fail" };
  for (const reason of ["Evicted", "NodeLost", "PodDeleted", "OutOfcpu", "Preempted"])
    assert.is(matchingRule(task(rule), failed(reason))?.number, 1, reason);
  for (const reason of ["Error", "OOMKilled", "Signal", "InvalidImageName"])
    assert.is(matchingRule(task(rule), failed(reason)), undefined, reason);
});

rules(
  "O-144: exit codes are matched in both senses, and say nothing where there is none or the pod was taken away",
  () => {
    assert.is(matchingRule(task(onCodes("In", 3, 4)), failed("Error", 4))?.number, 1);
    assert.is(matchingRule(task(onCodes("In", 3, 4)), failed("Error", 5)), undefined);
    assert.is(matchingRule(task(onCodes("NotIn", 3)), failed("Error", 5))?.number, 1);
    assert.is(matchingRule(task(onCodes("NotIn", 3)), failed("Error")), undefined);
    assert.is(matchingRule(task(onCodes("NotIn", 3)), failed("Evicted", 143)), undefined);
  },
);

rules("O-144: the first rule that fits decides", () => {
  const list = task(onCodes("In", 9), { onReasons: ["Error"], action: "Ignore" }, onCodes("In", 1));
  assert.equal(matchingRule(list, failed("Error", 1)), { action: "Ignore", number: 2 });
});

rules("O-183: a run is failed by the rule that says so, and only by a task that has ended", () => {
  const list = task({ onReasons: ["Error"], action: "FailRun" });
  assert.is(failsRun(list, failed("Error", 1)), true);
  assert.is(failsRun(list, { ...failed("Error", 1), state: "waiting" }), false);
  assert.is(failsRun(list, failed("OOMKilled", 1)), false);
});
rules.run();
