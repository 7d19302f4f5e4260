import type { Duplex } from "node:stream";
import type { Certificate } from "../../../../../api/certificate.ts";
import { parseNetworks } from "../../../../../api/networks.ts";
import { parseAllowList } from "../../../../../api/vesta/allow-list.ts";
import type { GpuData, HistoryRow, Host, Payload } from "../../../../../api/vesta/hosts/host.ts";
import { Live } from "../../../../../api/vesta/page/live.ts";
import type { FollowedHosts, PageParts } from "../../../../../api/vesta/page/page-parts.ts";
import { mainHandler, staticRoute, tableHandler } from "../../../../../api/vesta/page/page-routes.ts";
import type { SampledHistory } from "../../../../../api/vesta/page/past.ts";
import type { Holdings } from "../../../../../api/vesta/page/templates/view.ts";
import { timeFormatter } from "../../../../../api/vesta/timestamp.ts";
import type { StoredHistoryRow } from "../../../../../store/vesta-history.ts";
import { type ServedVesta, serveVesta } from "../served-vesta.ts";

async function* inPieces<T>(all: readonly T[]): AsyncGenerator<T, void> {
  yield* all;
}

/** Time of the first payloads: 2026-11-20 23:39:37 UTC. */
export const THEN_MS = Date.UTC(2026, 10, 20, 23, 39, 37);

/** A GPU like those of the contract's examples; `more` changes it. */
export function gpu(device: number, more: Partial<GpuData> = {}): GpuData {
  const used = more.used_memory ?? 68_601;
  const total = more.total_memory ?? 81_559;
  return {
    device_num: device,
    uuid: `GPU-${device}`,
    gpu_name: "NVIDIA H100 80GB HBM3",
    timestamp: "2026/11/20 23:39:31.204",
    temperature: 61,
    total_memory: total,
    available_memory: total - used,
    used_memory: used,
    gpu_volatile: 97,
    processes: [],
    ...more,
  };
}

/** GPUs under their keys. */
export function payload(...gpus: GpuData[]): Payload {
  return Object.fromEntries(gpus.map((one) => [`gpu:${one.device_num}`, one]));
}

/** A node that runs, unless `more` says otherwise. */
export function host(name: string, more: Partial<Host> = {}): Host {
  return {
    id: name,
    name,
    ipAddress: "10.0.0.11",
    source: "node",
    status: "running",
    arrival: 1,
    hadContact: true,
    lastContactMs: THEN_MS,
    payload: payload(gpu(0)),
    payloadMs: THEN_MS,
    ...more,
  };
}

/** Hosts in memory, in the order in which they were put. */
export class FakeHosts implements FollowedHosts {
  readonly rows = new Map<string, HistoryRow[]>();
  #hosts: readonly Host[] = [];
  readonly #listeners = new Set<(host: Host) => void>();

  list(): readonly Host[] {
    return this.#hosts;
  }

  find(name: string): Host | undefined {
    return this.#hosts.find((one) => one.name === name);
  }

  newestRow({ name }: Host): HistoryRow | undefined {
    return this.rows.get(name)?.at(-1);
  }

  onChange(fn: (host: Host) => void): () => void {
    this.#listeners.add(fn);
    return () => this.#listeners.delete(fn);
  }

  /** As the store gives it; ids are names here. */
  readonly history: SampledHistory = {
    sample: (name, most, { fromMs, toMs }) => {
      const rows = this.#stored(name).filter(({ timeMs }) => timeMs >= fromMs && timeMs <= toMs);
      const step = rows.length <= most ? 1 : Math.ceil(rows.length / (most - 1));
      return inPieces(rows.filter((_row, index) => index % step === 0 || index === rows.length - 1));
    },
  };

  /** Adds a host, or replaces the one of its name. */
  put(...hosts: Host[]): void {
    for (const one of hosts) {
      const others = this.#hosts;
      this.#hosts = others.some(({ name }) => name === one.name)
        ? others.map((other) => (other.name === one.name ? one : other))
        : [...others, one];
      for (const fn of this.#listeners) fn(one);
    }
  }

  #stored(name: string): StoredHistoryRow[] {
    return (this.rows.get(name) ?? []).map(({ timeMs, data }) => ({ host: name, timeMs, data: JSON.stringify(data) }));
  }

  remove(name: string): void {
    const gone = this.find(name);
    this.#hosts = this.#hosts.filter((one) => one.name !== name);
    if (gone !== undefined) for (const fn of this.#listeners) fn(gone);
  }
}

/** A server with the pages and their websocket over hosts of the test. */
export interface PageStage {
  hosts: FakeHosts;
  holdings: Map<string, Holdings>;
  parts: PageParts;
  live: Live;
  served: ServedVesta;
  url: string;
  /** The server's time of day, which goes on by itself too. */
  clock: { nowMs: number };
  /** Cuts the connections of all open pages. */
  cut(): void;
  close(): Promise<void>;
}

/** Starts the server. Times are written in UTC, month first. */
export async function openPageStage(
  settings: Partial<PageParts["settings"]> = {},
  { allow = "127.0.0.1", stuckMs, tls }: { allow?: string; stuckMs?: number; tls?: Certificate } = {},
): Promise<PageStage> {
  const hosts = new FakeHosts();
  const holdings = new Map<string, Holdings>();
  // The time of the first payloads, going on from there.
  let aheadMs = THEN_MS - Date.now();
  const clock = {
    get nowMs() {
      return Date.now() + aheadMs;
    },
    set nowMs(nowMs) {
      aheadMs = nowMs - Date.now();
    },
  };
  const parts: PageParts = {
    now: () => clock.nowMs,
    hosts,
    history: hosts.history,
    settings: {
      textVersion: "1.0.0",
      mainPage: { title: "GPU info", description: "" },
      tablePage: { title: "GPU Table", description: "" },
      pageSize: 8,
      liveSeconds: 1,
      timeZone: "UTC",
      ...settings,
    },
    formatTime: timeFormatter("MDY", "UTC"),
    holdings: ({ name }) => holdings.get(name) ?? {},
  };
  const live = new Live({
    ...parts,
    validNetwork: parseAllowList(allow),
    trustedProxies: parseNetworks([]),
    ...(stuckMs === undefined ? {} : { stuckMs }),
  });
  const sockets = new Set<Duplex>();
  const served = await serveVesta(
    [
      { path: "/", guard: "list", methods: { GET: mainHandler(parts) } },
      { path: "/gpu_table", guard: "list", methods: { GET: tableHandler(parts) } },
      staticRoute(),
    ],
    {
      allow,
      ...(tls === undefined ? {} : { tls }),
      upgrades: {
        owns: (target) => live.owns(target),
        take(request, socket, head) {
          sockets.add(socket);
          live.take(request, socket, head);
        },
        stop: () => live.stop(),
      },
    },
  );
  return {
    ...{ hosts, holdings, parts, live, served, clock },
    url: served.listener.url,
    cut() {
      for (const socket of sockets) socket.destroy();
      sockets.clear();
    },
    async close() {
      await served.listener.close(0);
    },
  };
}
