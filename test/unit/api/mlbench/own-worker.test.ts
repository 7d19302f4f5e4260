import { suite } from "uvu";
import * as assert from "uvu/assert";
import { isOwnWorker } from "../../../../api/mlbench/pods/own-worker.ts";
import { projectWorker } from "../../../../api/mlbench/pods/worker-object.ts";
import type { StoredPipeline } from "../../../../api/mlbench/runs/run-spec.ts";

const own = suite("which pods are a run's own workers");
const SET = { apiVersion: "apps/v1", kind: "StatefulSet", name: "run-workers", uid: "set-uid", controller: true };
const RUN = {
  metadata: { name: "run", namespace: "n", uid: "run-uid" },
  spec: { tasks: [{ name: "a", numWorkers: 2 }] },
  status: { workers: { name: "run-workers", setUid: "set-uid", serviceUid: "service-uid" } },
} as unknown as StoredPipeline;

/** Whether a pod of that name with that owner is a worker of the run. */
function isOwn(name: string, owner?: Partial<typeof SET>): boolean {
  const ownerReferences = owner === undefined ? [] : [{ ...SET, ...owner }];
  const metadata = { name, namespace: "n", uid: "pod-uid", ownerReferences };
  return isOwnWorker(projectWorker({ metadata } as never), RUN);
}

own("M-14: the StatefulSet of the run, by its UID, controls them, and their number is one of the run's", () => {
  assert.is(isOwn("run-workers-0", {}), true);
  assert.is(isOwn("run-workers-1", {}), true);
  assert.is(isOwn("run-workers-0"), false, "nobody's");
  assert.is(isOwn("run-workers-0", { uid: "another" }), false, "a StatefulSet of the same name before or after it");
  assert.is(isOwn("run-workers-0", { controller: false }), false, "an owner that does not control it");
  assert.is(isOwn("run-workers-0", { kind: "ConfigMap" }), false, "another kind");
  for (const name of ["run-workers-2", "run-workers-00", "run-workers-", "run-workers-0x", "other-0"]) {
    assert.is(isOwn(name, {}), false, name);
  }
});
own.run();
