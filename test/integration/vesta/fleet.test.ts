// timeout: 600
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../../support/deadline.ts";
import { ExporterFleet, FLEET_GPU_MIB, fleetFigures } from "../../support/exporter-fleet.ts";
import { PartsStage, type ShownHost } from "./parts-stage.ts";

const test = suite("a fleet of GPU nodes in view");
const EXPORTERS = 40;
const GPUS = 8;
const WAIT_MS = 180_000;
const MODEL = "NVIDIA H100 80GB HBM3";

let stage: PartsStage;
let fleet: ExporterFleet;
let nodes: string[] = [];

test.before(async () => {
  stage = await PartsStage.open({ VESTA_DOWN_TH: "600" });
  try {
    fleet = await ExporterFleet.start(EXPORTERS, GPUS);
    nodes = await stage.world.createFleet(fleet.addresses, GPUS);
  } catch (error) {
    console.error(error);
    throw error;
  }
});
test.after(async () => {
  await stage.close();
  await fleet.stop();
});

const isWhole = (host: ShownHost | undefined): boolean =>
  host?.status === "running" && Object.keys(host.data.at(-1)?.gpu_data ?? {}).length === GPUS;

test("V-12, V-13, V-30: every node of the fleet with all its GPUs, each with the figures of one and the same scrape", async () => {
  const hosts = await stage.untilStates(
    "all are there",
    (found) => nodes.every((node) => isWhole(found[node])),
    WAIT_MS,
  );
  assert.is(Object.keys(hosts).length, EXPORTERS);
  for (const [exporter, node] of nodes.entries()) {
    const gpus = Object.values(hosts[node]?.data[0]?.gpu_data ?? {});
    const seen = gpus.map((gpu) => [gpu.gpu_volatile, gpu.temperature, gpu.used_memory, gpu.available_memory]);
    const scrape = Array.from({ length: fleet.scrapes(exporter) }, (_, index) => index).find((one) => {
      const said = gpus.map((_, gpu) => {
        const { utilisation, temperature, used, free } = fleetFigures(exporter, gpu, one);
        return [utilisation, temperature, used, free];
      });
      return JSON.stringify(said) === JSON.stringify(seen);
    });
    assert.ok(scrape !== undefined, `${node}: ${JSON.stringify(seen)}`);
    for (const gpu of gpus) assert.equal([gpu.total_memory, gpu.gpu_name], [FLEET_GPU_MIB, MODEL]);
  }
});

test("V-35, V-38, V-44: the tables have a line for each GPU, hosts by address, every line 80 columns wide", async () => {
  const byAddress = fleet.addresses
    .map(({ host }, exporter) => ({ host, node: nodes[exporter] ?? "" }))
    .sort((a, b) => (a.host < b.host ? -1 : 1))
    .map(({ node }) => node);
  for (const path of ["/?term=true", "/gpu_table?term=true"]) {
    const lines = (await stage.text(path)).split("\n");
    assert.is(lines.pop(), "");
    for (const line of lines) assert.is([...line].length, 80, line);
    const shown = lines
      .filter((line) => line.startsWith("|fleet-"))
      .map((line) => line.slice(1).split(/[ |…]/)[0] ?? "");
    assert.is(shown.length, EXPORTERS, path);
    for (const [index, name] of shown.entries()) assert.ok(byAddress[index]?.startsWith(name), `${name} at ${index}`);
    assert.is(lines.filter((line) => line.includes(":NVIDIA H100")).length, EXPORTERS * GPUS, path);
  }
});

test("V-29, V-31, V-66: each host's history grows, no more than 10,000 rows of it are given, and the last of them is the newest", async () => {
  const [node = ""] = nodes;
  const rows = async (query: string): Promise<ShownHost["data"]> => {
    const text = await stage.text(`/states/${node}/?fetch_num=${query}`);
    return (JSON.parse(text) as Record<string, ShownHost>)[node]?.data ?? [];
  };
  const all = await until(() => rows("-1"), WAIT_MS, {
    describe: "four rows",
    accept: (found) => found.length >= 4,
    everyMs: 300,
  });
  // The figures come again after a hundred scrapes, which a slow machine may have behind it.
  const last = all.slice(-40);
  const used = new Set(last.map(({ gpu_data: gpus }) => gpus["gpu:0"]?.used_memory));
  assert.is(used.size, last.length);
  assert.is((await rows("2")).length, 2);
  const times = all.map(({ timestamp }) => Date.parse(timestamp));
  assert.not.ok(times.includes(Number.NaN), JSON.stringify(all.at(0)));
  assert.equal(
    times,
    [...times].sort((a, b) => a - b),
  );
});

test("G-31: whoever asks causes no scrape: a hundred questions later each exporter was asked no more often than its interval has it", async () => {
  const before = { total: fleet.total, at: performance.now() };
  await Promise.all(Array.from({ length: 100 }, () => stage.text("/states/")));
  const seconds = (performance.now() - before.at) / 1000;
  // At most once in 0.9 s each, and once more for those that were due.
  const most = EXPORTERS * (Math.ceil(seconds / 0.9) + 1);
  assert.ok(fleet.total - before.total <= most, `${fleet.total - before.total} of ${most}`);
});

test.run();
