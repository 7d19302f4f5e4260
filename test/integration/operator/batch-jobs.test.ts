import { suite } from "uvu";
import * as assert from "uvu/assert";
import { PIPELINE } from "../../../crds/resources.ts";
import { POD } from "../../../kube/core-resources.ts";
import { collectionPath, objectPath } from "../../../kube/resource.ts";
import { until } from "../../support/deadline.ts";
import { untilPodsRefused } from "../../support/pod-admission.ts";
import { KindStage, resourceOf } from "./kind-stage.ts";
import { Stage, task } from "./stage.ts";

/** Generous: the controller tries again to make a pod that was refused, each time later, after a minute at last. */
const WAIT_MS = 180_000;
const JOB = resourceOf("Job");

const jobs = suite("tasks as Jobs of Kubernetes");
let stage: Stage;
let others: KindStage;
jobs.before(async () => {
  stage = await Stage.open();
  others = new KindStage(stage);
});
jobs.after(async () => {
  await stage?.close();
});

/** The pod that the controller of Kubernetes has made for the Job of a run. */
async function podOf(run: string): Promise<string> {
  const [pod] = await until(() => stage.pods(run), WAIT_MS, {
    describe: `the pod of the Job of ${run}`,
    accept: (pods) => pods.length === 1,
  });
  return pod?.metadata.name ?? "";
}

jobs(
  "O-168: a Job makes its pods with the controller of Kubernetes; its end and its result are the task's",
  async () => {
    await stage.create("batch", {
      tasks: [task("a", { resourceType: "Job", retries: 0, numGpus: 1 }), task("b", { depends: ["a"] })],
    });
    const job = await others.object(JOB, "batch--a");
    assert.is(job.spec.backoffLimit, 0);
    assert.is(job.metadata.ownerReferences?.[0]?.name, "batch");
    const pod = await podOf("batch");
    assert.match(pod, /^batch--a-/);
    const running = await stage.untilRun("batch", "a executes", (run) => run.status?.tasks?.a?.state === "executing");
    assert.is(running.status?.tasks?.a?.pod, "batch--a");
    await others.endPod(pod, 0, '{"outputs":{"model":"/m"}}');
    const next = await stage.untilRun("batch", "b executes", (run) => run.status?.tasks?.b?.state === "executing");
    assert.is(next.status?.tasks?.a?.state, "executed");
    assert.is(next.status?.tasks?.a?.result, '{"outputs":{"model":"/m"}}');
    await stage.succeed("batch", "b");
    assert.is((await others.ended("batch")).status?.phase, "DONE");
  },
);

jobs("O-168: a Job that has used up its retries fails with the words of its last pod", async () => {
  await stage.create("batch-fails", { tasks: [task("a", { resourceType: "Job", retries: 0 })] });
  const pod = await podOf("batch-fails");
  await others.endPod(pod, 3);
  const run = await others.ended("batch-fails");
  assert.is(run.status?.phase, "TERMINATED");
  const record = run.status?.tasks?.a;
  assert.is(record?.exitCode, 3);
  assert.is(record?.message, `Error, exit code 3 (pod ${pod})`);
});

jobs("O-183: a Job that somebody else deletes is a failure with the message `resource not found`", async () => {
  await stage.create("batch-gone", { tasks: [task("a", { resourceType: "Job" })] });
  await others.object(JOB, "batch-gone--a");
  await stage.untilRun("batch-gone", "a executes", (run) => run.status?.tasks?.a?.state === "executing");
  await stage.client.delete(objectPath(JOB, stage.namespace, "batch-gone--a"), { propagationPolicy: "Background" });
  const run = await others.ended("batch-gone");
  assert.match(run.status?.tasks?.a?.message ?? "", /^resource not found: Job batch-gone--a/);
  assert.is(run.status?.tasks?.a?.reason, "ObjectDeleted");
});

jobs("O-210: a cancelled run's Job goes, and so do its pods", async () => {
  await stage.create("batch-cancel", { tasks: [task("a", { resourceType: "Job" })] });
  await podOf("batch-cancel");
  await stage.control("batch-cancel", { cancel: true, cancelledBy: "somebody" });
  const run = await others.ended("batch-cancel");
  assert.is(run.status?.tasks?.a?.reason, "Cancelled");
  await until(() => others.isGone(JOB, "batch-cancel--a"), WAIT_MS, { describe: "the Job is gone" });
});

