import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Pipeline } from "../../../crds/generated/types.ts";
import { ANNOTATIONS, LABELS } from "../../../crds/names.ts";
import { TASK_KIND_FACTS } from "../../../crds/task-kinds.ts";
import type { KubeClient } from "../../../kube/client.ts";
import { POD } from "../../../kube/core-resources.ts";
import type { KubeObject } from "../../../kube/resource.ts";
import type { Caches } from "../../../operator/caches.ts";
import { planOf } from "../../../operator/decide/plan.ts";
import type { ObservedObject } from "../../../operator/decide/run.ts";
import { ObjectIndex } from "../../../operator/object-index.ts";
import { observe } from "../../../operator/observe.ts";

const [JOB] = TASK_KIND_FACTS.Job.resources;
const observing = suite("what is seen of a run");

const task = { name: "a", image: "i", command: ["c"], resourceType: "Job" as const };
const run: Pipeline = {
  apiVersion: "odin.io/v1",
  kind: "Pipeline",
  metadata: { name: "run", namespace: "ns", uid: "u", resourceVersion: "1", generation: 1 },
  spec: { tasks: [task] },
  status: { tasks: { a: { state: "executing", pod: "run--a", attempt: 1 } } },
};

function observed(name: string, phase: ObservedObject["phase"], more: Partial<ObservedObject> = {}): ObservedObject {
  const same = { task: "a", attempt: 1, createdAt: "2026-01-01T00:00:00Z", deleting: false, gone: false };
  return { resource: POD, name, uid: `uid-${name}`, phase, ...same, ...more };
}

/** A pod of the Job as the API server has it. */
function rawPod(name: string, exitCode: number): KubeObject {
  const terminated = { exitCode, reason: "Error", finishedAt: "2026-01-01T00:01:00Z" };
  const pod = {
    metadata: {
      ...{ name, namespace: "ns", uid: `uid-${name}`, resourceVersion: "9", creationTimestamp: "2026-01-01T00:00:30Z" },
      labels: { [LABELS.task]: "a", [LABELS.run]: "run" },
      annotations: {
        [ANNOTATIONS.task]: "a",
        [ANNOTATIONS.runUid]: "u",
        [ANNOTATIONS.run]: "run",
        [ANNOTATIONS.object]: "run--a",
      },
      ownerReferences: [{ apiVersion: "batch/v1", kind: "Job", name: "run--a", uid: "uid-run--a", controller: true }],
    },
    status: { phase: "Failed", containerStatuses: [{ name: "main", state: { terminated } }] },
  };
  return pod;
}

/** Looks at the run when its Job is told to have failed, and the pods are known like this; returns what it says of its end and how often pods were read. */
async function look(pods: readonly ObservedObject[]): Promise<{ ended: ObservedObject["ended"]; reads: number }> {
  const objectsByRun = new ObjectIndex();
  const owner = { uid: "u", name: "run" };
  const metadata = { name: "", namespace: "ns", uid: "", resourceVersion: "1" };
  objectsByRun.set({ metadata, run: owner, state: observed("run--a", "Failed", { resource: JOB }) });
  for (const state of pods) objectsByRun.set({ metadata, run: owner, member: "run--a", state });
  const none = { of: () => [] };
  const caches = { objectsByRun, warningsByObject: none, pods: { get: () => undefined, noteWritten: () => undefined } };
  let reads = 0;
  const client = {
    clock: { nowMs: () => Date.parse("2026-01-01T00:02:00Z") },
    listAll: async () => {
      reads += 1;
      return { items: [rawPod("run--a-1", 1), rawPod("run--a-2", 42)] };
    },
  };
  const plan = planOf({ tasks: [task], files: [], failFast: false }, undefined);
  const { objects } = await observe(client as unknown as KubeClient, caches as unknown as Caches, run, plan);
  return { ended: objects[0]?.ended, reads };
}

const first = observed("run--a-1", "Failed", { ended: { exitCode: 1 } });

observing(
  "F-19: of a Job that has failed the pods are read where the last one is not known to have ended",
  async () => {
    const { ended, reads } = await look([
      first,
      observed("run--a-2", "Running", { createdAt: "2026-01-01T00:00:30Z" }),
    ]);
    assert.equal([ended?.exitCode, ended?.pod, reads], [42, "run--a-2", 1]);
  },
);

observing("nothing is read where all have ended, or are gone", async () => {
  const { reads } = await look([first, observed("run--a-2", "Running", { gone: true })]);
  assert.is(reads, 0);
});

observing("no pod that is known to have failed: they are read", async () => {
  assert.is((await look([])).reads, 1);
});
observing.run();
