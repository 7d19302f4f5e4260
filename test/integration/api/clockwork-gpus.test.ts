// timeout: 400
/** The model of a node's GPUs, from its labels and from its exporter, and when it was last busy: real HTTP on both sides of the API. */
import { isDeepStrictEqual } from "node:util";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { NODE, POD } from "../../../kube/core-resources.ts";
import { collectionPath, objectPath } from "../../../kube/resource.ts";
import { until } from "../../support/deadline.ts";
import { type Behaviour, Exporter } from "../../support/exporter.ts";
import { gpu, line, memory, sampleText } from "../../support/gpu-text.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";
import { send } from "../../unit/api/served.ts";
import { FacadeStage } from "./facade-stage.ts";
import { GpuWorld } from "./gpu-world.ts";

const WAIT_MS = 90_000;
const ID = GpuWorld.newId();
const test = suite("Clockwork's GPUs of nodes");
let directory: TemporaryDirectory;
let environment: Record<string, string>;
let stage: FacadeStage;
let world: GpuWorld;
const exporters = new Map<string, Exporter>();

test.before(async () => {
  try {
    directory = await temporaryDirectory();
    const store = { ODIN_STORE: `${directory.path}/store.db` };
    environment = {
      ...GpuWorld.settings(ID),
      ...store,
      ODIN_GPU_INTERVAL: "1",
      CLOCKWORK_CLUSTER: "tests",
      CLOCKWORK_VISIBILITY: "all",
    };
    stage = await FacadeStage.open(environment);
    world = new GpuWorld(stage.client, stage.namespace, ID);
  } catch (error) {
    console.error(error);
    throw error;
  }
});
test.after(async () => {
  await world.close();
  for (const exporter of exporters.values()) await exporter.stop();
  await stage.close();
  await directory.remove();
});

interface Shown {
  slurm: Record<string, unknown>;
  cw: { gpu: Record<string, unknown> };
}

const get = async (path: string): Promise<unknown> => {
  const headers = { authorization: `Bearer ${stage.token}` };
  const answer = await send(stage.port, "GET", `/api/v1/clusters${path}`, { headers });
  assert.is(answer.status, 200, answer.text);
  return JSON.parse(answer.text);
};
const node = async (name: string): Promise<Shown> =>
  (await get(`/nodes/one?node_name=${name}&cluster_name=tests`)) as Shown;

/** What is told of a node's GPUs once it is as wanted; it must not be otherwise for good. */
async function gpusAre(name: string, gres: string | null, cw: object, describe: string): Promise<void> {
  const told = async (): Promise<unknown> => {
    const { slurm, cw: of } = await node(name);
    return [slurm?.gres, of?.gpu];
  };
  await until(told, WAIT_MS, { describe, accept: (now) => isDeepStrictEqual(now, [gres, cw]) });
}

/** A node with an exporter, each on an address of its own, once its capacity is shown: that it comes before the exporter is read is not said. */
async function observed(
  short: string,
  options: { host: string; labels?: Record<string, string>; gpus?: number; capacity?: Record<string, string> },
  behaviour: Behaviour,
): Promise<string> {
  const { host, ...rest } = options;
  const name = await world.createNode(short, rest);
  await until(async () => (await node(name)).slurm?.gres, WAIT_MS, { describe: `the GPUs of ${name} are shown` });
  const exporter = await Exporter.start(behaviour, { host });
  exporters.set(name, exporter);
  await world.createExporter(`exporter-${short}`, { node: name, ip: host, port: exporter.port });
  return name;
}

/** Until what the exporter says now has been read, or could not be: a failure is followed by a pause, a good reading is not. */
function wasAsked(name: string, times = 1): Promise<unknown> {
  const exporter = exporters.get(name);
  const before = exporter?.requests ?? 0;
  return until(() => (exporter?.requests ?? 0) >= before + times, WAIT_MS, { describe: `${name} was asked` });
}

/** Whether the exporter of a node could not be read, as the API's log has it. */
const hasFailed = (name: string): Promise<unknown> =>
  until(
    () => stage.logLines.some(({ msg, node: of }) => of === name && /^the GPU exporter/.test(String(msg))),
    WAIT_MS,
    {
      describe: `the exporter of ${name} could not be read`,
    },
  );

