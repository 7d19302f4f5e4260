import { until } from "../../support/deadline.ts";
import { Exporter } from "../../support/exporter.ts";
import { line } from "../../support/gpu-text.ts";
import type { FacadeStage } from "./facade-stage.ts";
import { GpuWorld } from "./gpu-world.ts";

const WAIT_MS = 60_000;
const ID = GpuWorld.newId();

/** Settings of a facade that shows the node of the document's example and no other. */
export function exampleNodeSettings(): Record<string, string> {
  return GpuWorld.settings(ID);
}

/** The node with one GPU of the document's example, and the exporter that tells of it. */
export class ExampleNode {
  readonly #world: GpuWorld;
  readonly #exporter: Exporter;

  private constructor(node: GpuWorld, exporter: Exporter) {
    this.#world = node;
    this.#exporter = exporter;
  }

  /** Makes both and waits until the facade serves them. */
  static async start(stage: FacadeStage): Promise<ExampleNode> {
    const made = new GpuWorld(stage.client, stage.namespace, ID);
    const exporter = await Exporter.start(TEXT, { host: "127.0.20.1" });
    const node = await made.createNode("example", {
      host: "dpressel",
      gpus: 1,
      capacity: { "ephemeral-storage": "959863856Ki", "hugepages-1Gi": "0", "hugepages-2Mi": "0" },
    });
    await made.createExporter("gpu-exporter", { node, ip: "127.0.20.1", port: exporter.port });
    const shown = async () => (await stage.get("/v1/nodes")).json.nodes as { host: string; gpus: unknown[] }[];
    await until(shown, WAIT_MS, {
      describe: "the node is shown as its kubelet has told of it, with the GPU",
      accept: ([first]) => first?.host === "dpressel" && first.gpus.length === 1,
    });
    return new ExampleNode(made, exporter);
  }

  async stop(): Promise<void> {
    await this.#world.close();
    await this.#exporter.stop();
  }
}

const LABELS = {
  gpu: "0",
  UUID: "GPU-1b9a3804-64b6-3c05-cbb2-757cc8907437",
  pci_bus_id: "00000000:01:00.0",
  device: "nvidia0",
  modelName: "GeForce RTX 2080 with Max-Q Design",
  Hostname: "dpressel",
  container: "main",
  namespace: "odin",
  pod: "sst2-4k2m9xq1j--sst2",
};
const VALUES: Readonly<Record<string, number | string>> = {
  DEV_FB_TOTAL: 7952,
  DEV_FB_USED: 6144,
  DEV_FB_FREE: 1808,
  DEV_GPU_UTIL: 93,
  DEV_MEM_COPY_UTIL: 41,
  DEV_GPU_TEMP: 71,
  DEV_SHUTDOWN_TEMP: 99,
  DEV_SLOWDOWN_TEMP: 94,
  DEV_MEM_CLOCK: 6001,
  DEV_MAX_SM_CLOCK: 2100,
  DEV_POWER_USAGE: "78.730000",
  DEV_PSTATE: 2,
  DEV_COMPUTE_MODE: 0,
  DEV_MINOR_NUMBER: 0,
};
const TEXT = Object.entries(VALUES)
  .map(([family, value]) => line(family, LABELS, value))
  .join("");
