import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { RetryPolicy, Task, TaskStatus } from "../../../crds/generated/types.ts";
import { MAX_MESSAGE } from "../../../crds/limits.ts";
import { retryPauseMs } from "../../../operator/decide/backoff.ts";
import { infrastructurePauseMs } from "../../../operator/decide/infrastructure.ts";
import { jitter } from "../../../operator/decide/jitter.ts";
import { afterFailure } from "../../../operator/decide/retry.ts";

const retry = suite("retries");
const NOW = "2026-01-01T00:00:00.000Z";
const task = (more: Partial<Task> = {}): Task => ({ name: "a", image: "i", command: ["c"], ...more });
const failed = (more: Partial<TaskStatus> = {}): TaskStatus => ({
  state: "terminated",
  reason: "Error",
  message: "Error, exit code 1",
  attempt: 1,
  pod: "r--a",
  completionTime: NOW,
  ...more,
});

function after(what: Task, record: TaskStatus, names: readonly string[] = []): TaskStatus {
  const around = { runUid: "u", now: NOW, retryPauseMs: 10_000, hasTask: (name: string) => names.includes(name) };
  return afterFailure(what, record, around);
}

/** Pauses after the first failures of a task, in seconds. */
function pauses(backoff: NonNullable<RetryPolicy["backoff"]>, count: number): number[] {
  const what = task({ retryPolicy: { backoff } });
  return Array.from({ length: count }, (_, index) => retryPauseMs(what, index + 1, 10_000, `k${index}`) / 1000);
}

retry("O-144: without a policy the pause doubles up to five minutes", () => {
  assert.equal(pauses({}, 7), [10, 20, 40, 80, 160, 300, 300]);
});

retry("O-144: a back-off says where the pauses begin, how they grow and where they end", () => {
  assert.equal(pauses({ seconds: 3, factor: 3, maxSeconds: 30 }, 4), [3, 9, 27, 30]);
  assert.equal(pauses({ seconds: 7, factor: 1 }, 3), [7, 7, 7]);
  assert.equal(pauses({ seconds: 0 }, 3), [0, 0, 0]);
  assert.equal(pauses({ seconds: 600 }, 2), [600, 600]);
});

retry("O-144: jitter stays within its bounds, differs between keys, and is the same for the same key", () => {
  const factors = Array.from({ length: 1000 }, (_, index) => jitter(`run-${index}/task/1`, 25));
  for (const factor of factors) assert.ok(factor >= 0.75 && factor <= 1.25, String(factor));
  const mean = factors.reduce((sum, factor) => sum + factor, 0) / factors.length;
  assert.ok(Math.abs(mean - 1) < 0.02 && new Set(factors).size > 990, `mean ${mean}`);
  assert.is(jitter("x", 25), jitter("x", 25));
  assert.is(jitter("x", 0), 1);
});

retry("F-18, F-19: losses are counted apart, in the record, and have a budget of their own", () => {
  let record = failed({ reason: "Evicted", message: "low on memory" });
  for (const lost of [1, 2, 3]) {
    const next = after(task({ retries: 1 }), record);
    assert.equal([next.state, next.reason, next.lost, next.attempt], ["waiting", "Evicted", lost, lost]);
    assert.match(
      next.message ?? "",
      `attempt ${lost} lost: low on memory; infrastructure retry ${lost} of 3 at 00:00:0`,
    );
    record = { ...failed({ reason: "Evicted", message: "low on memory" }), attempt: lost + 1, lost };
  }
  const last = after(task({ retries: 1 }), record);
  assert.equal([last.state, last.lost], ["terminated", 3]);
  assert.match(last.message ?? "", "no infrastructure retry of 3 left");
  // The retry is still there after three losses.
  const own = after(task({ retries: 1 }), { ...record, reason: "Error" });
  assert.equal([own.state, own.reason], ["waiting", "Retrying"]);
  assert.match(own.message ?? "", "attempt 1 of 2 failed");
});

retry("F-19: the pause after a loss is short and grows to a minute", () => {
  assert.equal([1, 2, 3, 7, 20].map(infrastructurePauseMs), [1_000, 2_000, 4_000, 60_000, 60_000]);
});

retry("F-18: a task says how many losses it takes; none is possible", () => {
  assert.is(after(task({ infrastructureRetries: 0 }), failed({ reason: "PodDeleted" })).state, "terminated");
  const many = failed({ reason: "PodDeleted", attempt: 8, lost: 7 });
  assert.is(after(task({ infrastructureRetries: 8 }), many).lost, 8);
});

retry("O-168: a batch Job counts its own attempts", () => {
  for (const reason of ["Error", "Evicted"]) {
    const record = failed({ reason });
    assert.is(after(task({ resourceType: "Job", retries: 3 }), record), record);
  }
});

retry("O-144: an attempt whose name another task has is not made", () => {
  assert.is(after(task({ retries: 2 }), failed(), ["a-r1"]).state, "terminated");
  assert.is(after(task({ retries: 2 }), failed(), ["a-r2", "b"]).state, "waiting");
  assert.is(after(task(), failed({ reason: "NodeLost" }), ["a-r1"]).state, "terminated");
});

retry("F-21: what can only fail again is tried again for a rule only", () => {
  const record = failed({ reason: "InvalidImageName" });
  assert.is(after(task({ retries: 3 }), record).state, "terminated");
  const asked = task({ retries: 3, retryPolicy: { rules: [{ onReasons: ["InvalidImageName"], action: "Retry" }] } });
  assert.is(after(asked, record).reason, "Retrying");
});

retry("O-144: whatever a message says, what comes next is in it and it stays short", () => {
  const long = failed({ message: "x".repeat(200) });
  const next = after(task({ retries: 1, retryPolicy: { rules: [{ onReasons: ["Error"], action: "Retry" }] } }), long);
  assert.ok((next.message ?? "").length <= MAX_MESSAGE, next.message);
  assert.match(next.message ?? "", /next at 00:00:10Z \(rule 1: Retry\)$/);
  const ended = after(task({ retryPolicy: { rules: [{ onReasons: ["Error"], action: "Fail" }] } }), long);
  assert.ok((ended.message ?? "").length <= MAX_MESSAGE, ended.message);
  assert.match(ended.message ?? "", /\(rule 1: Fail\)$/);
});
retry.run();