test("C-62, C-68: without a label the model is the one that the exporter reports; a label goes before it", async () => {
  const plain = await observed("plain", { host: "127.0.21.1", gpus: 4 }, sampleText("dcgm-4gpu"));
  const h100 = { cw_name: "h100", name: "h100", number: 4 };
  await gpusAre(plain, "gpu:h100:4", h100, "the exporter's model is shown");
  assert.is((await node(plain)).slurm.gres_used, "gpu:h100:0");
  assert.equal(await get(`/nodes/one/gpu?node_name=${plain}`), {
    ...{ name: "h100", vendor: "nvidia", ram: 80 },
    ...{ cuda_cores: 16896, tensor_cores: 528, tflops_fp32: 66.9 },
  });
  const labels = { "nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB", "nvidia.com/gpu.memory": "81920" };
  const labelled = await observed("labelled", { host: "127.0.21.2", gpus: 2, labels }, sampleText("dcgm-4gpu"));
  await wasAsked(labelled, 2);
  const a100 = { cw_name: "a100l", name: "a100", number: 2 };
  await gpusAre(labelled, "gpu:a100:2", a100, "the label's model is shown");
  // What the label says goes when it goes, and comes back.
  const path = objectPath(NODE, undefined, labelled);
  await stage.client.patch(path, "merge", { metadata: { labels: { "nvidia.com/gpu.product": null } } });
  await gpusAre(labelled, "gpu:h100:2", { ...h100, number: 2 }, "the exporter's model stands in");
  await stage.client.patch(path, "merge", { metadata: { labels } });
  await gpusAre(labelled, "gpu:a100:2", a100, "the label counts again");
});

test("C-68: the model stays when its exporter dies, and follows another exporter of the node", async () => {
  const t4 = memory(gpu(0, { modelName: "Tesla T4" }), 1, 1);
  const name = await observed("dying", { host: "127.0.22.1", gpus: 1 }, t4);
  const told = { cw_name: "t4", name: "t4", number: 1 };
  await gpusAre(name, "gpu:t4:1", told, "the model is known");
  const dying = exporters.get(name);
  if (dying === undefined) throw new Error("there is no exporter");
  dying.behaviour = "no text of that kind {{{\n";
  await hasFailed(name);
  assert.equal((await node(name)).cw.gpu, told);
  await dying.stop();
  await world.deletePod("exporter-dying");
  assert.equal((await node(name)).cw.gpu, told);
  const next = await Exporter.start(memory(gpu(0, { modelName: "NVIDIA L40S" }), 1, 1), { host: "127.0.22.2" });
  exporters.set(name, next);
  await world.createExporter("exporter-next", { node: name, ip: "127.0.22.2", port: next.port });
  await gpusAre(name, "gpu:l40s:1", { cw_name: "l40s", name: "l40s", number: 1 }, "the new card is shown");
});

test("C-77, C-78: instances of a GPU have the exporter's model too, and are not described as whole ones", async () => {
  const capacity = { "nvidia.com/mig-3g.40gb": "1", "nvidia.com/mig-2g.20gb": "1", "nvidia.com/mig-1g.10gb": "1" };
  const name = await observed("mig", { host: "127.0.23.1", capacity }, sampleText("dcgm-mig"));
  const gres = "gpu:a100_1g.10gb:1,gpu:a100_2g.20gb:1,gpu:a100_3g.40gb:1";
  await gpusAre(name, gres, {}, "the instances are shown");
  assert.equal(await get(`/nodes/one/gpu?node_name=${name}`), {});
});

