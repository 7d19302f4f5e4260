import type { StoredHistoryRow } from "../../../store/vesta-history.ts";
import type { HistoryRow, Host } from "../hosts/host.ts";
import type { FormatTime } from "../timestamp.ts";

/** The hosts, as routes ask for them. */
export interface KnownHosts {
  /** All of them, in display order (V-35). */
  list(): readonly Host[];
  /** By its name, exactly or sanitised (V-9). */
  find(name: string): Host | undefined;
  /** The newest row of a host's history. */
  newestRow(host: Host): HistoryRow | undefined;
}

/** Their history in the store. Rejects with a `StoreProblem`. */
export interface StoredHistory {
  /** The newest so many rows of the host of that id, ascending in time, read as they are taken. */
  rows(host: string, most: number): AsyncGenerator<StoredHistoryRow, void>;
}

/** What the states are told from. */
export interface StateSource {
  hosts: KnownHosts;
  history: StoredHistory;
  formatTime: FormatTime;
}

/** Most rows of a host in one answer (V-31). */
const MOST_ROWS = 10_000;

/** How many rows `fetch_num` asks for: a negative one for all (V-31). */
export function wantedRows(fetchNum: number): number {
  return fetchNum < 0 ? MOST_ROWS : Math.min(fetchNum, MOST_ROWS);
}
