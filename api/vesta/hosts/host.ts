/** What a host is said to be (V-7). */
export type HostStatus = "running" | "waiting for re-uplink" | "down";

/** Whether nothing is known of the host's present (V-7). */
export function isBad(status: HostStatus): boolean {
  return status !== "running";
}

/** Who or what uses a GPU: a process that a sender saw, or a container that holds the device on a node (V-13, V-27). */
export interface GpuProcess {
  /** `N/A` on a node. */
  pid: string;
  name: string;
  user: string;
  /** MiB. */
  used_memory: number;
}

/** One GPU of a host (V-27). Texts are bounded and without control characters (V-15); senders may tell more than is listed here (V-28). */
export interface GpuData {
  device_num: number;
  uuid: string;
  gpu_name: string;
  /** When the host looked, on its own clock: `YYYY/MM/DD hh:mm:ss.mmm`. */
  timestamp: string;
  /** Degrees Celsius. */
  temperature: number;
  /** MiB, like the two below. */
  total_memory: number;
  available_memory: number;
  used_memory: number;
  /** Utilisation in per cent. */
  gpu_volatile: number;
  processes: readonly GpuProcess[];
  [more: string]: unknown;
}

/** The GPUs of a host by their keys, `gpu:<n>`, in the host's order. */
export type Payload = Readonly<Record<string, GpuData>>;

/** What a host was like at one time, by the server's clock. */
export interface HistoryRow {
  timeMs: number;
  data: Payload;
}

/** A machine that is watched (V-6): a node of the cluster, or one that has registered. */
export interface Host {
  id: string;
  name: string;
  /** Empty where a node has none. */
  ipAddress: string;
  source: "node" | "sender";
  status: HostStatus;
  /** Grows in the order in which hosts became known (V-35). */
  arrival: number;
  /** Whether it was ever heard of; of a sender, its registration counts. */
  hadContact: boolean;
  /** When it was last heard of, by the server's clock in ms since 1970; null: never. */
  lastContactMs: number | null;
  /** The latest; null: never received any (V-39). */
  payload: Payload | null;
  /** When that came, by the server's clock; null with `payload`. */
  payloadMs: number | null;
}
