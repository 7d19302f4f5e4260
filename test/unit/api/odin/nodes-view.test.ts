import { suite } from "uvu";
import * as assert from "uvu/assert";
import { projectNode } from "../../../../api/gpu/gpu-node.ts";
import type { NodeGpus } from "../../../../api/gpu/gpus.ts";
import type { GpuView } from "../../../../api/odin/gpu-view.ts";
import { nodesView } from "../../../../api/odin/nodes-view.ts";
import { gpu, line, memory, readText, sampleText } from "../../../support/gpu-text.ts";

const test = suite("nodes as the document shows them");

const FRESH_MS = 30_000;

interface Given {
  labels?: Record<string, string>;
  attributed?: boolean;
  /** Age of the readings. */
  ageMs?: number;
  error?: string;
}

/** A node whose exporter said this. */
function node(text: string, { labels = {}, attributed = true, ageMs = 0, error }: Given = {}): NodeGpus {
  const raw = {
    metadata: { name: "n1", uid: "u", resourceVersion: "1", labels: { "kubernetes.io/os": "linux", ...labels } },
    status: {
      capacity: { cpu: "12", memory: "32779324Ki", "nvidia.com/gpu": "1" },
      addresses: [
        { type: "InternalIP", address: "192.168.7.57" },
        { type: "Hostname", address: "dpressel" },
      ],
    },
  };
  const rows = readText(text).rows.map((row) => ({ row, readAt: 1_000_000 - ageMs, attributed }));
  return { node: projectNode(raw), rows, ...(error === undefined ? {} : { error }) };
}

const viewOf = (given: NodeGpus) => nodesView([given], 1_000_000, FRESH_MS).nodes[0] ?? {};
const gpusOf = (text: string, given: Given = {}) => viewOf(node(text, given)).gpus as GpuView[];
const gpuOf = (text: string, given: Given = {}): GpuView => {
  const [first] = gpusOf(text, given);
  if (first === undefined) throw new Error("no GPU");
  return first;
};

/** A GPU of which everything is reported that the extended list has. */
function full(labels: Record<string, string>): string {
  const values: Record<string, number | string> = {
    DEV_FB_TOTAL: 7952,
    DEV_FB_USED: 0,
    DEV_FB_FREE: 7952,
    DEV_FB_RESERVED: 240,
    DEV_GPU_UTIL: 0,
    DEV_MEM_COPY_UTIL: 0,
    DEV_GPU_TEMP: 49,
    DEV_SHUTDOWN_TEMP: 99,
    DEV_SLOWDOWN_TEMP: 94,
    DEV_MEM_CLOCK: 405,
    DEV_MAX_SM_CLOCK: 2100,
    DEV_POWER_USAGE: "3.730000",
    DEV_PSTATE: 8,
    DEV_COMPUTE_MODE: 0,
    DEV_MINOR_NUMBER: 0,
  };
  return Object.entries(values)
    .map(([family, value]) => line(family, labels, value))
    .join("");
}

const RTX = {
  gpu: "0",
  UUID: "GPU-1b9a3804-64b6-3c05-cbb2-757cc8907437",
  pci_bus_id: "00000000:01:00.0",
  device: "nvidia0",
  modelName: "GeForce RTX 2080 with Max-Q Design",
  Hostname: "dpressel",
};

test("O-230, O-232, O-293: the document's node with its RTX 2080; the limit of its power is 0", () => {
  assert.equal(viewOf(node(full(RTX))), {
    cpu: "12",
    memory: "32779324Ki",
    "nvidia.com/gpu": "1",
    host: "dpressel",
    internalIP: "192.168.7.57",
    gpus: [
      {
        id: "0000:01:00.0",
        pci: { pciBusId: "0000:01:00.0" },
        uuid: "GPU-1b9a3804-64b6-3c05-cbb2-757cc8907437",
        productName: "GeForce RTX 2080 with Max-Q Design",
        productBrand: "GeForce",
        serial: "N/A",
        minorNumber: "0",
        performanceState: "P8",
        computeMode: "Default",
        fbMemoryUsage: { total: 7952, used: 0, free: 7952, unit: "MiB" },
        utilization: { gpuUtil: 0, memoryUtil: 0, unit: "%" },
        eccMode: { currentEcc: "N/A", pendingEcc: "N/A" },
        temperature: { gpuTemp: 49, gpuTempMaxThreshold: 99, gpuTempSlowThreshold: 94, unit: "C" },
        powerReadings: {
          powerManagement: "N/A",
          powerDraw: 3.73,
          powerLimit: 0,
          defaultPowerLimit: "N/A",
          minPowerLimit: "N/A",
          maxPowerLimit: "N/A",
          powerState: "P8",
          unit: "W",
        },
        clocks: { memClock: 405, unit: "MHz" },
        applicationsClocks: { memClock: "N/A", unit: "MHz" },
        maxClocks: { smClock: 2100, unit: "MHz" },
        processes: [],
      },
    ],
  });
});

