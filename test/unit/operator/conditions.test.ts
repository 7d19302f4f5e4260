import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { KubeObject } from "../../../kube/resource.ts";
import { BATCH_JOB_FORM } from "../../../operator/kinds/batch-job.ts";
import { kubeflowState } from "../../../operator/kinds/kubeflow.ts";

const conditions = suite("states from conditions");
const metadata = { name: "x", uid: "u", resourceVersion: "1" };
const T = "2026-01-01T00:00:00Z";
const holds = (type: string, more: object = {}): object => ({ type, status: "True", lastTransitionTime: T, ...more });
const raw = (status: object | undefined): KubeObject => ({ metadata, ...(status === undefined ? {} : { status }) });
const kubeflow = (...list: object[]): ReturnType<typeof kubeflowState> => kubeflowState(raw({ conditions: list }));

conditions("O-174: an object that nobody has looked at yet is pending", () => {
  for (const status of [undefined, {}, { conditions: null }, { conditions: [] }]) {
    assert.equal(kubeflowState(raw(status)), { phase: "Pending" });
    assert.equal(BATCH_JOB_FORM.read(raw(status)), { phase: "Pending" });
  }
});

conditions("O-169, O-174: Succeeded and Failed end it, what no longer holds does not count", () => {
  assert.equal(kubeflow(holds("Created"), holds("Running")), { phase: "Running" });
  assert.equal(kubeflow(holds("Running", { status: "False" }), holds("Succeeded")), {
    phase: "Succeeded",
    ended: { at: T },
  });
  assert.equal(kubeflow(holds("Failed", { reason: "R", message: "m" })), {
    phase: "Failed",
    ended: { at: T, reason: "R", message: "m" },
  });
  assert.is(kubeflow(holds("Failed", { status: "False" }), holds("Restarting")).phase, "Pending");
  // An operator that called it failed for an evicted worker and then saw it succeed.
  assert.is(kubeflow(holds("Failed"), holds("Succeeded")).phase, "Succeeded");
});

conditions("O-168: a Job's active pods are enough to call it running; Complete and Failed end it", () => {
  assert.equal(BATCH_JOB_FORM.read(raw({ active: 1 })), { phase: "Running" });
  assert.equal(BATCH_JOB_FORM.read(raw({ active: 1, conditions: [holds("SuccessCriteriaMet")] })), {
    phase: "Running",
  });
  assert.is(BATCH_JOB_FORM.read(raw({ conditions: [holds("Complete")], completionTime: T })).phase, "Succeeded");
  assert.is(
    BATCH_JOB_FORM.read(raw({ conditions: [holds("Failed", { reason: "BackoffLimitExceeded" })] })).phase,
    "Failed",
  );
});

conditions("O-185: a suspended object waits and says so", () => {
  assert.equal(kubeflow(holds("Created"), holds("Suspended", { message: "by a queue" })), {
    phase: "Pending",
    waiting: { reason: "ObjectSuspended", message: "by a queue" },
  });
});

conditions("a reason longer than a record can hold is cut", () => {
  assert.is(kubeflow(holds("Failed", { reason: "R".repeat(200) })).ended?.reason?.length, 64);
});
conditions.run();
