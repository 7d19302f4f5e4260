import { csvCell } from "../../csv-cell.ts";
import type { Host, Payload } from "../hosts/host.ts";
import type { StateSource } from "./state-source.ts";

/** Fields of a GPU, in the order of V-27. */
const FIELDS = [
  "device_num",
  "uuid",
  "gpu_name",
  "timestamp",
  "temperature",
  "total_memory",
  "available_memory",
  "used_memory",
  "gpu_volatile",
] as const;
const END = "\r\n";

/** The newest so many rows of a host as CSV (V-33): a line for each row and GPU, ascending in time. */
export async function* statesCsv(
  { history, formatTime }: Omit<StateSource, "hosts">,
  host: Host,
  rows: number,
): AsyncGenerator<string, void> {
  yield `${["time", "gpu", ...FIELDS].join(",")}${END}`;
  for await (const { timeMs, data } of history.rows(host.id, rows)) {
    const time = formatTime(timeMs);
    for (const [key, gpu] of Object.entries(JSON.parse(data) as Payload)) {
      yield `${[time, key, ...FIELDS.map((field) => gpu[field])].map(cellOf).join(",")}${END}`;
    }
  }
}

function cellOf(value: string | number): string {
  return typeof value === "number" ? String(value) : csvCell(value);
}
