import { suite } from "uvu";
import * as assert from "uvu/assert";
import { POD } from "../../../kube/core-resources.ts";
import type { ObservedObject } from "../../../operator/decide/run.ts";
import { matters } from "../../../operator/matters.ts";

const changes = suite("changes that matter");

function pod(more: Partial<ObservedObject> = {}): { state: ObservedObject } {
  const state: ObservedObject = {
    resource: POD,
    name: "run--a",
    uid: "u",
    task: "a",
    attempt: 1,
    createdAt: "2026-01-01T00:00:00Z",
    phase: "Running",
    deleting: false,
    gone: false,
  };
  return { state: { ...state, ...more } };
}

changes("F-18: a pod that is about to be taken away is looked at, as is who takes it", () => {
  const record = { state: "executing" } as const;
  const evicted = pod({ disrupted: { reason: "Evicted", message: "by the eviction API" } });
  assert.is(matters(pod(), pod(), record), false, "nothing has changed");
  assert.is(matters(pod(), evicted, record), true);
  assert.is(matters(evicted, evicted, record), false);
  assert.is(matters(pod(), pod({ deleting: true }), record), true);
  assert.is(matters(pod({ phase: "Pending" }), evicted, record), true, "also where it begins to run in the same step");
});

changes(
  "P-3: that a pod begins to run is no reason to look at its run, unless its record says what it waited for",
  () => {
    const begins = [pod({ phase: "Pending" }), pod()] as const;
    assert.is(matters(...begins, { state: "executing" }), false);
    assert.is(matters(...begins, { state: "executing", reason: "Unschedulable" }), true);
    assert.is(matters(...begins, undefined), true, "nobody has been told of it yet");
    assert.is(
      matters(begins[0], { ...begins[1], member: "job" }, { state: "executing" }),
      true,
      "pods of another object",
    );
  },
);
changes.run();
