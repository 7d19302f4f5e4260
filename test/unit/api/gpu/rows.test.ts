import { suite } from "uvu";
import * as assert from "uvu/assert";
import { numbered, shownName, shownUuid } from "../../../../api/gpu/gpu-row.ts";
import { totalMiB, totalPowerWatts, utilisationPercent } from "../../../../api/gpu/readings.ts";
import { MAX_ROWS, TooManyRows } from "../../../../api/gpu/row-builder.ts";
import { gpu, line, memory, readText, sampleText } from "../../../support/gpu-text.ts";
import { randomSource } from "../../../support/random.ts";

const test = suite("rows of GPUs");

const H100 = { "nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3", "nvidia.com/gpu.memory": "81559" };

test("G-13, G-14: the sample of four GPUs", () => {
  const { rows, malformed, dropped } = readText(sampleText("dcgm-4gpu"));
  assert.equal([malformed, dropped], [0, 0]);
  assert.equal(
    rows.map((row) => [
      row.pciBusId,
      row.readings.memoryUsed,
      row.readings.memoryFree,
      totalMiB(row, {}),
      utilisationPercent(row),
      row.readings.temperature,
      row.readings.power,
      row.holders.map(({ namespace, pod, container, usedMiB }) => [namespace, pod, container, usedMiB]),
    ]),
    [
      [
        "00000000:1B:00.0",
        68601,
        12407,
        81559,
        97,
        61,
        612.418,
        [["default", "resnet-run-mlbench-worker-rel-2-0", "train", 68601]],
      ],
      ["00000000:43:00.0", 9018, 71990, 81559, 12, 44, 123.75, [["team-a", "jupyter-0", "notebook", 9018]]],
      ["00000000:52:00.0", 0, 81008, 81559, 0, 29, 69.031, []],
      ["00000000:61:00.0", 0, 81008, 81559, 0, 30, 70.904, []],
    ],
  );
  for (const row of rows) assert.is(totalMiB(row, H100), 81559);
});

test("G-15 to G-18: the sample of a GPU in instances", () => {
  const { rows } = readText(sampleText("dcgm-mig"));
  assert.equal(
    numbered(rows).map(({ row, number }) => [
      number,
      row.instance?.id,
      utilisationPercent(row),
      row.readings.memoryUsed,
      totalMiB(row, {}),
      row.readings.temperature,
      shownName(row),
    ]),
    [
      [0, 2, 64, 16026, 40128, 47, "NVIDIA A100-SXM4-80GB MIG 3g.40gb"],
      [1, 3, 0, 12, 19967, 47, "NVIDIA A100-SXM4-80GB MIG 2g.20gb"],
      [2, 9, 0, 12, 9726, 47, "NVIDIA A100-SXM4-80GB MIG 1g.10gb"],
    ],
  );
  const uuid = "GPU-9b0d7f10-52aa-4d6e-8f7c-64a0c11e7a01";
  assert.equal(rows.map(shownUuid), [`${uuid}/2`, `${uuid}/3`, `${uuid}/9`]);
  assert.is(new Set(rows.map(({ identity }) => identity)).size, 3);
  assert.is(totalPowerWatts(rows), 181.322);
  assert.equal(rows[0]?.holders, [{ namespace: "serving", pod: "llm-0", container: "infer", usedMiB: 16026 }]);
});

test("G-16: power is counted once per GPU, memory and whole GPUs each", () => {
  const { rows } = readText(sampleText("dcgm-4gpu"));
  assert.is(Math.round(totalPowerWatts(rows) * 1000), 876_103);
  assert.is(totalPowerWatts([]), 0);
});

test("G-4: neither the order of the lines nor of the families changes anything", () => {
  const random = randomSource(7);
  for (const name of ["dcgm-4gpu", "dcgm-mig"] as const) {
    const text = sampleText(name);
    const expected = readText(text).rows;
    for (let round = 0; round < 20; round++) {
      const lines = text.split("\n").filter((entry) => !entry.startsWith("#"));
      const shuffled = lines.map((entry) => [random.integer(0, 1e9), entry] as const).sort(([a], [b]) => a - b);
      assert.equal(readText(shuffled.map(([, entry]) => entry).join("\n")).rows, expected);
    }
  }
});

