import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { ReadRow } from "../../../../../api/gpu/node-readings.ts";
import { idleAfter } from "../../../../../api/vesta/hosts/idleness.ts";
import { nodePayload } from "../../../../../api/vesta/hosts/node-payload.ts";
import { MAX_PAYLOAD_BYTES } from "../../../../../api/vesta/hosts/payload.ts";
import { gpu, line, memory, readText, sampleText } from "../../../../support/gpu-text.ts";

const test = suite("payloads of nodes");
const stamp = (readAt: number): string => `at ${readAt}`;

function rowsOf(text: string, readAt = 1): ReadRow[] {
  return readText(text).rows.map((row) => ({ row, readAt, attributed: true }));
}

test("V-13, G-10: a node's payload is made of what its exporter says of whole GPUs", () => {
  const payload = nodePayload({ labels: {}, rows: rowsOf(sampleText("dcgm-4gpu")) }, stamp);
  assert.equal(Object.keys(payload), ["gpu:0", "gpu:1", "gpu:2", "gpu:3"]);
  const { uuid = "", ...first } = payload["gpu:0"] ?? {};
  assert.match(String(uuid), /^GPU-/);
  assert.equal(first, {
    ...{ device_num: 0, gpu_name: "NVIDIA H100 80GB HBM3", timestamp: "at 1", temperature: 61, total_memory: 81_559 },
    ...{ available_memory: 12_407, used_memory: 68_601, gpu_volatile: 97, power_usage: 612 },
    processes: [{ pid: "N/A", name: "resnet-run-mlbench-worker-rel-2-0/train", user: "default", used_memory: 68_601 }],
  });
  const [, second, third] = Object.values(payload);
  assert.equal(
    [second?.gpu_volatile, second?.processes.map(({ user, name }) => `${user} ${name}`)],
    [12, ["team-a jupyter-0/notebook"]],
  );
  assert.equal([third?.used_memory, third?.processes], [0, []]);
});

test("V-13, G-15, G-16, G-17, G-18: instances are rows of their own, numbered in order, with the parent's temperature", () => {
  const payload = nodePayload({ labels: {}, rows: rowsOf(sampleText("dcgm-mig")) }, stamp);
  assert.equal(
    Object.entries(payload).map(
      ([key, { device_num, gpu_name, total_memory, used_memory, gpu_volatile, temperature }]) => [
        ...[key, device_num, gpu_name, total_memory, used_memory, gpu_volatile, temperature],
      ],
    ),
    [
      ["gpu:0", 0, "NVIDIA A100-SXM4-80GB MIG 3g.40gb", 40_128, 16_026, 64, 47],
      ["gpu:1", 1, "NVIDIA A100-SXM4-80GB MIG 2g.20gb", 19_967, 12, 0, 47],
      ["gpu:2", 2, "NVIDIA A100-SXM4-80GB MIG 1g.10gb", 9_726, 12, 0, 47],
    ],
  );
  assert.match(payload["gpu:0"]?.uuid ?? "", /^GPU-.+\/2$/);
});

test("V-14, G-28: what is unknown is 0, and numbers are whole", () => {
  const text = line("DEV_GPU_TEMP", gpu(3, { modelName: "" }), 61.5) + line("PROF_GR_ENGINE_ACTIVE", gpu(3), 0.117);
  const [row] = Object.values(
    nodePayload(
      {
        labels: { "nvidia.com/gpu.product": "NVIDIA-L40S" },
        rows: rowsOf(text.replaceAll(',modelName="NVIDIA A100-SXM4-80GB"', "")),
      },
      stamp,
    ),
  );
  assert.equal(row, {
    ...{ device_num: 3, uuid: "GPU-3", gpu_name: "NVIDIA-L40S", timestamp: "at 1", temperature: 62, total_memory: 0 },
    ...{ available_memory: 0, used_memory: 0, gpu_volatile: 12, processes: [] },
  });
  const [nameless] = Object.values(
    nodePayload({ labels: {}, rows: rowsOf(line("DEV_FB_USED", { gpu: "0" }, 1)) }, stamp),
  );
  assert.is(nameless?.gpu_name, "GPU");
});

