import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Pipeline, TaskStatus } from "../../../crds/generated/types.ts";
import { POD } from "../../../kube/core-resources.ts";
import { lingeringObjects } from "../../../operator/decide/lingering.ts";
import type { ObservedObject } from "../../../operator/decide/run.ts";

const lingering = suite("pods that outlive their task");
const pod = (more: Partial<ObservedObject> = {}): ObservedObject => ({
  resource: POD,
  name: "r--a",
  uid: "u",
  task: "a",
  attempt: 1,
  createdAt: "2026-01-01T00:00:00Z",
  phase: "Succeeded",
  deleting: false,
  gone: false,
  lingers: true,
  ...more,
});
const goes = (recorded: TaskStatus | undefined, object: ObservedObject): boolean => {
  const run: Pipeline = {
    apiVersion: "odin.io/v1",
    kind: "Pipeline",
    metadata: { name: "r", namespace: "n", uid: "u", resourceVersion: "1" },
    spec: {},
    status: recorded === undefined ? {} : { tasks: { a: recorded } },
  };
  return (
    lingeringObjects(run, [object], (one) => (one.waiting === undefined ? one : { ...one, givenUp: true })).length > 0
  );
};

lingering("F-24: only the pod of an attempt whose end is recorded goes", () => {
  for (const [recorded, expected] of [
    [undefined, false],
    [{ state: "waiting" }, false],
    [{ state: "executing", attempt: 1 }, false],
    [{ state: "waiting", attempt: 1 }, true],
    [{ state: "executing", attempt: 2 }, true],
    [{ state: "executed", attempt: 1 }, true],
    [{ state: "terminated", attempt: 1 }, true],
  ] as const)
    assert.is(goes(recorded, pod()), expected, JSON.stringify(recorded));
});

lingering("F-24: a pod that ends or goes by itself is left alone", () => {
  const ended: TaskStatus = { state: "executed", attempt: 1 };
  assert.is(goes(ended, pod({ deleting: true })), false);
  assert.is(goes(ended, pod({ gone: true })), false);
  assert.is(goes(ended, { ...pod(), lingers: false }), false);
});
lingering(
  "F-20, F-21, C-82: a pod that is given up goes once the end of its attempt is recorded, and not before",
  () => {
    const waiting = { reason: "InvalidImageName", message: "no such name" };
    const stuck: ObservedObject = { ...pod(), phase: "Pending", lingers: false, waiting };
    assert.is(goes({ state: "executing", attempt: 1 }, stuck), false);
    assert.is(goes({ state: "waiting", attempt: 1 }, stuck), true);
    assert.is(goes({ state: "terminated", attempt: 1 }, stuck), true);
    assert.is(goes({ state: "terminated", attempt: 1 }, { ...stuck, deleting: true }), false);
  },
);
lingering.run();