test("G-4, G-5: a GPU that a family lacks keeps its other values", () => {
  const text = line("DEV_GPU_TEMP", gpu(0), 40) + line("DEV_GPU_TEMP", gpu(1), 41) + line("DEV_FB_USED", gpu(1), 5);
  const { rows } = readText(text);
  assert.equal(
    rows.map(({ readings }) => readings),
    [{ temperature: 40 }, { temperature: 41, memoryUsed: 5 }],
  );
});

test("G-5: families that we take nothing from still show that a GPU is there", () => {
  const { rows } = readText(line("DEV_SM_CLOCK", gpu(3), 345) + line("DEV_XID_ERRORS", gpu(4), 0));
  assert.equal(
    rows.map(({ index, readings }) => [index, readings]),
    [
      [3, {}],
      [4, {}],
    ],
  );
});

test("G-7: every sign for `no value` counts as missing, and is no error", () => {
  const blanks = [
    "9223372036854775794",
    "9223372036854775807",
    "9223372036854775792",
    "140737488355328",
    "140737488355330.000000",
    "NaN",
    "+Inf",
    "-Inf",
  ];
  for (const blank of blanks) {
    const { rows, dropped } = readText(line("DEV_GPU_TEMP", gpu(0), blank) + line("DEV_POWER_USAGE", gpu(0), blank));
    assert.equal([rows.length, rows[0]?.readings, dropped], [1, {}, 0], blank);
  }
});

test("G-14: a percentage that cannot be is dropped and counted; the second source takes its place", () => {
  const labels = gpu(0);
  const engine = line("PROF_GR_ENGINE_ACTIVE", labels, "0.126000");
  for (const wrong of ["4294967295", "101", "-1"]) {
    const { rows, dropped } = readText(line("DEV_GPU_UTIL", labels, wrong) + engine);
    assert.equal([rows.map(utilisationPercent), dropped], [[13], 1], wrong);
  }
  assert.equal(readText(line("DEV_GPU_UTIL", labels, 100)).rows.map(utilisationPercent), [100]);
  assert.equal(readText(line("DEV_GPU_UTIL", labels, 101)).rows.map(utilisationPercent), [undefined]);
  // A ratio is clamped.
  assert.equal(readText(line("PROF_GR_ENGINE_ACTIVE", labels, "1.004")).rows.map(utilisationPercent), [100]);
  assert.equal(readText(line("PROF_GR_ENGINE_ACTIVE", labels, "-0.001")).rows.map(utilisationPercent), [0]);
});

test("G-12: new names of fields; a ratio is told from a percentage by its decimals", () => {
  const labels = gpu(0);
  const { rows } = readText(
    line("DEV_GPU_TEMP_CELSIUS", labels, 50) +
      line("DEV_BOARD_POWER_WATTS", labels, "99.500000") +
      line("DEV_GPU_UTIL_RATIO", labels, "0.370000"),
  );
  assert.equal(rows[0]?.readings, { temperature: 50, power: 99.5, utilisation: 37 });
  assert.equal(readText(line("DEV_GPU_UTIL_RATIO", labels, 37)).rows[0]?.readings, { utilisation: 37 });
  assert.equal(readText(line("DEV_GPU_UTIL_RATIO", labels, "1.000000")).rows[0]?.readings, { utilisation: 100 });
  assert.equal(readText(line("DEV_GPU_UTIL_RATIO", labels, 1)).rows[0]?.readings, { utilisation: 1 });
});

test("G-9: a free GPU has empty pod labels, or none", () => {
  const empty = { container: "", namespace: "", pod: "" };
  const { rows } = readText(memory(gpu(0, empty), 0, 80) + memory(gpu(1), 0, 80));
  assert.equal(
    rows.map(({ holders }) => holders),
    [[], []],
  );
});

test("G-9, G-10: labels in their old and their new spelling; unknown ones are ignored", () => {
  const old = { gpu: "0", uuid: "GPU-0", pod_name: "p", pod_namespace: "n", container_name: "c", Hostname: "a" };
  const young = { gpu: "0", UUID: "GPU-0", pod: "p", namespace: "n", container: "c", hostname: "a", surprise: "!" };
  for (const labels of [old, young]) {
    const { rows } = readText(memory(labels, 5, 6));
    assert.equal(
      rows.map(({ uuid, holders }) => [uuid, holders]),
      [["GPU-0", [{ namespace: "n", pod: "p", container: "c", usedMiB: 5 }]]],
    );
  }
});

