import * as yaml from "js-yaml";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FIELDS } from "../../../api/gpu/field-table.ts";
import { gpuView } from "../../../api/odin/gpu-view.ts";
import { textOf } from "../../support/documents.ts";
import { readText } from "../../support/gpu-text.ts";

const test = suite("what the examples have about GPUs");

/** Lines of the list: field, type, help, as dcgm-exporter reads them. */
const LIST = textOf("examples/gpus/dcgm-metrics.csv")
  .split("\n")
  .filter((line) => line.trim() !== "" && !line.startsWith("#"))
  .map((line) => line.split(",").map((part) => part.trim()));
const gauges = LIST.filter(([, type]) => type === "gauge").map(([field = ""]) => field);

test("G-38: every line of the list is one that the exporter takes, and none is there twice", () => {
  for (const [field = "", type = "", help = "", ...more] of LIST) {
    assert.match(field, /^DCGM_FI_[A-Z0-9_]+$/);
    assert.ok(["gauge", "counter", "label"].includes(type), field);
    assert.ok(help.length > 0 && more.length === 0, field);
  }
  assert.is(new Set(LIST.map(([field]) => field)).size, LIST.length);
});

test("G-38: it has what the exporter's own lists leave out", () => {
  const extended =
    "FB_TOTAL FB_RESERVED PSTATE MINOR_NUMBER COMPUTE_MODE ECC_CURRENT ECC_PENDING POWER_MGMT_LIMIT POWER_MGMT_LIMIT_MIN " +
    "POWER_MGMT_LIMIT_MAX POWER_MGMT_LIMIT_DEF ENFORCED_POWER_LIMIT SLOWDOWN_TEMP SHUTDOWN_TEMP APP_MEM_CLOCK MAX_SM_CLOCK";
  assert.equal(
    extended.split(" ").filter((field) => !gauges.includes(`DCGM_FI_DEV_${field}`)),
    [],
  );
  const labels = LIST.filter(([, type]) => type === "label").map(([field]) => field);
  assert.equal(labels, ["DCGM_FI_DRIVER_VERSION", "DCGM_FI_DEV_SERIAL", "DCGM_FI_DEV_BRAND"]);
});

test("G-38: with that list no value of a GPU is unknown", () => {
  const labels =
    'gpu="0",UUID="GPU-0",pci_bus_id="00000000:01:00.0",modelName="NVIDIA A100",DCGM_FI_DEV_SERIAL="1",DCGM_FI_DEV_BRAND="NVIDIA"';
  const { rows } = readText(gauges.map((field) => `${field}{${labels}} 1\n`).join(""));
  const [row] = rows;
  assert.ok(row);
  const view = gpuView({ row, readAt: 0, attributed: true }, {}, false);
  assert.not.match(JSON.stringify(view), "N/A");
  const shown = [...FIELDS].filter(([, { field }]) => field !== undefined && row.readings[field] === undefined);
  assert.equal(shown, []);
});

test("the simulated exporter is found as the real one is, and tells of two GPUs", () => {
  const documents = yaml.loadAll(textOf("examples/gpus/simulated-exporter.yaml")) as [
    { data: { metrics: string } },
    { metadata: { labels: Record<string, string> } },
  ];
  assert.is(documents[1].metadata.labels["app.kubernetes.io/name"], "dcgm-exporter");
  const { rows, malformed, dropped } = readText(documents[0].data.metrics);
  assert.equal([rows.length, malformed, dropped], [2, 0, 0]);
});

test.run();
