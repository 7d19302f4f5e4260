import { Registry } from "prom-client";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { GPU_SETTINGS, gpuSettings } from "../../../api/gpu/gpu-settings.ts";
import { Gpus, type NodeGpus } from "../../../api/gpu/gpus.ts";
import { KubeClient } from "../../../kube/client.ts";
import { readSettings } from "../../../settings/settings.ts";
import { until } from "../../support/deadline.ts";
import { Exporter, silence } from "../../support/exporter.ts";
import { ExporterFleet, FLEET_GPU_MIB, fleetFigures } from "../../support/exporter-fleet.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../../support/temporary-namespace.ts";
import { kubeConfig } from "./facade-stage.ts";
import { GpuWorld } from "./gpu-world.ts";

const test = suite("a fleet of GPU exporters");
const WAIT_MS = 120_000;
const EXPORTERS = 40;
const GPUS = 8;
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

let client: KubeClient;
let namespace: TemporaryNamespace;
let world: GpuWorld;
let fleet: ExporterFleet;
let hung: Exporter;

test.before(async () => {
  try {
    namespace = await temporaryNamespace("fleet");
    client = new KubeClient({ kubeConfig: kubeConfig(), userAgent: "odin-test" });
    world = new GpuWorld(client, namespace.name);
    fleet = await ExporterFleet.start(EXPORTERS, GPUS);
    hung = await Exporter.start(silence, { host: "127.0.20.1" });
  } catch (error) {
    console.error(error);
    throw error;
  }
});
test.after(async () => {
  await world.close();
  client.close();
  await fleet.stop();
  await hung.stop();
  await namespace.remove();
});

test("G-31, G-34: every exporter of many is read again and again, each row with the figures of one scrape, beside one that hangs", async () => {
  const nodes = await world.createFleet(fleet.addresses, GPUS);
  const lame = await world.createNode("lame", { gpus: GPUS });
  await world.createExporter("exporter-lame", { node: lame, ip: "127.0.20.1", port: hung.port });
  const settings = gpuSettings(readSettings(GPU_SETTINGS, [], GpuWorld.settings(world.id)));
  const timings = { intervalMs: 500, backoffMs: { base: 500, cap: 1_000 } };
  const gpus = new Gpus({ client, settings, logger: silent, registry: new Registry(), timings });
  gpus.start();
  try {
    const rounds = (): number => Math.min(...nodes.map((_, exporter) => fleet.scrapes(exporter)));
    await until(rounds, WAIT_MS, { describe: "each was asked three times", accept: (least) => least >= 3 });
    const shown = await until(() => new Map(gpus.nodes().map((node) => [node.node.metadata.name, node])), WAIT_MS, {
      describe: "the hanging one has failed, and no other",
      // A machine that stands still for two seconds makes any of them late.
      accept: (found) => [...found].every(([name, { error }]) => (error !== undefined) === (name === lame)),
    });
    for (const [exporter, name] of nodes.entries()) assertFigures(exporter, shown.get(name));
    assert.equal(shown.get(lame)?.rows, []);
  } finally {
    await gpus.stop();
  }
});

function assertFigures(exporter: number, shown: NodeGpus | undefined): void {
  assert.is(shown?.error, undefined);
  assert.is(shown?.rows.length, GPUS);
  const last = fleet.scrapes(exporter) - 1;
  const seen = shown?.rows.map(({ row }) => [
    row.readings.utilisation,
    row.readings.memoryUsed,
    row.readings.memoryFree,
  ]);
  const said = [last, last - 1].map((scrape) =>
    Array.from({ length: GPUS }, (_, gpu) => {
      const { utilisation, used, free, reserved } = fleetFigures(exporter, gpu, scrape);
      assert.is(used + free + reserved, FLEET_GPU_MIB);
      return [utilisation, used, free];
    }),
  );
  // The newest may be on its way.
  assert.ok(
    said.some((figures) => JSON.stringify(figures) === JSON.stringify(seen)),
    JSON.stringify(seen),
  );
  const holders = shown?.rows.map(({ row }) => row.holders.length);
  assert.equal(holders, [1, 0, 1, 0, 1, 0, 1, 0]);
}

test.run();
