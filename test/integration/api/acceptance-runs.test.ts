import { suite } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../../support/deadline.ts";
import { git } from "../../support/git-remote.ts";
import { kubectlApply } from "../../support/kubectl.ts";
import { type OdinProcess, operatorProcess } from "../../support/odin-process.ts";
import { send, sendJson } from "../../unit/api/served.ts";
import { createSst2, openAcceptance, sst2Args } from "./acceptance-world.ts";
import type { FacadeStage } from "./facade-stage.ts";
import { endPod, startPod } from "./played-pod.ts";

const test = suite("acceptance: the document's run");
const WAIT_MS = 60_000;
let world: Awaited<ReturnType<typeof openAcceptance>>;
let stage: FacadeStage;
let operator: OdinProcess | undefined;
let id = "";

test.before(async () => {
  world = await openAcceptance();
  stage = world.stage;
  try {
    await kubectlApply(
      stage.namespace,
      { apiVersion: "v1", kind: "Secret", metadata: { name: "odin-cred" }, stringData: { "odin-cred.yml": "a: b" } },
      { apiVersion: "v1", kind: "Secret", metadata: { name: "ssh-key" }, stringData: { identity: "none" } },
      {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name: "ssh-config" },
        data: { ssh_config: "", known_hosts: "" },
      },
    );
    await createSst2(stage);
    operator = operatorProcess(stage.namespace);
  } catch (error) {
    console.error(error);
    throw error;
  }
});
test.after(async () => {
  await operator?.end("SIGTERM");
  await world?.close();
});

interface Shown extends Record<string, unknown> {
  status: string;
  submitTime: string;
  tasks: Record<string, unknown>[];
}
const shown = async (run: string): Promise<Shown> => (await stage.get(`/v1/pipelines/${run}`)).json.pipeline as Shown;
const untilShown = (run: string, describe: string, accept: (pipeline: Shown) => boolean): Promise<Shown> =>
  until(() => shown(run), WAIT_MS, { describe: `${run}: ${describe}`, accept });
const data = async (resource: string): Promise<Record<string, unknown>> => {
  const { success, jobs } = (await stage.get(`/v1/resources/${resource}/data`)).json;
  assert.is(success, true);
  return jobs as Record<string, unknown>;
};

interface Container {
  image: string;
  command: string[];
  args: string[];
  imagePullPolicy: string;
  resources: { limits?: Record<string, string> };
  volumeMounts: { name: string; mountPath: string; subPath?: string }[];
}
interface PodSpec {
  containers: Container[];
  volumes: { name: string; persistentVolumeClaim?: { claimName: string }; secret?: { secretName: string } }[];
}

/** The pod of a task, once it is there. */
async function podOf(run: string, task: string): Promise<{ spec: PodSpec; container: Container }> {
  const pod = (await until(() => stage.pod(`${run}--${task}`), WAIT_MS, {
    describe: `the pod of ${task} is there`,
  })) as unknown as { spec: PodSpec };
  const [container] = pod.spec.containers;
  if (container === undefined) throw new Error("a pod has a container");
  return { spec: pod.spec, container };
}

test("O-284: a launch needs a token and a job, and gives exactly id, job and name", async () => {
  const launch = (job: string, authorization?: string) =>
    sendJson(
      stage.port,
      "POST",
      "/v1/pipelines",
      { pipeline: { job } },
      authorization === undefined ? {} : { authorization },
    );
  const { status, json } = await launch("sst2", `Bearer ${stage.token}`);
  assert.is(status, 200);
  id = (json.pipeline as { id: string }).id;
  assert.match(id, /^sst2-[0-9a-z]{8}j$/);
  assert.equal(json, { pipeline: { id, job: "sst2", name: id } });
  assert.is((await launch("sst2")).status, 401);
  assert.is((await launch("sst2", "Bearer None")).status, 401);
  assert.is((await launch("nope", `Bearer ${stage.token}`)).status, 404);
});

