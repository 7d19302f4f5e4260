import type { GpuData, HostStatus, Payload } from "../../hosts/host.ts";

/** What a page is told of a host, by its first text and by every message of the websocket (V-52). */
export interface WireHost {
  /** One entry: of a bad host without GPUs, and with the time of its last contact (V-39). */
  data: readonly { gpu_data: Payload; timestamp: string }[];
  ip_address: string;
  status: HostStatus;
}

/** Who holds a GPU of a node, as far as they are tasks of ours, and whether they leave it idle (V-54). */
export interface Holding {
  tasks: readonly { run: string; task: string }[];
  /** Whole minutes at 0 %, once they are enough to say so. */
  idleMinutes?: number;
}

/** The holdings of a host by the keys of its GPUs; a GPU about which there is nothing to say is left out. */
export type Holdings = Readonly<Record<string, Holding>>;

/** A host that does not run, and the page on which it is. */
export interface BadHost {
  name: string;
  status: HostStatus;
  /** From 1. */
  page: number;
}

/** What all hosts are like together, whichever of them a page shows. */
export interface Totals {
  hosts: number;
  /** Those of hosts that run. */
  gpus: number;
  /** GPUs that are held and idle. */
  idle: number;
  /** Hosts that do not run. */
  bad: number;
  /** The first of those, in display order. */
  named: readonly BadHost[];
}

/** A message of the websocket. `holders`, `totals` and `time` are there for those who asked for it by the subprotocol. */
export interface WireMessage {
  update: Readonly<Record<string, WireHost>>;
  page_name_list: readonly string[];
  total_page_num: number;
  holders?: Readonly<Record<string, Holdings>>;
  totals?: Totals;
  /** When it was sent, in seconds since 1970. */
  time?: number;
}

/** The subprotocol of the websocket by which a page asks for `holders` and `totals`; everybody else gets what V-52 says and no more. */
export const HOLDERS_PROTOCOL = "vesta.holders";

/** What stands in place of the time of a host that was never heard of (V-39). Said again here, because browsers load this file. */
export const NO_ENTRY = "no entry received.";

/** A GPU under its key, `gpu:<n>`. */
export type KeyedGpu = readonly [key: string, gpu: GpuData];

/** How many GPUs are held and idle (V-54). */
export function idleCount(holdings: Holdings): number {
  return Object.values(holdings).filter(({ idleMinutes }) => idleMinutes !== undefined).length;
}

/** The GPUs of a host in its order. */
export function gpusOf({ data }: WireHost): KeyedGpu[] {
  return Object.entries(data[0]?.gpu_data ?? {});
}

/** The time that is shown as the last update. */
export function lastUpdateOf({ data }: WireHost): string {
  return data[0]?.timestamp ?? NO_ENTRY;
}

/** Used memory in whole per cent; nothing of nothing is 0. */
export function memoryPercent({ used_memory: used, total_memory: total }: GpuData): number {
  return total > 0 ? Math.floor((used / total) * 100) : 0;
}

/** Power in whole watts, where the host tells it. A sender may have put anything there. */
export function powerOf({ power_usage: power }: GpuData): number | undefined {
  return typeof power === "number" && Number.isFinite(power) ? Math.round(power) : undefined;
}

/** Whether nothing is known of the host's present (V-7). Said again here, because browsers load this file. */
export function isBadStatus(status: HostStatus): boolean {
  return status !== "running";
}
