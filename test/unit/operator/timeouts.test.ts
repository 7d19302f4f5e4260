import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { PipelineStatus, Task, TaskStatus } from "../../../crds/generated/types.ts";
import { kindFactsOf } from "../../../crds/task-kinds.ts";
import { pendingDeadlineOf, pendingTooLong } from "../../../operator/decide/pending-timeout.ts";
import type { ObservedObject } from "../../../operator/decide/run.ts";
import { isRunOverdue, runDeadlineOf, suspendedMs } from "../../../operator/decide/run-timeout.ts";

const timeouts = suite("timeouts of runs and of pending objects");
const T0 = "2026-01-01T00:00:00.000Z";
const at = (seconds: number): string => new Date(Date.parse(T0) + seconds * 1000).toISOString();
const going = { suspend: false };
const suspendedAt = (seconds: number): NonNullable<PipelineStatus["conditions"]> => [
  { type: "Suspended", status: "True", lastTransitionTime: at(seconds) },
];

timeouts("without a limit, or while suspended, a run has no deadline", () => {
  assert.is(runDeadlineOf({ status: { startTime: T0 } }, {}, going, at(5)), undefined);
  assert.is(runDeadlineOf({ status: { startTime: T0 } }, { timeout: 5 }, { suspend: true }, at(500)), undefined);
  assert.not(isRunOverdue({ status: { startTime: T0 } }, { timeout: 5 }, { suspend: true }, at(500)));
});

timeouts("a run's time counts from when it was taken up, and from now before that is written down", () => {
  assert.is(runDeadlineOf({ status: { startTime: T0 } }, { timeout: 60 }, going, at(5)), Date.parse(at(60)));
  assert.is(runDeadlineOf({}, { timeout: 60 }, going, at(5)), Date.parse(at(65)));
});

timeouts("the time a run was suspended moves its deadline", () => {
  const status: PipelineStatus = { startTime: T0, suspendedSeconds: 10, conditions: suspendedAt(20) };
  assert.is(suspendedMs(status, at(50)), 40_000);
  assert.is(runDeadlineOf({ status }, { timeout: 60 }, going, at(50)), Date.parse(at(100)));
  assert.not(isRunOverdue({ status }, { timeout: 60 }, going, at(99)));
  // Time that is still counted as suspended passes along; once the resumption is written down it no longer does.
  assert.ok(isRunOverdue({ status: { startTime: T0, suspendedSeconds: 40 } }, { timeout: 60 }, going, at(100)));
  assert.is(suspendedMs({ conditions: suspendedAt(20) }, at(10)), 0, "a clock that went back adds nothing");
});

timeouts("a time-out that is written down is not taken back by a suspension", () => {
  const status: PipelineStatus = { startTime: T0, reason: "RunTimeout" };
  assert.ok(isRunOverdue({ status }, { timeout: 60 }, { suspend: true }, at(61)));
});

const task: Task = { name: "a", image: "i", command: ["c"], pendingTimeout: 30 };
const executing: TaskStatus = { state: "executing" };
const object: ObservedObject = {
  resource: kindFactsOf({}).resources[0],
  name: "run--a",
  uid: "u",
  task: "a",
  attempt: 1,
  createdAt: T0,
  phase: "Pending",
  deleting: false,
  gone: false,
};

timeouts("F-21, F-22: pendingTimeout counts from the creation of the object for as long as it is pending", () => {
  assert.is(pendingDeadlineOf(task, executing, object), Date.parse(at(30)));
  assert.is(pendingDeadlineOf(task, executing, { ...object, phase: "Running" }), undefined);
  assert.is(pendingDeadlineOf(task, { state: "terminated" }, object), undefined);
  assert.is(pendingDeadlineOf(task, executing, undefined), undefined);
  assert.is(pendingDeadlineOf({ name: "a", image: "i", command: ["c"] }, executing, object), undefined);
});

timeouts("F-21, F-22: what the object was waiting for is told, within the bound of a message", () => {
  const waiting = { reason: "Unschedulable", message: "x".repeat(500) };
  const { reason, message } = pendingTooLong(task, executing, { ...object, waiting });
  assert.is(reason, "PendingTimeout");
  assert.match(message, "pod did not run within 30s of its creation; last seen: Unschedulable: xxx");
  assert.is(message.length, 200);
  assert.is(pendingTooLong(task, executing, object).message, "pod did not run within 30s of its creation");
  // The kubelet has begun to take the pod away and says nothing of the image any more.
  const told = { ...executing, reason: "ImagePullBackOff", message: "ImagePullBackOff: no such image" };
  assert.match(pendingTooLong(task, told, object).message, "last seen: ImagePullBackOff: no such image");
});
timeouts.run();