test("O-232, G-5, G-29: with nothing but its name every value is N/A, none is absent or null", () => {
  const bare = gpuOf(line("DEV_SM_CLOCK", { gpu: "0", UUID: "GPU-0" }, 300), { attributed: true });
  const leaves = (value: unknown): unknown[] =>
    typeof value === "object" && value !== null ? Object.values(value).flatMap(leaves) : [value];
  assert.equal(
    [...new Set(leaves(bare))].sort(),
    [0, "%", "0000:00:00.0", "C", "GPU-0", "MHz", "MiB", "N/A", "W"].sort(),
  );
  assert.equal([bare.powerReadings.powerDraw, bare.powerReadings.powerLimit], [0, 0]);
  assert.is(JSON.stringify(bare).includes("null"), false);
});

test("G-38: labels and fields of the extended list", () => {
  const labels = { ...RTX, DCGM_FI_DEV_SERIAL: "1560521012345", DCGM_FI_DEV_BRAND: "Tesla" };
  const one = gpuOf(
    full(labels) +
      line("DEV_ECC_CURRENT", labels, 1) +
      line("DEV_ECC_PENDING", labels, 0) +
      line("DEV_POWER_MGMT_LIMIT", labels, "250.000000") +
      line("DEV_POWER_MGMT_LIMIT_MIN", labels, 100) +
      line("DEV_POWER_MGMT_LIMIT_MAX", labels, 300) +
      line("DEV_POWER_MGMT_LIMIT_DEF", labels, 260) +
      line("DEV_APP_MEM_CLOCK", labels, 7001),
  );
  assert.equal([one.serial, one.productBrand], ["1560521012345", "Tesla"]);
  assert.equal(one.eccMode, { currentEcc: "Enabled", pendingEcc: "Disabled" });
  assert.equal(one.powerReadings, {
    powerManagement: "Supported",
    powerDraw: 3.73,
    powerLimit: 250,
    defaultPowerLimit: 260,
    minPowerLimit: 100,
    maxPowerLimit: 300,
    powerState: "P8",
    unit: "W",
  });
  assert.is(one.applicationsClocks.memClock, 7001);
});

test("G-24, O-233: the limit of the power falls back and is a number in the end", () => {
  const limit = (...families: [string, number][]) =>
    gpuOf(families.map(([family, value]) => line(family, gpu(0), value)).join("")).powerReadings.powerLimit;
  const all: [string, number][] = [
    ["DEV_POWER_MGMT_LIMIT", 1],
    ["DEV_ENFORCED_POWER_LIMIT", 2],
    ["DEV_POWER_MGMT_LIMIT_DEF", 3],
    ["DEV_POWER_MGMT_LIMIT_MAX", 4],
    ["DEV_GPU_TEMP", 5],
  ];
  assert.equal(
    all.map((_, from) => limit(...all.slice(from))),
    [1, 2, 3, 4, 0],
  );
});

test("O-232: numbers of DCGM that have names, and those that have none", () => {
  const named = (family: string, value: number) => gpuOf(line(family, gpu(0), value));
  assert.equal(
    [0, 15, 16, 32].map((value) => named("DEV_PSTATE", value).performanceState),
    ["P0", "P15", "N/A", "N/A"],
  );
  assert.equal(
    [0, 1, 2, 3, 4].map((value) => named("DEV_COMPUTE_MODE", value).computeMode),
    ["Default", "Exclusive Thread", "Prohibited", "Exclusive_Process", "N/A"],
  );
  assert.is(named("DEV_MINOR_NUMBER", 3).minorNumber, "3");
});

