import { get, type IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../../support/deadline.ts";
import { RUNNING, SST2_TASKS } from "../../unit/api/odin/sample.ts";
import { isProblem } from "../../unit/api/served.ts";
import { FacadeStage } from "./facade-stage.ts";

const test = suite("api resources");
const WAIT_MS = 60_000;
let stage: FacadeStage;
let id = "";

interface EventItem {
  id: string;
  eventType: string;
  reason: string;
  source: string;
  message: string;
  timestamp: string;
}
const events = async (of: string): Promise<EventItem[]> =>
  (await stage.get(`/v1/resources/${of}/events`)).json.events as EventItem[];
const status = (run: string) => JSON.parse(JSON.stringify(RUNNING).replaceAll("sst2-4k2m9xq1j", run)) as typeof RUNNING;

test.before(async () => {
  stage = await FacadeStage.open();
  const job = await stage.applyJob("sst2", { tasks: SST2_TASKS });
  id = await stage.launch("sst2");
  await stage.createPod(id, "sst2");
  await stage.setStatus(id, { ...status(id), snapshot: await stage.freeze(job) });
  await until(
    async () => ((await stage.get(`/v1/pipelines/${id}`)).json.pipeline as { status: string }).status === "RUNNING",
    WAIT_MS,
    {
      describe: "the status arrives",
    },
  );
  // Snapshots and pods come by watches of their own.
  await until(async () => (await stage.get(`/v1/resources/${id}--sst2/data`)).text, WAIT_MS, {
    describe: "the snapshot arrives",
    accept: (text) => text.includes("--basedir"),
  });
  await until(async () => (await stage.get(`/v1/resources/${id}/logs`)).text, WAIT_MS, {
    describe: "the pod arrives",
    accept: (text) => text.includes("no log yet"),
  });
});
test.after(async () => {
  await stage.close();
});

test("O-54, O-68, O-287: the record of the run", async () => {
  const answer = await stage.get(`/v1/resources/${id}/data`);
  assert.is(answer.status, 200);
  const { success, jobs } = answer.json as { success: boolean; jobs: Record<string, unknown> };
  assert.is(success, true);
  assert.equal([jobs.executed, jobs.executing, jobs.waiting], [[], [`${id}--sst2`], [`${id}--after`]]);
  assert.equal(jobs.jobs, [`${id}--sst2`, `${id}--after`]);
  assert.equal(
    [jobs.label, jobs.job, jobs.status, jobs.completion_time, jobs.parent, jobs.error_message],
    [id, "sst2", "RUNNING", null, null, null],
  );
  const { submitTime } = (await stage.get(`/v1/pipelines/${id}`)).json.pipeline as { submitTime: string };
  assert.is((jobs.submit_time as { $date: number }).$date, Date.parse(`${submitTime}Z`));
  assert.match((jobs._id as { $oid: string }).$oid, /^[0-9a-f]{24}$/);
});

test("O-54, O-221, O-287: the record of a task, by its id and by its pod", async () => {
  const { jobs } = (await stage.get(`/v1/resources/${id}--sst2/data`)).json as { jobs: Record<string, unknown> };
  assert.equal(jobs.args, ["--basedir", `/data/odin/${id}/${id}--sst2`, "--config", "/data/pipelines/sst2/sst2.yml"]);
  assert.equal(
    [jobs.parent, jobs.resource_id, jobs.num_gpus, jobs.pull_policy],
    [id, `${id}--sst2`, 1, "IfNotPresent"],
  );
  assert.equal([jobs.inputs, jobs.outputs, jobs.node_selector, jobs.request_early_exit], [null, null, null, null]);
  const { jobs: after } = (await stage.get(`/v1/resources/${id}--after/data`)).json as {
    jobs: Record<string, unknown>;
  };
  assert.equal([after.resource_id, after.submit_time], [null, null]);
});

test("O-55, O-67, O-288: the kubelet's events of a task's pod", async () => {
  await stage.kubeletEvent(`${id}--sst2`, {
    type: "Normal",
    reason: "BackOff",
    message: 'Back-off pulling image "meadml/mead2-gpu:latest"',
    time: "2019-08-16T06:24:10Z",
  });
  await stage.kubeletEvent(`${id}--sst2`, {
    type: "Warning",
    reason: "Failed",
    message: "Error: ImagePullBackOff",
    time: "2019-08-16T06:29:06Z",
  });
  const found = await until(() => events(`${id}--sst2`), WAIT_MS, {
    describe: "both events arrive",
    accept: (list) => list.filter(({ source }) => source !== "odin").length === 2,
  });
  assert.equal(found, [
    {
      id: `evt-${id}--sst2-0`,
      eventType: "Normal",
      reason: "BackOff",
      source: "kubelet,dpressel",
      message: 'Back-off pulling image "meadml/mead2-gpu:latest"',
      timestamp: "2019-08-16T06:24:10+00:00",
    },
    {
      id: `evt-${id}--sst2-1`,
      eventType: "Warning",
      reason: "Failed",
      source: "kubelet,dpressel",
      message: "Error: ImagePullBackOff",
      timestamp: "2019-08-16T06:29:06+00:00",
    },
  ]);
});

test("O-222: a run has the events of its pods and its own; a task that waits says what for", async () => {
  await stage.setStatus(id, {
    events: [
      {
        id: "odin-0",
        type: "Normal",
        reason: "Started",
        message: "running job sst2",
        source: "odin",
        time: "2019-08-01T00:00:00Z",
      },
    ],
  });
  const found = await until(() => events(id), WAIT_MS, {
    describe: "the run's own event arrives",
    accept: (list) => list.length === 5,
  });
  assert.equal(
    found.map(({ reason }) => reason),
    ["Started", "BackOff", "Failed", "Submitted", "Waiting"],
  );
  assert.equal(
    found.map((event) => event.id),
    [0, 1, 2, 3, 4].map((n) => `evt-${id}-${n}`),
  );
  const [waiting, ...rest] = await events(`${id}--after`);
  assert.equal([waiting?.source, waiting?.message, rest.length], ["odin", "waiting for sst2", 0]);
});

test("O-220: whatever is no run, task or pod of ours is 404 on all three", async () => {
  await stage.client.create(`/api/v1/namespaces/${stage.namespace}/pods`, {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "foreign", labels: { "app.kubernetes.io/managed-by": "odin" } },
    spec: { containers: [{ name: "main", image: "i" }] },
  });
  for (const other of ["foreign", "nope", `${id}--nope`, `${id}--sst2-r7`, "..", "%2e%2e%2fpods", "kube-root-ca.crt"]) {
    for (const what of ["data", "events", "logs", "logs?follow=true"]) {
      const answer = await stage.get(`/v1/resources/${other}/${what}`);
      assert.is(answer.status, 404, `${other} ${what}`);
      assert.ok(isProblem(answer));
    }
  }
});

