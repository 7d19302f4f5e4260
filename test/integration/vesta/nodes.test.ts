// timeout: 600
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../../support/deadline.ts";
import { Exporter, silence } from "../../support/exporter.ts";
import { sampleText } from "../../support/gpu-text.ts";
import { send } from "../../unit/api/served.ts";
import { FacadeStage } from "../api/facade-stage.ts";
import { GpuWorld } from "../api/gpu-world.ts";

const test = suite("nodes as hosts");
/** An exporter that failed several times is asked again after two minutes at the latest. */
const WAIT_MS = 240_000;
const WORLD = GpuWorld.newId();
const SETTINGS = {
  ...GpuWorld.settings(WORLD),
  ...{ ODIN_DCGM_INTERVAL: "1", VESTA_SERVER_SLEEP_TIME: "1", VESTA_DOWN_TH: "15" },
};
let stage: FacadeStage;
let world: GpuWorld;
let exporter: Exporter;
let mig: Exporter;

interface HostState {
  data: { gpu_data: Record<string, Record<string, unknown>>; timestamp: string }[];
  ip_address: string;
  status: string;
  source: string;
}

test.before(async () => {
  try {
    stage = await FacadeStage.open(SETTINGS);
    world = new GpuWorld(stage.client, stage.namespace, WORLD);
    exporter = await Exporter.start(sampleText("dcgm-4gpu"));
    mig = await Exporter.start(sampleText("dcgm-mig"));
  } catch (error) {
    console.error(error);
    throw error;
  }
});
test.after(async () => {
  await world.close();
  await stage.close();
  await exporter.stop();
  await mig.stop();
});

async function states(): Promise<Record<string, HostState>> {
  const { status, json } = await send(stage.port, "GET", "/states/");
  assert.is(status, 200);
  return json as unknown as Record<string, HostState>;
}

function untilStates(describe: string, accept: (found: Record<string, HostState>) => boolean) {
  return until(states, WAIT_MS, { describe, accept });
}

test("V-2, V-7, V-8, V-10, V-12: nodes with GPUs or an exporter are hosts, others are not, and one that is deleted leaves", async () => {
  const gpu = await world.createNode("gpu", { gpus: 4, internalIp: "10.1.2.3" });
  const none = await world.createNode("none");
  const silent = await world.createNode("silent", { capacity: { "nvidia.com/mig-1g.10gb": "7" } });
  const zero = await world.createNode("zero", { gpus: 0 });
  const bare = await world.createNode("bare");
  await world.createExporter("exporter-gpu", { node: gpu, ip: "127.0.0.1", port: exporter.port });
  await world.createExporter("exporter-bare", { node: bare, ip: "127.0.0.1", port: mig.port });
  const shown = await untilStates(
    "all are shown",
    (found) => [gpu, bare].every((name) => found[name]?.status === "running") && found[silent] !== undefined,
  );
  assert.equal([shown[none], shown[zero]], [undefined, undefined]);
  assert.equal(shown[silent], {
    data: [{ gpu_data: {}, timestamp: "no entry received." }],
    ...{ ip_address: "192.168.7.57", status: "waiting for re-uplink", source: "node" },
  });
  assert.is(shown[gpu]?.ip_address, "10.1.2.3");
  assert.equal(Object.keys(shown[gpu]?.data[0]?.gpu_data ?? {}), ["gpu:0", "gpu:1", "gpu:2", "gpu:3"]);
  assert.match(String(shown[gpu]?.data[0]?.gpu_data["gpu:0"]?.timestamp), /^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d\.\d{3}$/);
  assert.match(String(shown[bare]?.data[0]?.gpu_data["gpu:0"]?.gpu_name), / MIG 3g\.40gb$/);
  // As a machine's name would be (V-9).
  assert.is((await send(stage.port, "GET", `/states/${gpu.replaceAll("-", "_")}/`)).status, 200);
  assert.is((await send(stage.port, "DELETE", `/states/${gpu}/?token=0000`)).status, 400);
  await world.deleteNode(gpu);
  await untilStates("the node has left", (found) => found[gpu] === undefined);
  // Its history is there when it comes back, though nothing can be read from it.
  await world.deletePod("exporter-gpu");
  assert.is(await world.createNode("gpu", { gpus: 4 }), gpu);
  // It may be shown a moment before its history has been read, and, for its exporter's sake, before it has its address.
  await untilStates(
    "the node is back with its history and its new address",
    (found) => found[gpu]?.ip_address === "192.168.7.57" && found[gpu].data[0]?.timestamp !== "no entry received.",
  );
});

test("V-12, V-56, G-34, G-35: a node whose exporter hangs goes down by the watcher, the others stay fresh, and it comes back", async () => {
  const [lame, well] = [await world.createNode("lame", { gpus: 4 }), await world.createNode("well", { gpus: 4 })];
  const broken = await Exporter.start(sampleText("dcgm-4gpu"));
  try {
    await world.createExporter("exporter-lame", { node: lame, ip: "127.0.0.1", port: broken.port });
    await world.createExporter("exporter-well", { node: well, ip: "127.0.0.1", port: exporter.port });
    await untilStates("both run", (found) => [lame, well].every((name) => found[name]?.status === "running"));
    broken.behaviour = silence;
    const down = await untilStates("the hanging one is down", (found) => found[lame]?.status === "down");
    assert.is(down[well]?.status, "running");
    assert.equal(down[lame]?.data[0]?.gpu_data, {});
    const { text } = await send(stage.port, "GET", "/?term=true");
    assert.match(text, /\| status: down /);
    broken.behaviour = sampleText("dcgm-4gpu");
    await untilStates("it runs again", (found) => found[lame]?.status === "running");
  } finally {
    await broken.stop();
  }
});

test.run();