jobs("O-187: a Job that was made before a restart is adopted, a foreign one of that name is a failure", async () => {
  await stage.stopOperator();
  const body = {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name: "foreign--a" },
    spec: { suspend: true, template: { spec: { restartPolicy: "Never", containers: [{ name: "c", image: "i" }] } } },
  };
  await stage.client.create(collectionPath(JOB, stage.namespace), body);
  await stage.create("foreign", { tasks: [task("a", { resourceType: "Job" })] });
  await stage.create("restart", { tasks: [task("a", { resourceType: "Job" }), task("b", { depends: ["a"] })] });
  await stage.startOperator();
  const foreign = await others.ended("foreign");
  assert.is(foreign.status?.tasks?.a?.reason, "NameCollision");
  await stage.untilRun("restart", "a executes", (run) => run.status?.tasks?.a?.state === "executing");
  const before = await others.object(JOB, "restart--a");
  await stage.stopOperator();
  // The record of the task is lost, the object is not: the name finds it again.
  await stage.client.patch(objectPath(PIPELINE, stage.namespace, "restart", "status"), "merge", {
    status: { tasks: { a: { state: "waiting", pod: null, startTime: null, attempt: null } } },
  });
  await stage.startOperator();
  await stage.untilRun("restart", "a executes again", (run) => run.status?.tasks?.a?.state === "executing");
  assert.is((await others.object(JOB, "restart--a")).metadata.uid, before.metadata.uid);
  const pod = await podOf("restart");
  // What ends while nobody looks is found after the next start.
  await stage.stopOperator();
  await others.endPod(pod, 0);
  await stage.startOperator();
  await stage.untilRun("restart", "b executes", (run) => run.status?.tasks?.b?.state === "executing");
});

jobs(
  "O-185: a Job's pod that no node can take, or whose pods a quota refuses, says so in the task's message",
  async () => {
    await stage.create("batch-waits", { tasks: [task("a", { resourceType: "Job" })] });
    const pod = await podOf("batch-waits");
    await others.setPodStatus(pod, {
      conditions: [
        { type: "PodScheduled", status: "False", reason: "Unschedulable", message: "0/3 nodes are available" },
      ],
    });
    const run = await stage.untilRun(
      "batch-waits",
      "it says why",
      (run) => run.status?.tasks?.a?.reason === "Unschedulable",
    );
    assert.match(
      run.status?.tasks?.a?.message ?? "",
      /^Unschedulable: pod batch-waits--a-\S+: 0\/3 nodes are available$/,
    );
    await stage.control("batch-waits", { cancel: true });
    await others.ended("batch-waits");
  },
);

jobs("O-185: a Job whose pods a quota refuses says so, and goes on when there is room", async () => {
  const quota = { group: "", version: "v1", plural: "resourcequotas", kind: "ResourceQuota", namespaced: true };
  await stage.client.create(collectionPath(quota, stage.namespace), {
    apiVersion: "v1",
    kind: "ResourceQuota",
    metadata: { name: "none" },
    spec: { hard: { pods: "0" } },
  });
  await untilPodsRefused(stage.namespace, "exceeded quota: none");
  await stage.create("batch-quota", { tasks: [task("a", { resourceType: "Job" })] });
  const run = await stage.untilRun(
    "batch-quota",
    "it says why",
    ({ status }) => status?.tasks?.a?.reason === "QuotaExceeded",
  );
  assert.match(run.status?.tasks?.a?.message ?? "", /^quota: .*exceeded quota: none/);
  await stage.client.delete(objectPath(quota, stage.namespace, "none"));
  await others.endPod(await podOf("batch-quota"), 0);
  assert.is((await others.ended("batch-quota")).status?.phase, "DONE");
});
jobs("F-19: an eviction is none of a Job's retries, and a rule fails it at once", async () => {
  const retryPolicy = {
    rules: [{ onExitCodes: { operator: "In" as const, values: [42, 7] }, action: "Fail" as const }],
  };
  await stage.create("batch-evicted", { tasks: [task("a", { resourceType: "Job", retries: 1, retryPolicy })] });
  const first = await podOf("batch-evicted");
  const condition = { type: "DisruptionTarget", status: "True", reason: "EvictionByEvictionAPI", message: "drained" };
  await stage.client.patch(objectPath(POD, stage.namespace, first, "status"), "strategic", {
    status: { phase: "Failed", reason: "Evicted", conditions: [condition] },
  });
  const pods = await until(() => stage.pods("batch-evicted"), WAIT_MS, {
    describe: "another pod",
    accept: (list) => list.some(({ metadata }) => metadata.name !== first),
  });
  const second = pods.find(({ metadata }) => metadata.name !== first)?.metadata.name ?? "";
  await others.endPod(second, 42);
  const run = await others.ended("batch-evicted");
  assert.is(run.status?.tasks?.a?.exitCode, 42, JSON.stringify(run.status));
});
jobs.run();
