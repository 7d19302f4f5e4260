import type { HistoryRow, Host } from "../../../../api/vesta/hosts/host.ts";
import type { StateSource } from "../../../../api/vesta/states/state-source.ts";
import { timeFormatter } from "../../../../api/vesta/timestamp.ts";

/** Hosts with their history, in memory, and how many rows were read of it. */
export interface SampleSource extends StateSource {
  reads: { rows: number };
}

/** Rows by the names of hosts, ascending in time; of other hosts the latest payload is the only row. */
export function sampleSource(
  hosts: readonly Host[],
  rows: Readonly<Record<string, Iterable<HistoryRow>>> = {},
): SampleSource {
  const reads = { rows: 0 };
  const given = new Map(Object.entries(rows));
  const rowsOf = ({ name, payload, payloadMs }: Host): Iterable<HistoryRow> =>
    given.get(name) ?? (payload === null || payloadMs === null ? [] : [{ timeMs: payloadMs, data: payload }]);
  return {
    reads,
    formatTime: timeFormatter("MDY", "UTC"),
    hosts: {
      list: () => hosts,
      find: (name) => hosts.find((host) => host.name === name),
      newestRow: (host) => [...rowsOf(host)].at(-1),
    },
    history: {
      async *rows(id, most) {
        const host = hosts.find((one) => one.id === id);
        const all = host === undefined ? [] : rowsOf(host);
        for (const { timeMs, data } of Array.isArray(all) ? all.slice(Math.max(0, all.length - most)) : all) {
          reads.rows += 1;
          yield { host: id, timeMs, data: JSON.stringify(data) };
        }
      },
    },
  };
}