test("G-13: total memory is what the exporter, the sum of its parts, the labels, or used and free say", () => {
  const totalOf = (text: string, labels: Record<string, string> = {}): number | undefined =>
    Object.values(nodePayload({ labels, rows: rowsOf(text) }, stamp))[0]?.total_memory;
  const known = { "nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB", "nvidia.com/gpu.memory": "81920" };
  assert.is(totalOf(memory(gpu(0), 100, 200)), 300);
  assert.is(totalOf(memory(gpu(0), 100, 200), known), 81_920);
  assert.is(totalOf(memory(gpu(0), 100, 200) + line("DEV_FB_RESERVED", gpu(0), 7), known), 307);
  assert.is(totalOf(memory(gpu(0), 100, 200) + line("DEV_FB_TOTAL", gpu(0), 999), known), 999);
});

test("G-27, V-13: several holders are named by namespace and pod, and what they use adds up to the device's memory", () => {
  const holder = (namespace: string, pod: string) => gpu(0, { namespace, pod, container: "main" });
  const text =
    memory(gpu(0), 900, 100) + line("DEV_GPU_UTIL", holder("b", "x"), 5) + line("DEV_GPU_UTIL", holder("a", "y"), 5);
  const [row] = Object.values(nodePayload({ labels: {}, rows: rowsOf(text) }, stamp));
  assert.equal(row?.processes, [
    { pid: "N/A", name: "y/main", user: "a", used_memory: 900 },
    { pid: "N/A", name: "x/main", user: "b", used_memory: 0 },
  ]);
});

test("V-15: texts of exporters are made harmless as those of senders are", () => {
  const evil = "x\u001b[31m\u202e";
  const text = line("DEV_FB_USED", { gpu: "0", UUID: `GPU-${evil}`, modelName: evil, namespace: evil, pod: evil }, 1);
  const stored = JSON.stringify(nodePayload({ labels: {}, rows: rowsOf(text) }, stamp));
  assert.not.match(stored, /\\u|\u202e/);
  assert.match(stored, /x\?\[31m\?/);
});

test("V-13: two that say that they have the same number are both shown", () => {
  const text = memory(gpu(0), 1, 2) + memory({ ...gpu(0), UUID: "GPU-new" }, 3, 4);
  assert.equal(Object.keys(nodePayload({ labels: {}, rows: rowsOf(text) }, stamp)), ["gpu:0", "gpu:1"]);
});

test("V-27: an exporter that names thousands of holders does not fill memory and store", () => {
  const lines: string[] = [];
  for (let index = 0; index < 64; index++) {
    lines.push(memory(gpu(index), 1, 2));
    for (let holder = 0; holder < 250; holder++) {
      lines.push(line("DEV_GPU_UTIL", gpu(index, { namespace: "n".repeat(60), pod: `${"p".repeat(60)}${holder}` }), 1));
    }
  }
  const payload = nodePayload({ labels: {}, rows: rowsOf(lines.join("")) }, stamp);
  assert.ok(JSON.stringify(payload).length <= MAX_PAYLOAD_BYTES);
  assert.is(Object.keys(payload).length, 64);
  assert.ok(Object.values(payload).every(({ processes }) => processes.length > 0));
});

test("V-54: a GPU is idle from when it is held and known to do nothing, and anew when somebody else takes it", () => {
  const held = (pod: string, use: number | undefined): string => {
    const labels = gpu(0, { namespace: "ns", pod, container: "main" });
    return line("DEV_FB_USED", labels, 1) + (use === undefined ? "" : line("DEV_GPU_UTIL", labels, use));
  };
  let known = { since: {}, payload: null } as Parameters<typeof idleAfter>[2];
  const after = (text: string, atMs: number) => {
    const rows = rowsOf(text);
    known = { since: idleAfter(rows, atMs, known), payload: nodePayload({ labels: {}, rows }, stamp) };
    return known.since;
  };
  assert.equal(
    after(memory(gpu(0), 1, 2) + line("DEV_GPU_UTIL", gpu(0), 0), 1),
    {},
    "nobody holds it, as far as is known",
  );
  assert.equal(after(held("a", 0), 2), { "GPU-0": 2 });
  assert.equal(after(held("a", 0), 3), { "GPU-0": 2 });
  assert.equal(after(held("a", 1), 4), {});
  assert.equal(after(held("a", 0), 5), { "GPU-0": 5 });
  assert.equal(after(held("b", 0), 6), { "GPU-0": 6 });
  assert.equal(after(held("b", undefined), 7), {}, "what it does is not known");
  assert.equal(after(held("b", 0) + held("a", 0), 8), { "GPU-0": 8 });
  assert.equal(after(held("a", 0), 9), { "GPU-0": 8 }, "one of its holders is still the same");
});

test.run();
