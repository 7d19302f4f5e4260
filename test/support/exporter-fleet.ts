import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** What an exporter of the fleet says of one GPU; memory in MiB, power in W. */
export interface FleetFigures {
  utilisation: number;
  temperature: number;
  used: number;
  free: number;
  reserved: number;
  power: number;
}

/** Where an exporter of the fleet listens. */
export interface FleetAddress {
  host: string;
  port: number;
}

/** Memory of each GPU, in MiB. */
export const FLEET_GPU_MIB = 81_559;
const RESERVED_MIB = 551;
const MODEL = "NVIDIA H100 80GB HBM3";
/** Families of an exporter's plain list, with what is written behind each line of a GPU. */
const FAMILIES: readonly (readonly [
  family: string,
  kind: string,
  value: (figures: FleetFigures) => number | string,
])[] = [
  ["DEV_SM_CLOCK", "gauge", ({ utilisation }) => 345 + 16 * utilisation],
  ["DEV_MEM_CLOCK", "gauge", () => 2619],
  ["DEV_MEMORY_TEMP", "gauge", ({ temperature }) => temperature + 7],
  ["DEV_GPU_TEMP", "gauge", ({ temperature }) => temperature],
  ["DEV_POWER_USAGE", "gauge", ({ power }) => power.toFixed(6)],
  ["DEV_TOTAL_ENERGY_CONSUMPTION", "counter", ({ power }) => 88_002_211_004 + Math.round(power)],
  ["DEV_GPU_UTIL", "gauge", ({ utilisation }) => utilisation],
  ["DEV_MEM_COPY_UTIL", "gauge", ({ utilisation }) => utilisation >> 1],
  ["DEV_XID_ERRORS", "gauge", () => 0],
  ["DEV_FB_FREE", "gauge", ({ free }) => free],
  ["DEV_FB_USED", "gauge", ({ used }) => used],
  ["DEV_FB_RESERVED", "gauge", ({ reserved }) => reserved],
  ["PROF_GR_ENGINE_ACTIVE", "gauge", ({ utilisation }) => (utilisation / 100).toFixed(6)],
];

/** What the exporter with that number says of a GPU at its scrape with that number; both count from 0. Every scrape says something else. */
export function fleetFigures(exporter: number, gpu: number, scrape: number): FleetFigures {
  const utilisation = (exporter * 31 + gpu * 13 + scrape * 7) % 101;
  const used = 600 + 760 * utilisation;
  return {
    utilisation,
    temperature: 28 + (utilisation >> 1),
    used,
    free: FLEET_GPU_MIB - RESERVED_MIB - used,
    reserved: RESERVED_MIB,
    power: 69 + 6 * utilisation,
  };
}

/** The name of an exporter's node in the fleet. */
export function fleetNode(exporter: number): string {
  return `fleet-${String(exporter).padStart(3, "0")}`;
}

/** The text of an exporter, made once but for its numbers, so that a scrape costs the fleet next to nothing. */
class FleetText {
  /** What stands before each number. */
  readonly #pieces: readonly string[];
  readonly #exporter: number;
  readonly #gpus: number;

  constructor(exporter: number, gpus: number) {
    this.#exporter = exporter;
    this.#gpus = gpus;
    const labels = Array.from({ length: gpus }, (_, gpu) => labelsOf(exporter, gpu));
    this.#pieces = FAMILIES.flatMap(([family, kind]) =>
      labels.map((text, gpu) => {
        const header = `# HELP DCGM_FI_${family} Of the fleet.\n# TYPE DCGM_FI_${family} ${kind}\n`;
        return `${gpu === 0 ? header : ""}DCGM_FI_${family}{${text}} `;
      }),
    );
  }

  at(scrape: number): string {
    const figures = Array.from({ length: this.#gpus }, (_, gpu) => fleetFigures(this.#exporter, gpu, scrape));
    let text = "";
    let piece = 0;
    for (const [, , value] of FAMILIES) {
      for (const figure of figures) text += `${this.#pieces[piece++]}${value(figure)}\n`;
    }
    return text;
  }
}

/** Every second GPU is held by a pod. */
function labelsOf(exporter: number, gpu: number): string {
  const labels: Record<string, string> = {
    gpu: String(gpu),
    UUID: `GPU-${String(exporter).padStart(8, "0")}-7d1e-4c0b-9a77-${String(gpu).padStart(12, "0")}`,
    pci_bus_id: `00000000:${(0x1b + gpu * 9).toString(16).toUpperCase()}:00.0`,
    device: `nvidia${gpu}`,
    modelName: MODEL,
    Hostname: fleetNode(exporter),
    DCGM_FI_DRIVER_VERSION: "570.133.20",
    ...(gpu % 2 === 0 ? { container: "train", namespace: "team-a", pod: `resnet-${exporter}-worker-${gpu}` } : {}),
  };
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${value}"`)
    .join(",");
}

/** Many exporters in one process, each at a loopback address of its own as if it were a pod on a node of its own. */
export class ExporterFleet {
  readonly addresses: readonly FleetAddress[];
  readonly #servers: readonly Server[];
  readonly #scrapes: readonly number[];

  private constructor(servers: readonly Server[], addresses: readonly FleetAddress[], scrapes: readonly number[]) {
    this.#servers = servers;
    this.addresses = addresses;
    this.#scrapes = scrapes;
  }

  /** Starts so many exporters of so many GPUs each. */
  static async start(exporters: number, gpus: number): Promise<ExporterFleet> {
    const scrapes: number[] = [];
    const servers: Server[] = [];
    const addresses: FleetAddress[] = [];
    try {
      for (let exporter = 0; exporter < exporters; exporter++) {
        const host = `127.64.${Math.floor(exporter / 250)}.${1 + (exporter % 250)}`;
        const text = new FleetText(exporter, gpus);
        scrapes[exporter] = 0;
        const server = createServer((_request, response) => {
          const scrape = scrapes[exporter] ?? 0;
          scrapes[exporter] = scrape + 1;
          response.setHeader("content-type", "text/plain; charset=utf-8");
          response.end(text.at(scrape));
        });
        await new Promise<void>((resolve, reject) => {
          server.once("error", reject);
          server.listen(0, host, resolve);
        });
        servers.push(server);
        addresses.push({ host, port: (server.address() as AddressInfo).port });
      }
    } catch (error) {
      for (const server of servers) server.close();
      throw error;
    }
    return new ExporterFleet(servers, addresses, scrapes);
  }

  /** How often an exporter was asked. */
  scrapes(exporter: number): number {
    return this.#scrapes[exporter] ?? 0;
  }

  /** How often all were asked together. */
  get total(): number {
    return this.#scrapes.reduce((sum, count) => sum + count, 0);
  }

  async stop(): Promise<void> {
    for (const server of this.#servers) server.closeAllConnections();
    await Promise.all(this.#servers.map((server) => new Promise((done) => server.close(done))));
  }
}