test("O-56, O-223: one JSON string; a log that is not there yet says why; a task not started has none", async () => {
  const answer = await stage.get(`/v1/resources/${id}/logs`);
  assert.is(answer.status, 200);
  assert.is(answer.headers["content-type"], "application/json; charset=utf-8");
  const log = JSON.parse(answer.text) as string;
  assert.is(log, `================\n${id}--sst2\n----------------\n(no log yet: the container has not started)`);
  assert.is(JSON.parse((await stage.get(`/v1/resources/${id}--after/logs`)).text), "");
});

test("O-223: bad options are 422", async () => {
  for (const query of [
    "lines=x",
    "lines=-1",
    "lines=1.5",
    "container=../x",
    "container=A",
    "follow=maybe",
    "lines=1&lines=2",
  ]) {
    const answer = await stage.get(`/v1/resources/${id}/logs?${query}`);
    assert.is(answer.status, 422, query);
    assert.ok(isProblem(answer));
  }
  assert.is((await stage.get(`/v1/resources/${id}/logs?lines=5&container=main`)).status, 200);
});

test("O-223: the log of a pod that is gone says so", async () => {
  const other = await stage.launch("sst2");
  await stage.setStatus(other, {
    ...status(other),
    tasks: { sst2: { state: "executed", attempt: 1, pod: `${other}--sst2`, startTime: "2019-08-08T23:32:51Z" } },
  });
  const log = await until(
    async () => JSON.parse((await stage.get(`/v1/resources/${other}/logs`)).text) as string,
    WAIT_MS,
    { describe: "the status arrives" },
  );
  assert.match(log, "(the log is gone: the pod was deleted)");
});

test("O-224: a followed task that waits keeps the answer open until the run has ended", async () => {
  const other = await stage.launch("sst2");
  const answer = stage.get(`/v1/resources/${other}--after/logs?follow=true`);
  await stage.setStatus(other, {
    ...status(other),
    phase: "TERMINATED",
    completionTime: "2019-08-09T00:00:00Z",
    tasks: { sst2: { state: "terminated" }, after: { state: "waiting", reason: "NotStarted" } },
  });
  const { status: code, headers, text } = await answer;
  assert.equal([code, headers["content-type"], text], [200, "text/plain; charset=utf-8", ""]);
});

test("O-224: a stop of the facade ends what is being followed", async () => {
  const other = await stage.launch("sst2");
  const { port } = stage;
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    get({ host: "127.0.0.1", port, path: `/v1/resources/${other}/logs?follow=true`, agent: false }, resolve).on(
      "error",
      reject,
    );
  });
  assert.is(answer.statusCode, 200, "it has begun");
  const followed = text(answer);
  await stage.stop();
  assert.is(await followed, "");
  await stage.start();
});

test.run();