test("O-122, O-285: the pod of the first task is as main.yml has it, with its variables filled in; the second has none", async () => {
  const { spec, container } = await podOf(id, "sst2");
  assert.equal([container.image, container.command], ["meadml/mead2-gpu:latest", ["mead-train"]]);
  assert.equal(container.args, sst2Args(id));
  assert.equal(container.resources.limits, { "nvidia.com/gpu": "1" });
  assert.is(container.imagePullPolicy, "IfNotPresent");
  const mount = container.volumeMounts.find(({ mountPath }) => mountPath === "/data");
  const volume = spec.volumes.find(({ name }) => name === mount?.name);
  assert.is(volume?.persistentVolumeClaim?.claimName, "data-rw-many");
  // The kubelet makes the directory of a mount with a subPath.
  const own = container.volumeMounts.find(({ mountPath }) => mountPath === `/data/odin/${id}/sst2`);
  assert.match(own?.subPath ?? "", new RegExp(`odin/${id}/sst2$`));
  assert.equal(
    await stage.pod(`${id}--after`).then(
      () => "there",
      () => "not there",
    ),
    "not there",
  );
});

test("O-286: what a caller sees while it runs, alone and in a list", async () => {
  await startPod(stage, `${id}--sst2`);
  const pipeline = await untilShown(
    id,
    "the first task executes",
    ({ tasks }) => tasks[0]?.status === "executing" && tasks[1]?.message === "waiting for sst2",
  );
  const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$/;
  const { submitTime, version, tasks, ...rest } = pipeline;
  assert.match(submitTime, time);
  assert.is(version, await git(world.remote.path, "rev-parse", "master"));
  assert.equal(rest, { id, name: id, job: "sst2", status: "RUNNING" });
  const [first, second] = tasks;
  const { submitTime: started, ...executing } = first ?? {};
  assert.match(String(started), time);
  assert.equal(executing, {
    id: `${id}--sst2`,
    task: `${id}--sst2`,
    name: "sst2",
    command: "mead-train",
    image: "meadml/mead2-gpu:latest",
    status: "executing",
    resourceType: "Pod",
    resourceId: `${id}--sst2`,
  });
  assert.equal(second, {
    id: `${id}--after`,
    task: `${id}--after`,
    name: "after",
    command: "odin-chores",
    image: "interactions/odin-ml:latest",
    status: "waiting",
    resourceType: "Pod",
    message: "waiting for sst2",
  });
  assert.equal((await stage.get("/v1/pipelines?q=sst2-")).json, { pipelines: [pipeline] });
});

test("O-287: the record of the run and of its task", async () => {
  const run = await data(id);
  assert.equal([run.executed, run.executing, run.waiting], [[], [`${id}--sst2`], [`${id}--after`]]);
  assert.equal([run.jobs, run.status, run.completion_time], [[`${id}--sst2`, `${id}--after`], "RUNNING", null]);
  const { $date } = run.submit_time as { $date: number };
  assert.is(new Date($date).toISOString().slice(0, -1), (await shown(id)).submitTime.slice(0, -3));
  const task = await data(`${id}--sst2`);
  assert.equal(task.args, sst2Args(id));
  assert.equal([task.parent, task.resource_id, task.num_gpus], [id, `${id}--sst2`, 1]);
  assert.equal([task.pull_policy, task.inputs, task.outputs, task.node_selector], ["IfNotPresent", null, null, null]);
});

test("O-288: the kubelet's events, in order, with host and zone", async () => {
  const pod = `${id}--sst2`;
  await stage.kubeletEvent(pod, {
    type: "Normal",
    reason: "BackOff",
    message: 'Back-off pulling image "meadml/mead2-gpu:latest"',
    time: "2019-08-16T06:24:10Z",
  });
  await stage.kubeletEvent(pod, {
    type: "Warning",
    reason: "Failed",
    message: "Error: ImagePullBackOff",
    time: "2019-08-16T06:29:06Z",
  });
  const events = await until(
    async () => (await stage.get(`/v1/resources/${pod}/events`)).json.events as Record<string, string>[],
    WAIT_MS,
    {
      describe: "both events are shown",
      accept: (list) => list.filter(({ source }) => /^kubelet/.test(source ?? "")).length === 2,
    },
  );
  assert.equal(events[0], {
    id: `evt-${pod}-0`,
    eventType: "Normal",
    reason: "BackOff",
    source: "kubelet,dpressel",
    message: 'Back-off pulling image "meadml/mead2-gpu:latest"',
    timestamp: "2019-08-16T06:24:10+00:00",
  });
  assert.equal([events[1]?.id, events[1]?.eventType, events[1]?.reason], [`evt-${pod}-1`, "Warning", "Failed"]);
});