test("G-8: a quote in a label costs that line only", () => {
  const { rows, malformed } = readText(
    line("DEV_GPU_TEMP", gpu(0, { modelName: 'A "B"' }), 40) + line("DEV_FB_USED", gpu(0), 7),
  );
  assert.equal([malformed, rows.length, rows[0]?.readings], [1, 1, { memoryUsed: 7 }]);
});

test("G-11, G-27: time-shared without lines per pod: the device's value once, the holders united", () => {
  const sharing = (pod: string, vgpu: string) => gpu(0, { namespace: "n", pod, container: "c", vgpu });
  const { rows } = readText(
    memory(sharing("b", "1"), 900, 100) +
      memory(sharing("a", "0"), 900, 100) +
      line("DEV_GPU_UTIL", sharing("a", "0"), 70),
  );
  assert.is(rows.length, 1);
  assert.equal(rows[0]?.readings, { memoryUsed: 900, memoryFree: 100, utilisation: 70 });
  assert.equal(
    rows[0]?.holders.map(({ pod, usedMiB }) => [pod, usedMiB]),
    [
      ["a", 900],
      ["b", 0],
    ],
  );
});

test("G-11, G-27: lines per pod beside the device's: its value is the device's, theirs are their own", () => {
  const pod = (name: string) => gpu(0, { namespace: "n", pod: name, container: "c" });
  const { rows } = readText(
    line("DEV_FB_USED", pod("a"), 300) + line("DEV_FB_USED", gpu(0), 1000) + line("DEV_FB_USED", pod("b"), 600),
  );
  assert.is(rows[0]?.readings.memoryUsed, 1000);
  assert.equal(
    rows[0]?.holders.map(({ pod: name, usedMiB }) => [name, usedMiB]),
    [
      ["a", 300],
      ["b", 600],
    ],
  );
});

test("G-27: a holder of a GPU whose use is unknown has an unknown use", () => {
  const { rows } = readText(line("DEV_GPU_TEMP", gpu(0, { namespace: "n", pod: "p", container: "c" }), 40));
  assert.is(rows[0]?.holders[0]?.usedMiB, undefined);
});

test("G-15: what an exporter tells of a divided GPU as a whole makes no row", () => {
  const instance = gpu(0, { GPU_I_ID: "7", GPU_I_PROFILE: "1g.10gb" });
  const { rows } = readText(line("DEV_XID_ERRORS", gpu(0), 0) + memory(instance, 1, 2) + memory(gpu(1), 3, 4));
  assert.equal(
    rows.map(({ identity }) => identity),
    ["GPU-0/7", "GPU-1/"],
  );
});

test("G-18: order by number, not by text; a host with an instance is counted through, whole GPUs included", () => {
  const whole = [10, 2, 0].map((index) => memory(gpu(index), 0, 1)).join("");
  assert.equal(
    numbered(readText(whole).rows).map(({ number }) => number),
    [0, 2, 10],
  );
  const instance = (id: number) => memory(gpu(2, { GPU_I_ID: String(id), GPU_I_PROFILE: "1g.10gb" }), 0, 1);
  const mixed = memory(gpu(10), 0, 1) + instance(11) + instance(3) + memory(gpu(0), 0, 1);
  assert.equal(
    numbered(readText(mixed).rows).map(({ row, number }) => [number, row.identity]),
    [
      [0, "GPU-0/"],
      [1, "GPU-2/3"],
      [2, "GPU-2/11"],
      [3, "GPU-10/"],
    ],
  );
});

test("G-13: where the total comes from, the best source first", () => {
  const labels = gpu(0);
  const a100 = { "nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB", "nvidia.com/gpu.memory": "81920" };
  const visible = memory(labels, 100, 900);
  const reserved = line("DEV_FB_RESERVED", labels, 24);
  const total = (text: string, nodeLabels = {}) => readText(text).rows.map((row) => totalMiB(row, nodeLabels));
  assert.equal(total(visible + reserved + line("DEV_FB_TOTAL", labels, 2048), a100), [2048]);
  assert.equal(total(visible + reserved, a100), [1024]);
  assert.equal(total(visible, a100), [81920]);
  assert.equal(total(visible), [1000]);
  assert.equal(total(line("DEV_FB_USED", labels, 100)), [undefined]);
  assert.equal(total(line("DEV_FB_USED", labels, 100), a100), [81920]);
  // The document's example of an L40S.
  assert.equal(total(memory(labels, 0, 45459) + line("DEV_FB_RESERVED", labels, 608)), [46067]);
});

