import { type GpuData, type HistoryRow, type Host, isBad } from "../hosts/host.ts";
import { type FormatTime, NO_ENTRY } from "../timestamp.ts";

/** What texts show of a host. */
export interface HostView {
  name: string;
  ip: string;
  status: string;
  bad: boolean;
  /** The text after `last update: `. */
  time: string;
  /** GPUs by their keys, in the host's order; of a bad host none. */
  gpus: readonly (readonly [key: string, gpu: GpuData])[];
}

/** A host by its latest payload (V-39); a bad one is dated by its last contact. */
export function latestView(host: Host, format: FormatTime): HostView {
  const { payload, payloadMs, lastContactMs, status } = host;
  const bad = isBad(status);
  const timeMs = bad ? lastContactMs : payloadMs;
  return {
    ...{ name: host.name, ip: host.ipAddress, status, bad },
    time: payload === null || timeMs === null ? NO_ENTRY : format(timeMs),
    gpus: bad || payload === null ? [] : Object.entries(payload),
  };
}

/** A host by its newest row of history, if it has any (V-43, V-44). */
export function rowView(host: Host, row: HistoryRow | undefined, format: FormatTime): HostView {
  const { status } = host;
  const bad = isBad(status);
  return {
    ...{ name: host.name, ip: host.ipAddress, status, bad },
    time: row === undefined ? NO_ENTRY : format(row.timeMs),
    gpus: bad || row === undefined ? [] : Object.entries(row.data),
  };
}