test("C-68, C-69: rubbish, several models and odd names make no model, or a harmless one", async () => {
  const garbage = await observed(
    "garbage",
    { host: "127.0.24.1", gpus: 1 },
    "\u0000\u0001 <html> {{{ \n".repeat(1_000),
  );
  const two = await observed(
    "two",
    { host: "127.0.24.2", gpus: 2 },
    memory(gpu(0, { modelName: "Tesla T4" }), 1, 1) + memory(gpu(1, { modelName: "NVIDIA A40" }), 1, 1),
  );
  const odd = await observed(
    "odd",
    { host: "127.0.24.3", gpus: 1 },
    line("DEV_GPU_TEMP", gpu(0, { modelName: "NVIDIA <script>alert(1)</script> ../../%00:9,gpu:x" }), 1),
  );
  const long = await observed(
    "long",
    { host: "127.0.24.4", gpus: 1 },
    line("DEV_GPU_TEMP", gpu(0, { modelName: "x".repeat(100_000) }), 1),
  );
  await hasFailed(garbage);
  await wasAsked(two, 2);
  assert.equal((await node(garbage)).slurm.gres, "gpu:1");
  assert.equal([(await node(two)).slurm.gres, (await node(two)).cw.gpu], ["gpu:2", {}]);
  const harmless = "scriptalert1script009gpux";
  await gpusAre(odd, `gpu:${harmless}:1`, { cw_name: harmless, name: harmless, number: 1 }, "the odd name is shown");
  await hasFailed(long);
  assert.is((await node(long)).slurm.gres, "gpu:1");
  for (const name of [garbage, two, odd, long]) assert.equal(await get(`/nodes/one/gpu?node_name=${name}`), {});
  // Each model once, however often it is shown.
  const told = stage.logLines.filter(({ cw_name }) => cw_name === harmless);
  assert.is(told.length, 1);
});

/** Plays a pod on a node that ended then, or has not ended. */
async function pod(name: string, on: string, endedAt?: Date): Promise<void> {
  await stage.client.create(collectionPath(POD, stage.namespace), {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name },
    spec: { nodeName: on, containers: [{ name: "main", image: "image:1" }] },
  });
  const startedAt = new Date(Date.now() - 3_600_000).toISOString();
  const ended = { reason: "Completed", exitCode: 0, startedAt, finishedAt: endedAt?.toISOString() };
  const status = { name: "main", ready: false, restartCount: 0, image: "image:1", imageID: "" };
  await stage.client.patch(objectPath(POD, stage.namespace, name, "status"), "merge", {
    status: {
      phase: endedAt === undefined ? "Running" : "Succeeded",
      containerStatuses: [
        { ...status, state: endedAt === undefined ? { running: { startedAt } } : { terminated: ended } },
      ],
    },
  });
}

test("C-77: last_busy is the newest end of a job on the node, and outlives the pods and the API", async () => {
  const name = await world.createNode("busy");
  const other = await world.createNode("never-busy");
  const ends = [1_800, 60, 900].map((ago) => new Date(Math.floor(Date.now() / 1000 - ago) * 1000));
  const [first, newest, later] = ends;
  if (first === undefined || newest === undefined || later === undefined) throw new Error("three times are needed");
  const busyAt = (time: Date): Promise<unknown> =>
    until(async () => (await node(name)).slurm.last_busy, WAIT_MS, {
      describe: `it was busy until ${time.toISOString()}`,
      accept: (told) => told === time.getTime() / 1000,
    });
  await pod("at-work", name);
  await until(async () => (await node(name)).slurm.state, WAIT_MS, {
    describe: "it works",
    accept: (state) => String(state).includes("DOWN") || state === "MIXED",
  });
  assert.is((await node(name)).slurm.last_busy, null);
  await pod("ended-first", name, first);
  await busyAt(first);
  await pod("ended-last", name, newest);
  await busyAt(newest);
  await pod("told-late", name, later);
  const jobs = async (): Promise<unknown[]> => (await get("/jobs/list?job_state=COMPLETED")) as unknown[];
  await until(jobs, WAIT_MS, { describe: "the late one is known", accept: ({ length }) => length === 3 });
  await busyAt(newest);
  for (const gone of ["ended-first", "ended-last", "told-late"])
    await stage.client.delete(objectPath(POD, stage.namespace, gone), { gracePeriodSeconds: 0 });
  await stage.stop();
  await stage.start(environment);
  await busyAt(newest);
  assert.is((await node(other)).slurm.last_busy, null);
});

test.run();