test("O-232: the brand is guessed from the name", () => {
  const brand = (modelName: string) => gpuOf(line("DEV_GPU_TEMP", gpu(0, { modelName }), 1)).productBrand;
  assert.equal(
    ["NVIDIA GeForce RTX 3090", "Quadro RTX 6000", "Tesla T4", "TITAN V", "NVIDIA A100-SXM4-80GB", "Other"].map(brand),
    ["GeForce", "Quadro", "Tesla", "Titan", "NVIDIA", "N/A"],
  );
});

test("O-232, G-23: the id always holds a colon; the domain has four digits where that loses nothing", () => {
  const id = (labels: Record<string, string>) => gpuOf(line("DEV_GPU_TEMP", gpu(11, labels), 1)).id;
  assert.equal(
    [{ pci_bus_id: "00000000:1B:00.0" }, { pci_bus_id: "00010000:1B:00.0" }, { pci_bus_id: "0000:1B:00.0" }, {}].map(
      id,
    ),
    ["0000:1B:00.0", "00010000:1B:00.0", "0000:1B:00.0", "0000:0B:00.0"],
  );
  assert.is(id({ pci_bus_id: "" }).split(":")[1], "0B");
  assert.is(id({ pci_bus_id: "nonsense" }).split(":")[1], "0B");
});

test("O-232, G-13: the sample of four GPUs", () => {
  const shown = gpusOf(sampleText("dcgm-4gpu"), { attributed: true });
  assert.equal(
    shown.map(({ id, fbMemoryUsage, utilization, temperature, powerReadings, processes }) => [
      id,
      fbMemoryUsage.used,
      fbMemoryUsage.free,
      fbMemoryUsage.total,
      utilization.gpuUtil,
      temperature.gpuTemp,
      powerReadings.powerDraw,
      processes.map((process) => [process.process_name, process.pid, process.used_memory]),
    ]),
    [
      [
        "0000:1B:00.0",
        68601,
        12407,
        81559,
        97,
        61,
        612.418,
        [["default/resnet-run-mlbench-worker-rel-2-0", "N/A", 68601]],
      ],
      ["0000:43:00.0", 9018, 71990, 81559, 12, 44, 123.75, [["team-a/jupyter-0", "N/A", 9018]]],
      ["0000:52:00.0", 0, 81008, 81559, 0, 29, 69.031, []],
      ["0000:61:00.0", 0, 81008, 81559, 0, 30, 70.904, []],
    ],
  );
});

test("G-18: instances with their own UUIDs, names and holders", () => {
  const shown = gpusOf(sampleText("dcgm-mig"));
  const uuid = "GPU-9b0d7f10-52aa-4d6e-8f7c-64a0c11e7a01";
  assert.equal(
    shown.map((one) => [one.uuid, one.productName, one.utilization.gpuUtil, one.processes.length]),
    [
      [`${uuid}/2`, "NVIDIA A100-SXM4-80GB MIG 3g.40gb", 64, 1],
      [`${uuid}/3`, "NVIDIA A100-SXM4-80GB MIG 2g.20gb", 0, 0],
      [`${uuid}/9`, "NVIDIA A100-SXM4-80GB MIG 1g.10gb", 0, 0],
    ],
  );
});

test("O-233, G-25: one entry per pod, whatever its containers; memory is a whole number", () => {
  const held = (pod: string, container: string) => gpu(0, { namespace: "ns", pod, container });
  const text =
    line("DEV_FB_USED", gpu(0), "1000.400000") +
    line("DEV_FB_USED", held("a", "x"), 300) +
    line("DEV_FB_USED", held("a", "y"), 200) +
    line("DEV_FB_USED", held("b", "x"), 400);
  assert.equal(gpuOf(text).processes, [
    { process_name: "ns/a", pid: "N/A", used_memory: 500 },
    { process_name: "ns/b", pid: "N/A", used_memory: 400 },
  ]);
  assert.is(gpuOf(text).fbMemoryUsage.used, 1000);
  const unknownUse = line("DEV_GPU_TEMP", held("a", "x"), 40);
  assert.equal(gpuOf(unknownUse).processes, [{ process_name: "ns/a", pid: "N/A", used_memory: 0 }]);
});

test("O-233, G-6, G-25, G-37: without attribution a GPU in use is held by `unknown`, an unused one is free, never a text", () => {
  const processes = (used: number | undefined, attributed: boolean) =>
    gpuOf(used === undefined ? line("DEV_GPU_TEMP", gpu(0), 40) : memory(gpu(0), used, 100), { attributed }).processes;
  const unknown = (used: number) => [{ process_name: "unknown", pid: "N/A", used_memory: used }];
  assert.equal(processes(63, false), []);
  assert.equal(processes(64, false), unknown(64));
  assert.equal(processes(5000, false), unknown(5000));
  assert.equal(processes(undefined, false), unknown(0));
  assert.equal(processes(5000, true), []);
});