test("G-19, G-20, G-21: labels count for their own model only", () => {
  const row = (modelName: string) => readText(line("DEV_FB_USED", gpu(0, { modelName }), 1)).rows[0];
  const total = (modelName: string, product: string, value = "81559") => {
    const found = row(modelName);
    assert.ok(found);
    return totalMiB(found, { "nvidia.com/gpu.product": product, "nvidia.com/gpu.memory": value });
  };
  assert.is(total("NVIDIA H100 80GB HBM3", "NVIDIA-H100-80GB-HBM3"), 81559);
  assert.is(total("NVIDIA-H100-80GB-HBM3", "NVIDIA-H100-80GB-HBM3"), 81559);
  assert.is(total("NVIDIA H100 80GB HBM3", "NVIDIA-H100-80GB-HBM3-SHARED"), 81559);
  assert.is(total("Quadro RTX 6000/8000 (R)", "Quadro-RTX-60008000-R"), 81559);
  assert.is(total("NVIDIA A30", "NVIDIA-H100-80GB-HBM3"), undefined);
  assert.is(total("", "NVIDIA-H100-80GB-HBM3"), undefined);
  // With the strategy "single" the label is about an instance: no whole GPU has that little.
  assert.is(total("NVIDIA H100 80GB HBM3", "NVIDIA-H100-80GB-HBM3-MIG-1g.10gb", "9984"), undefined);
  for (const rubbish of ["", "0", "-1", "1e9", "81559Mi", "x"]) {
    assert.is(total("NVIDIA A30", "NVIDIA-A30", rubbish), undefined);
  }
});

test("G-13: labels of instances, with the strategies mixed and single", () => {
  const instance = gpu(0, { GPU_I_ID: "1", GPU_I_PROFILE: "1g.10gb+me" });
  const { rows } = readText(memory(instance, 0, 9700));
  const total = (labels: Record<string, string>) => rows.map((row) => totalMiB(row, labels))[0];
  const product = "NVIDIA-A100-SXM4-80GB-MIG-1g.10gb.me";
  assert.is(total({ "nvidia.com/mig-1g.10gb.me.memory": "9984" }), 9984);
  assert.is(total({ "nvidia.com/mig-1g.10gb.me.memory": "9984", "nvidia.com/mig-1g.10gb.me.product": product }), 9984);
  assert.is(
    total({ "nvidia.com/mig-1g.10gb.me.memory": "9984", "nvidia.com/mig-1g.10gb.me.product": "X-MIG-1g" }),
    9700,
  );
  assert.is(total({ "nvidia.com/gpu.product": product, "nvidia.com/gpu.memory": "9856" }), 9856);
  assert.is(total({ "nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB", "nvidia.com/gpu.memory": "81920" }), 9700);
  assert.is(total({ "nvidia.com/mig-3g.40gb.memory": "40448" }), 9700);
});

test("G-32: more rows than a node can have are refused, with all of them", () => {
  const rows = (count: number) => Array.from({ length: count }, (_, index) => memory(gpu(index), 0, 1)).join("");
  assert.is(readText(rows(MAX_ROWS)).rows.length, 1024);
  assert.throws(
    () => readText(rows(MAX_ROWS + 1)),
    (error: unknown) => error instanceof TooManyRows,
  );
});

test("G-32: what is kept of a row is bounded, whatever its labels hold", () => {
  const long = "x".repeat(10_000);
  const text = Array.from({ length: 1000 }, (_, index) =>
    line("DEV_FB_USED", gpu(0, { modelName: long, namespace: "n", pod: `p${index}`, container: long }), 1),
  ).join("");
  const { rows } = readText(text);
  assert.equal([rows.length, rows[0]?.holders.length, rows[0]?.modelName.length], [1, 256, 256]);
});

test("G-26, G-29: texts without a GPU give no rows: empty, comments only, other families, no GPU label", () => {
  const switches = 'DCGM_FI_DEV_GPU_TEMP{nvswitch="0"} 40\n';
  for (const text of ["", "# HELP x y\n# TYPE x gauge\n", "go_goroutines 7\n", switches, line("DEV_FB_USED", {}, 1)]) {
    assert.equal(readText(text).rows, []);
  }
});

test.run();
