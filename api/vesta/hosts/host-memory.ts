import type { StoredHistoryRow } from "../../../store/vesta-history.ts";
import type { HostRecord } from "../../../store/vesta-hosts.ts";
import type { HistoryRow, Host, Payload } from "./host.ts";
import { type HostOrder, HostTable } from "./host-table.ts";
import { type IdleSince, idleOf } from "./idleness.ts";

/** What is noted of a host that was heard of. */
export interface Heard {
  id: string;
  source: Host["source"];
  atMs: number;
  payload: Payload;
  /** The payload as JSON. */
  text: string;
  idle: IdleSince;
}

/** What is known of hosts beyond what everybody shows, in memory: the newest row of each one's history, and its idle GPUs. */
export class HostMemory {
  readonly table: HostTable;
  readonly #newest = new Map<string, HistoryRow>();
  readonly #savedMs = new Map<string, number>();
  readonly #idle = new Map<string, IdleSince>();
  /** Sizes of the payloads of machines. */
  readonly #bytes = new Map<string, number>();
  #allBytes = 0;

  constructor(order: HostOrder) {
    this.table = new HostTable(order);
  }

  newest(id: string): HistoryRow | undefined {
    return this.#newest.get(id);
  }

  idle(id: string): IdleSince {
    return this.#idle.get(id) ?? {};
  }

  /** Bytes of all machines' payloads, if that one had a payload of so many. */
  bytesWith(id: string, bytes: number): number {
    return this.#allBytes - (this.#bytes.get(id) ?? 0) + bytes;
  }

  /** Takes a host as it is stored; whether its newest row of history has to be read too. */
  take(record: HostRecord): boolean {
    const { id, payload: text, savedMs } = record;
    if (record.removed) {
      this.drop(id);
      return false;
    }
    const before = this.table.get(id);
    // The same object where nothing has changed: nobody is told of it then.
    const isSame = before?.payloadMs === record.payloadMs && JSON.stringify(before.payload) === text;
    const payload = text === null ? null : isSame ? before.payload : (JSON.parse(text) as Payload);
    const payloadMs = payload === null ? null : record.payloadMs;
    if (record.source === "sender") this.#count(id, text === null ? 0 : Buffer.byteLength(text));
    this.#idle.set(id, idleOf(record.idle));
    const isBehind = savedMs !== null && this.#savedMs.get(id) !== savedMs;
    const isInPayload = isBehind && savedMs === payloadMs && payload !== null;
    if (isInPayload) this.#noteSaved(id, { timeMs: savedMs, data: payload });
    const { name, ipAddress, source, status, arrival, hadContact, lastContactMs } = record;
    this.table.set({
      ...{ id, name, ipAddress, source, status, arrival, hadContact, lastContactMs, payload, payloadMs },
    });
    return isBehind && !isInPayload;
  }

  /** Takes rows that are the newest ones of their hosts. */
  takeRows(rows: readonly StoredHistoryRow[]): void {
    for (const row of rows) {
      if (this.table.get(row.host) === undefined) continue;
      this.#newest.set(row.host, historyRow(row));
      this.#savedMs.set(row.host, row.timeMs);
    }
  }

  /** A host was heard of, which is stored now; `saved`: in its history too. */
  heard({ id, source, atMs, payload, text, idle }: Heard, saved: boolean): void {
    if (this.table.get(id) === undefined) return;
    if (source === "sender") this.#count(id, Buffer.byteLength(text));
    this.#idle.set(id, idle);
    if (saved) this.#noteSaved(id, { timeMs: atMs, data: payload });
    this.change(id, { status: "running", hadContact: true, lastContactMs: atMs, payload, payloadMs: atMs });
  }

  change(id: string, change: Partial<Host>): void {
    const host = this.table.get(id);
    if (host !== undefined) this.table.set({ ...host, ...change });
  }

  drop(id: string): void {
    this.table.delete(id);
    for (const map of [this.#newest, this.#savedMs, this.#idle]) map.delete(id);
    this.#count(id, 0);
  }

  /** Of rows of one time the later one is the newest; one of before the newest is from a clock that was put back. */
  #noteSaved(id: string, row: HistoryRow): void {
    this.#savedMs.set(id, row.timeMs);
    const before = this.#newest.get(id);
    if (before === undefined || before.timeMs <= row.timeMs) this.#newest.set(id, row);
  }

  #count(id: string, bytes: number): void {
    this.#allBytes = this.bytesWith(id, bytes);
    if (bytes === 0) this.#bytes.delete(id);
    else this.#bytes.set(id, bytes);
  }
}

/** A row of history as it is shown. */
export function historyRow({ timeMs, data }: StoredHistoryRow): HistoryRow {
  return { timeMs, data: JSON.parse(data) as Payload };
}
