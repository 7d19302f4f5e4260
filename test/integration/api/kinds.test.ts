import { suite } from "uvu";
import * as assert from "uvu/assert";
import { POD } from "../../../kube/core-resources.ts";
import { collectionPath, type KubeObject, objectPath } from "../../../kube/resource.ts";
import { until } from "../../support/deadline.ts";
import { type OdinProcess, operatorProcess } from "../../support/odin-process.ts";
import { FacadeStage } from "./facade-stage.ts";

const test = suite("tasks of another kind over REST");
const WAIT_MS = 60_000;
const JOB = { group: "batch", version: "v1", plural: "jobs", kind: "Job", namespaced: true };
let stage: FacadeStage;
let operator: OdinProcess | undefined;
let id = "";
let pod = "";

test.before(async () => {
  stage = await FacadeStage.open();
  operator = operatorProcess(stage.namespace);
  await stage.applyJob("batch", {
    tasks: [{ name: "a", image: "image:1", command: ["run"], resourceType: "Job", retries: 0 }],
  });
  id = await stage.launch("batch");
  const pods = collectionPath(POD, stage.namespace);
  const { items } = await until(() => stage.client.listAll<KubeObject>(pods), WAIT_MS, {
    describe: "the pod of the Job",
    accept: (list) => list.items.length === 1,
  });
  pod = items[0]?.metadata.name ?? "";
});
test.after(async () => {
  await operator?.end("SIGTERM");
  await stage?.close();
});

interface Task {
  status: string;
  resourceType: string;
  resourceId?: string;
}

test("O-64, O-168: a task's resource is its object, its type the kind", async () => {
  const look = async (): Promise<Task | undefined> =>
    ((await stage.get(`/v1/pipelines/${id}`)).json.pipeline as { tasks: Task[] }).tasks[0];
  const task = await until(look, WAIT_MS, { describe: "it executes", accept: (one) => one?.status === "executing" });
  assert.equal([task?.resourceType, task?.resourceId], ["Job", `${id}--a`]);
  const { jobs } = (await stage.get(`/v1/resources/${id}--a/data`)).json as { jobs: Record<string, unknown> };
  assert.equal([jobs.resource_type, jobs.resource_id, jobs.num_gpus], ["Job", `${id}--a`, 0]);
});

test("O-220, O-221: the name of a pod that the object made leads to the task", async () => {
  const look = async () => (await stage.get(`/v1/resources/${pod}/data`)).json as { jobs?: Record<string, unknown> };
  const { jobs } = await until(look, WAIT_MS, {
    describe: "the server knows the pod",
    accept: (answer) => answer.jobs !== undefined,
  });
  assert.is(jobs?.label, `${id}--a`);
  assert.is((await stage.get(`/v1/resources/${pod}-x/data`)).status, 404);
});

test("O-222: events are those of the object and of its pods", async () => {
  await stage.kubeletEvent(pod, {
    type: "Normal",
    reason: "Pulled",
    message: "the test pulled it",
    time: new Date().toISOString(),
  });
  const reasons = async (of: string): Promise<string[]> =>
    ((await stage.get(`/v1/resources/${of}/events`)).json.events as { reason: string }[]).map(({ reason }) => reason);
  for (const of of [`${id}--a`, id]) {
    await until(() => reasons(of), WAIT_MS, {
      describe: `the Job's and the pod's events of ${of}`,
      accept: (found) =>
        found.includes("SuccessfulCreate") && found.includes("Pulled") && found.includes("TaskStarted"),
    });
  }
  assert.not((await reasons(pod)).includes("SuccessfulCreate"));
});

test("O-223: logs are those of the pods; the object itself has none", async () => {
  const logs = JSON.parse((await stage.get(`/v1/resources/${id}--a/logs`)).text) as string;
  assert.equal(logs.split("\n").slice(0, 3), ["================", pod, "----------------"]);
  assert.is(logs.split("================").length, 2, logs);
});

test("O-210, O-212: a clean-up deletes the object, and its pods go with it", async () => {
  const { json } = await stage.call("DELETE", `/v1/pipelines/${id}`);
  assert.equal(
    (json.cleanups as { taskId: string; cleanedFromK8s: string }[]).map(({ taskId, cleanedFromK8s }) => [
      taskId,
      cleanedFromK8s,
    ]),
    [
      [id, "No"],
      [`${id}--a`, "Yes"],
    ],
  );
  for (const [resource, name] of [
    [JOB, `${id}--a`],
    [POD, pod],
  ] as const) {
    const path = objectPath(resource, stage.namespace, name);
    await until(
      () =>
        stage.client.get(path).then(
          () => false,
          () => true,
        ),
      WAIT_MS,
      { describe: `${name} is gone` },
    );
  }
  const again = (await stage.call("DELETE", `/v1/pipelines/${id}`)).json.cleanups as { cleanedFromK8s: string }[];
  assert.ok(again.every(({ cleanedFromK8s }) => cleanedFromK8s === "No"));
});
test.run();
