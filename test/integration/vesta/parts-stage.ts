import { join } from "node:path";
import { until } from "../../support/deadline.ts";
import { type Behaviour, Exporter } from "../../support/exporter.ts";
import { SlackServer } from "../../support/slack-server.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";
import { type Answer, send } from "../../unit/api/served.ts";
import { FacadeStage } from "../api/facade-stage.ts";
import { GpuWorld, type NodeOptions } from "../api/gpu-world.ts";

export const WAIT_MS = 90_000;

/** A host as `/states/` shows it. */
export interface ShownHost {
  data: { gpu_data: Record<string, Record<string, unknown>>; timestamp: string }[];
  ip_address: string;
  status: string;
  source: string;
}

/** A facade whose view of GPUs has nodes, exporters and senders of the test's own, and a webhook to speak to. */
export class PartsStage {
  readonly facade: FacadeStage;
  readonly world: GpuWorld;
  readonly slack: SlackServer;
  readonly #directory: TemporaryDirectory;
  readonly #exporters: Exporter[] = [];

  private constructor(facade: FacadeStage, world: GpuWorld, slack: SlackServer, directory: TemporaryDirectory) {
    this.facade = facade;
    this.world = world;
    this.slack = slack;
    this.#directory = directory;
  }

  /** Starts it; `env` goes before the stage's own settings. */
  static async open(env: Record<string, string> = {}): Promise<PartsStage> {
    try {
      const id = GpuWorld.newId();
      const slack = await SlackServer.open();
      const directory = await temporaryDirectory();
      const facade = await FacadeStage.open({
        ...GpuWorld.settings(id),
        ODIN_GPU_INTERVAL: "1",
        ODIN_STORE: join(directory.path, "store.db"),
        VESTA_SERVER_SLEEP_TIME: "1",
        VESTA_SAVE_INTERVAL: "1",
        VESTA_SERVER_UP_MSG: "",
        VESTA_SLACK_WEBHOOK: slack.webhookUrl,
        TZ: "UTC",
        ...env,
      });
      return new PartsStage(facade, new GpuWorld(facade.client, facade.namespace, id), slack, directory);
    } catch (error) {
      // uvu says nothing about a hook that throws.
      console.error(error);
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.world.close();
    for (const exporter of this.#exporters) await exporter.stop();
    await this.facade.close();
    await this.slack.close();
    await this.#directory.remove();
  }

  /** A node with an exporter on it, at an address of its own. */
  async node(
    short: string,
    host: string,
    behaviour: Behaviour,
    options: NodeOptions = {},
  ): Promise<[string, Exporter]> {
    const name = await this.world.createNode(short, { gpus: 1, internalIp: host, ...options });
    const exporter = await this.exporter(host, behaviour);
    await this.world.createExporter(`exporter-${short}`, { node: name, ip: host, port: exporter.port });
    return [name, exporter];
  }

  /** An exporter that nothing points at yet. */
  async exporter(host: string, behaviour: Behaviour, port = 0): Promise<Exporter> {
    const exporter = await Exporter.start(behaviour, { host, port });
    this.#exporters.push(exporter);
    return exporter;
  }

  get(path: string): Promise<Answer> {
    return send(this.facade.port, "GET", path);
  }

  /** The text of a page or a table; throws if there is none. */
  async text(path: string): Promise<string> {
    const { status, text } = await this.get(path);
    if (status !== 200) throw new Error(`GET ${path}: ${status} ${text.slice(0, 500)}`);
    return text;
  }

  /** All hosts as `/states/` shows them. */
  async states(query = ""): Promise<Record<string, ShownHost>> {
    return JSON.parse(await this.text(`/states/${query}`)) as Record<string, ShownHost>;
  }

  /** Waits until `/states/` is as wanted. */
  untilStates(
    describe: string,
    accept: (hosts: Record<string, ShownHost>) => boolean,
    ms = WAIT_MS,
  ): Promise<Record<string, ShownHost>> {
    return until(() => this.states(), ms, { describe, accept, everyMs: 200 });
  }

  /** Waits until there are messages that hold a text, and returns them. */
  async messages(host: string): Promise<string[]> {
    return this.slack.webhookTexts.filter((text) => text.includes(host));
  }
}