test("G-35: stale readings keep what does not change and the holders as last known; measured values are N/A", () => {
  const labels = { ...RTX, namespace: "ns", pod: "p", container: "c" };
  const text = full(labels) + line("DEV_POWER_MGMT_LIMIT", labels, 250);
  const fresh = gpuOf(text, { ageMs: FRESH_MS });
  const stale = gpuOf(text, { ageMs: FRESH_MS + 1 });
  assert.is(fresh.temperature.gpuTemp, 49);
  for (const key of [
    "id",
    "pci",
    "uuid",
    "productName",
    "productBrand",
    "serial",
    "minorNumber",
    "computeMode",
  ] as const) {
    assert.equal(stale[key], fresh[key], key);
  }
  assert.equal(stale.processes, [{ process_name: "ns/p", pid: "N/A", used_memory: 0 }]);
  assert.equal(stale.fbMemoryUsage, { total: 7952, used: "N/A", free: "N/A", unit: "MiB" });
  assert.equal(stale.utilization, { gpuUtil: "N/A", memoryUtil: "N/A", unit: "%" });
  assert.equal(stale.temperature, { gpuTemp: "N/A", gpuTempMaxThreshold: 99, gpuTempSlowThreshold: 94, unit: "C" });
  assert.equal([stale.clocks.memClock, stale.performanceState], ["N/A", "N/A"]);
  assert.equal([stale.powerReadings.powerDraw, stale.powerReadings.powerLimit], [0, 250]);
});

test("O-231, G-26: a node without readings has no GPUs, whatever its labels and its capacity promise", () => {
  const labels = { "nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB", "nvidia.com/gpu.count": "8" };
  assert.equal(viewOf(node("", { labels })).gpus, []);
  assert.is("gpuError" in viewOf(node("", { labels })), false);
  const failed = viewOf(node("", { error: "the GPU exporter answered with HTTP 500" }));
  assert.equal([failed.gpus, failed.gpuError], [[], "the GPU exporter answered with HTTP 500"]);
});

test("G-19, G-21: a label fills the gap where the exporter gives no name or no total", () => {
  const labels = { "nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB", "nvidia.com/gpu.memory": "81920" };
  assert.is(gpuOf(memory(gpu(0), 1, 2), { labels }).fbMemoryUsage.total, 81920);
  assert.is(
    gpuOf(line("DEV_GPU_TEMP", { gpu: "0", UUID: "GPU-0" }, 1), { labels }).productName,
    "NVIDIA-A100-SXM4-80GB",
  );
});

test("O-230: a node without addresses still has a name; a resource cannot take the place of our keys", () => {
  const raw = {
    metadata: { name: "bare", uid: "u", resourceVersion: "1" },
    status: { capacity: { gpus: "1", host: "2", ["__proto__"]: "3" } },
  };
  const shown = nodesView([{ node: projectNode(raw), rows: [] }], 0, FRESH_MS).nodes[0];
  assert.equal([shown?.host, shown?.internalIP, shown?.gpus], ["bare", "N/A", []]);
});

test("O-233, G-23 to G-25: what odin-gpus does with a GPU works on every sample, stale or not", () => {
  // As the client does it: int() of the power, used_memory summed by int(), the second part of the id.
  const asClient = (one: GpuView) => {
    for (const value of [one.powerReadings.powerDraw, one.powerReadings.powerLimit]) assert.type(value, "number");
    assert.ok(Array.isArray(one.processes));
    for (const process of one.processes) assert.ok(Number.isInteger(process.used_memory));
    assert.match(one.id.split(":")[1] ?? "", /^[0-9A-F]{2}$/);
    assert.type(one.productName, "string");
  };
  for (const text of [
    sampleText("dcgm-4gpu"),
    sampleText("dcgm-mig"),
    full(RTX),
    line("DEV_GPU_TEMP", { gpu: "0" }, 1),
  ]) {
    for (const attributed of [true, false]) {
      for (const ageMs of [0, 10 * FRESH_MS]) gpusOf(text, { attributed, ageMs }).forEach(asClient);
    }
  }
});

test.run();
