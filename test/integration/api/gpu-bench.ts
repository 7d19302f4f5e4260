import { Registry } from "prom-client";
import { GPU_SETTINGS, type GpuSettings, gpuSettings } from "../../../api/gpu/gpu-settings.ts";
import { Gpus, type NodeGpus } from "../../../api/gpu/gpus.ts";
import type { ScraperTimings } from "../../../api/gpu/scraper.ts";
import type { KubeClient } from "../../../kube/client.ts";
import { readSettings } from "../../../settings/settings.ts";
import { until } from "../../support/deadline.ts";
import { type Behaviour, Exporter } from "../../support/exporter.ts";
import { GpuWorld } from "./gpu-world.ts";

const WAIT_MS = 60_000;
/** How often a bench reads, where a test does not say it. */
export const BENCH_TIMINGS: Partial<ScraperTimings> = {
  intervalMs: 200,
  timeoutMs: 3_000,
  backoffMs: { base: 200, cap: 400 },
  firstMs: 10,
};

/** A world, the exporters in it and one reader of them all; everything ends with `close`. */
export class GpuBench {
  readonly world: GpuWorld;
  registry = new Registry();
  readonly logLines: Record<string, unknown>[] = [];
  readonly #exporters: Exporter[] = [];
  readonly #client: KubeClient;
  #gpus: Gpus | undefined;

  constructor(client: KubeClient, namespace: string) {
    this.#client = client;
    this.world = new GpuWorld(client, namespace);
  }

  async exporter(behaviour: Behaviour, options: { host?: string; port?: number } = {}): Promise<Exporter> {
    const exporter = await Exporter.start(behaviour, options);
    this.#exporters.push(exporter);
    return exporter;
  }

  /** An exporter in a pod of its own on a node. */
  async exporterPod(pod: string, node: string, behaviour: Behaviour, host: string): Promise<Exporter> {
    const exporter = await this.exporter(behaviour, { host });
    await this.world.createExporter(pod, { node, ip: host, port: exporter.port });
    return exporter;
  }

  /** Starts the reader; with `through` it has a client of its own. */
  read(env: Record<string, string> = {}, timings = BENCH_TIMINGS, through = this.#client): Gpus {
    this.registry = new Registry();
    const settings: GpuSettings = gpuSettings(
      readSettings(GPU_SETTINGS, [], { ...GpuWorld.settings(this.world.id), ...env }),
    );
    const log = (level: string) => (fields: object, msg: string) => void this.logLines.push({ level, ...fields, msg });
    const logger = { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") };
    this.#gpus = new Gpus({ client: through, settings, logger, registry: this.registry, timings });
    this.#gpus.start();
    return this.#gpus;
  }

  /** The reader. */
  get gpus(): Gpus {
    if (this.#gpus === undefined) throw new Error("nothing reads yet");
    return this.#gpus;
  }

  /** A node as the reader has it. */
  node(name: string): NodeGpus {
    const found = this.gpus.nodes().find(({ node }) => node.metadata.name === name);
    if (found === undefined) throw new Error(`no node ${name}`);
    return found;
  }

  /** Waits until a node looks as wanted. */
  until(name: string, describe: string, accept: (node: NodeGpus) => boolean): Promise<NodeGpus> {
    return until(() => this.node(name), WAIT_MS, { describe, accept });
  }

  /** Lines of the log with that text. */
  said(text: string): Record<string, unknown>[] {
    return this.logLines.filter(({ msg }) => String(msg).includes(text));
  }

  async close(): Promise<void> {
    await this.#gpus?.stop();
    for (const exporter of this.#exporters) await exporter.stop();
    await this.world.close();
  }
}
