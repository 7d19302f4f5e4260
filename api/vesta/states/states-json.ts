import type { StoredHistoryRow } from "../../../store/vesta-history.ts";
import type { TextPart } from "../../text-pieces.ts";
import { type HistoryRow, type Host, isBad } from "../hosts/host.ts";
import type { KeptTexts } from "../kept-texts.ts";
import { type FormatTime, NO_ENTRY } from "../timestamp.ts";
import type { StateSource } from "./state-source.ts";

/** Which rows of the hosts are wanted. */
export interface Wanted {
  hosts: readonly Host[];
  /** Newest rows of each. */
  rows: number;
  /** Of bad hosts too (V-33); otherwise they have one entry without GPUs (V-32). */
  ofBad: boolean;
}

/** The JSON of V-30, piece by piece. Rows of the store go out as they are kept, without being read. */
export async function* statesJson(source: StateSource, { hosts, rows, ofBad }: Wanted): AsyncGenerator<string, void> {
  const { history, formatTime } = source;
  let before = "{";
  for (const host of hosts) {
    yield `${before}${opening(host)}`;
    before = ",";
    const newest = source.hosts.newestRow(host);
    if (isBad(host.status) && !ofBad) yield entryJson("{}", newest, formatTime);
    else if (rows === 0 || newest === undefined) yield entryJson("{}", undefined, formatTime);
    else if (rows === 1) yield newestJson(newest, formatTime);
    else yield* rowsJson(history.rows(host.id, rows), newest, formatTime);
    yield closing(host);
  }
  yield before === "{" ? "{}" : "}";
}

/** The same with the newest row of each host, as it is asked for again and again: a host is written once for each state of it. */
export function* newestStates(
  { hosts: known, formatTime }: Omit<StateSource, "history">,
  hosts: readonly Host[],
  kept: KeptTexts,
): Generator<TextPart, void> {
  let before = "{";
  for (const host of hosts) {
    const start = before;
    const newest = known.newestRow(host);
    before = ",";
    yield kept.text("newest", host, [newest?.timeMs, newest?.data, start], () => {
      const isEmpty = newest === undefined || isBad(host.status);
      const entry = isEmpty ? entryJson("{}", newest, formatTime) : newestJson(newest, formatTime);
      return start + opening(host) + entry + closing(host);
    });
  }
  yield before === "{" ? "{}" : "}";
}

function opening({ name }: Host): string {
  return `${JSON.stringify(name)}:{"data":[`;
}

function closing({ ipAddress: ip_address, status, source }: Host): string {
  return `],${JSON.stringify({ ip_address, status, source }).slice(1)}`;
}

/** Rows with commas between them; if they were removed since the newest was read, that one. */
async function* rowsJson(
  rows: AsyncGenerator<StoredHistoryRow, void>,
  newest: HistoryRow,
  formatTime: FormatTime,
): AsyncGenerator<string, void> {
  let comma = "";
  for await (const row of rows) {
    yield comma + entryJson(row.data, row, formatTime);
    comma = ",";
  }
  if (comma === "") yield newestJson(newest, formatTime);
}

function newestJson(row: HistoryRow, formatTime: FormatTime): string {
  return entryJson(JSON.stringify(row.data), row, formatTime);
}

function entryJson(data: string, row: { timeMs: number } | undefined, formatTime: FormatTime): string {
  const timestamp = row === undefined ? NO_ENTRY : formatTime(row.timeMs);
  return `{"gpu_data":${data},"timestamp":${JSON.stringify(timestamp)}}`;
}