test("O-289: the second task follows with its secrets; then the run is DONE", async () => {
  await endPod(stage, `${id}--sst2`);
  const { spec, container } = await podOf(id, "after");
  assert.equal(container.args, ["/data/pipelines/sst2/after.yml", "--label", `${id}--after`]);
  assert.is(container.imagePullPolicy, "Always");
  const secrets = spec.volumes.flatMap(({ secret }) => (secret === undefined ? [] : [secret.secretName]));
  assert.equal(secrets.sort(), ["odin-cred", "ssh-key"]);
  const paths = container.volumeMounts.map(({ mountPath }) => mountPath);
  for (const path of ["/etc/odind/odin-cred.yml", "/etc/odind/identity", "/etc/ssh/ssh_config"]) {
    assert.ok(paths.includes(path), path);
  }
  await endPod(stage, `${id}--after`);
  const done = await untilShown(id, "DONE", ({ status }) => status === "DONE");
  assert.ok(done.completionTime);
  for (const task of done.tasks) assert.equal([task.status, typeof task.completionTime], ["executed", "string"]);
});

test("O-289: where the first task fails the run is TERMINATED and the second waits for ever", async () => {
  const failing = await stage.launch("sst2");
  await endPod(stage, `${failing}--sst2`, "Failed", 3);
  const ended = await untilShown(failing, "TERMINATED", ({ status }) => status === "TERMINATED");
  assert.ok(ended.message);
  const states = ended.tasks.map(({ name, status }) => [name, status]);
  assert.equal(states, [
    ["sst2", "terminated"],
    ["after", "waiting"],
  ]);
  assert.equal((await data(failing)).executing, [`${failing}--sst2`]);
});

/** A run whose first task executes. */
async function running(): Promise<string> {
  const run = await stage.launch("sst2");
  await startPod(stage, `${run}--sst2`);
  await untilShown(run, "the first task executes", ({ tasks }) => tasks[0]?.status === "executing");
  return run;
}

const kill = (path: string) =>
  send(stage.port, "DELETE", path, { headers: { authorization: `Bearer ${stage.token}` } });

test("O-290: a kill during the run, as in the document's three examples", async () => {
  const rows = (run: string, purged: string, removed: string) => [
    { taskId: run, cleanedFromK8s: "No", purgedFromDb: purged, removedFromFs: removed },
    { taskId: `${run}--sst2`, cleanedFromK8s: "Yes", purgedFromDb: purged, removedFromFs: removed },
  ];
  const plain = await running();
  assert.equal((await kill(`/v1/pipeline/${plain}`)).json as unknown, rows(plain, "No", "No"));
  const killed = await untilShown(plain, "TERMINATED", ({ status }) => status === "TERMINATED");
  assert.is(killed.message, "cancelled by dpressel");
  await until(
    () =>
      stage.pod(`${plain}--sst2`).then(
        () => false,
        () => true,
      ),
    WAIT_MS,
    { describe: "the pod goes" },
  );

  const purged = await running();
  assert.equal((await kill(`/v1/pipeline/${purged}?db=True`)).json as unknown, rows(purged, "Yes", "No"));
  assert.is((await stage.get(`/v1/pipelines/${purged}`)).status, 404);

  const plural = await running();
  assert.equal((await kill(`/v1/pipelines/${plural}?db=True`)).json, { cleanups: rows(plural, "Yes", "No") });
});

test.run();
