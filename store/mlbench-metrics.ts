import { metricNumber } from "./metric-number.ts";
import type { Row, Sql, SqlValue, Statement } from "./sql.ts";
import { StoreProblem } from "./store-problem.ts";

/** Whose a metric is: a run's or a pod's. */
export type MetricOwner = `run:${number}` | `pod:${string}`;

/** One entry of a metric. `date` is a UTC text with six fractional digits, `2026-01-01T00:00:00.000000Z`. No text holds a NUL. */
export interface MetricEntry {
  name: string;
  date: string;
  value: string;
  metadata: string;
  cumulative: boolean;
}

/** An entry as it is written. */
export interface OwnedEntry extends MetricEntry {
  owner: MetricOwner;
}

/** Which entries of one metric are meant: both dates belong to it. */
export interface MetricRange {
  since?: string;
  until?: string;
}

/** What one metric has in a range. */
export interface MetricCount {
  count: number;
  /** Whether every value is a finite number. */
  finite: boolean;
  /** Of the entry that arrived last; 0 if there is none. */
  newestId: number;
}

const COLUMNS = "owner, name, date, value, metadata, cumulative, finite";
const COLUMN_COUNT = 7;
/** Rows that one statement writes: the databases bound the values of a statement. */
const ROWS_AT_ONCE = 1000;
/** Rows that one transaction of several callers takes. */
const MOST_TOGETHER = 10_000;
/** With so many rows a transaction costs no less for each row if it has more. */
const ENOUGH_TOGETHER = 1000;
/** Rounds of the event loop in which others may still join a transaction; with more, all clients come to wait for the same write, and nothing is done meanwhile. */
const JOINING_ROUNDS = 3;
/** Characters that may wait to be written; more is refused, so that a slow disk does not fill the memory. */
const MOST_WAITING = 64 * 1024 * 1024;
const READ_AT_ONCE = 2000;
/** Metadata longer than this is read entry by entry, so that a piece of entries stays small. */
const LONG_METADATA = 4096;
const NAMES_AT_ONCE = 500;
const ARRIVED_AT_ONCE = 500;
const REMOVED_AT_ONCE = 10_000;

interface Waiting {
  entries: readonly OwnedEntry[];
  size: number;
  resolve(): void;
  reject(error: unknown): void;
}

/** The metrics of MLBench's runs and pods (M-19 to M-33, M-74). Rejects with a `StoreProblem`. */
export class MlbenchMetrics {
  readonly #sql: Sql;
  #waiting: Waiting[] = [];
  #waitingSize = 0;
  /** Of those that are not being written yet. */
  #waitingRows = 0;
  #writing = false;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /**
   * Stores entries, all or none, and resolves when they are on the disk. Entries of one call arrive in their order. What is asked for while others are being
   * written goes into one transaction together: each commit costs the same, however much is in it.
   */
  add(entries: readonly OwnedEntry[]): Promise<void> {
    if (entries.length === 0) return Promise.resolve();
    const size = entries.reduce(
      (sum, { name, value, metadata }) => sum + name.length + value.length + metadata.length,
      0,
    );
    if (this.#waitingSize > 0 && this.#waitingSize + size > MOST_WAITING) {
      return Promise.reject(new StoreProblem("busy", "too many metrics wait to be stored; is the store too slow?"));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ entries, size, resolve, reject });
      this.#waitingSize += size;
      this.#waitingRows += entries.length;
      if (!this.#writing) void this.#writeAll();
    });
  }

  async #writeAll(): Promise<void> {
    this.#writing = true;
    while (this.#waiting.length > 0) {
      await this.#gather();
      const batch = this.#nextBatch();
      await this.#writeTogether(batch);
      for (const { size } of batch) this.#waitingSize -= size;
    }
    this.#writing = false;
  }

  /** Lets what others send at the same time join, as long as each round of the event loop brings some: nobody waits for what has not come yet. */
  async #gather(): Promise<void> {
    for (let round = 0, before = -1; round < JOINING_ROUNDS && this.#waiting.length > before; round++) {
      if (this.#waitingRows >= ENOUGH_TOGETHER) return;
      before = this.#waiting.length;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #nextBatch(): Waiting[] {
    let rows = 0;
    let end = 0;
    for (const { entries } of this.#waiting) {
      rows += entries.length;
      if (end > 0 && rows > MOST_TOGETHER) break;
      end += 1;
    }
    const batch = this.#waiting.splice(0, end);
    for (const { entries } of batch) this.#waitingRows -= entries.length;
    return batch;
  }

  async #writeTogether(batch: readonly Waiting[]): Promise<void> {
    try {
      await this.#sql.write(insertions(batch.flatMap(({ entries }) => entries)));
      for (const { resolve } of batch) resolve();
    } catch (error) {
      const isOfOne = batch.length > 1 && error instanceof StoreProblem && error.kind === "internal";
      // A row that the database does not take is the fault of whoever sent it, not of those who came with him.
      if (isOfOne) for (const one of batch) await this.#writeTogether([one]);
      else for (const { reject } of batch) reject(error);
    }
  }

  /** Stores, of entries that were measured, those that are newer than every stored entry of their metric (M-62), in one transaction; how many. */
  async addNewer(entries: readonly OwnedEntry[]): Promise<number> {
    const row =
      "(CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS BIGINT), CAST(? AS BIGINT))";
    const statements = inPieces(entries, ROWS_AT_ONCE).map((some) => ({
      text: `INSERT INTO mlbench_metric (${COLUMNS})
        SELECT * FROM (VALUES ${some.map(() => row).join(", ")}) AS sample
        WHERE NOT EXISTS (SELECT 1 FROM mlbench_metric AS stored
          WHERE stored.owner = sample.column1 AND stored.name = sample.column2 AND stored.date >= sample.column3)`,
      values: some.flatMap(valuesOf),
    }));
    return (await this.#sql.write(statements)).reduce((sum, count) => sum + count, 0);
  }

  /** The names of an owner's metrics, ascending by code point. */
  async *names(owner: MetricOwner): AsyncGenerator<string, void> {
    const text = stepsText("name", "owner = ? AND ");
    for (let after = ""; ; ) {
      const rows = await this.#sql.read({ text, values: [owner, after, owner, NAMES_AT_ONCE] });
      for (const { step } of rows) yield String(step);
      if (rows.length < NAMES_AT_ONCE) return;
      after = String(rows.at(-1)?.step);
    }
  }

  /** What one metric has in a range. */
  async count(owner: MetricOwner, name: string, range: MetricRange = {}): Promise<MetricCount> {
    const condition = conditionOf(owner, name, range);
    const [row] = await this.#sql.read({
      text: `SELECT COUNT(*) AS number, MIN(finite) AS finite, MAX(id) AS newest FROM mlbench_metric WHERE ${condition.text}`,
      values: condition.values,
    });
    return { count: Number(row?.number ?? 0), finite: row?.finite === 1, newestId: Number(row?.newest ?? 0) };
  }

  /** Whether one metric has any entry in a range. */
  async has(owner: MetricOwner, name: string, range: MetricRange = {}): Promise<boolean> {
    const { text, values } = conditionOf(owner, name, range);
    const rows = await this.#sql.read({ text: `SELECT 1 AS one FROM mlbench_metric WHERE ${text} LIMIT 1`, values });
    return rows.length > 0;
  }

  /** The entries of one metric in a range, by date and then by arrival, read piece by piece; without those that arrived after `upTo`. */
  entries(
    owner: MetricOwner,
    name: string,
    range: MetricRange & { upTo?: number } = {},
  ): AsyncGenerator<MetricEntry, void> {
    return this.#entriesAfter(owner, name, range, undefined);
  }

  /** The last `most` entries of one metric in a range, oldest first. */
  async *lastEntries(
    owner: MetricOwner,
    name: string,
    most: number,
    range: MetricRange = {},
  ): AsyncGenerator<MetricEntry, void> {
    const { text, values } = conditionOf(owner, name, range);
    const [before] = await this.#sql.read({
      text: `SELECT date, id FROM mlbench_metric WHERE ${text} ORDER BY date DESC, id DESC LIMIT 1 OFFSET ?`,
      values: [...values, Math.min(most, Number.MAX_SAFE_INTEGER)],
    });
    // Entries that arrive meanwhile would be more than were asked for.
    let left = most;
    for await (const entry of this.#entriesAfter(owner, name, range, before)) {
      if (left === 0) return;
      left -= 1;
      yield entry;
    }
  }

  /** The number of the entry that arrived last, of whomever; 0 if there is none. Numbers grow with arrival. */
  async newestId(): Promise<number> {
    const [row] = await this.#sql.read({ text: "SELECT MAX(id) AS newest FROM mlbench_metric" });
    return Number(row?.newest ?? 0);
  }

  /** Some entries of an owner in the order of their arrival, after one number and up to another; no more than 500 at a time. */
  async arrived(owner: MetricOwner, after: number, upTo: number): Promise<(MetricEntry & { id: number })[]> {
    const rows = await this.#sql.read({
      // Not by the index of owners: most of what an owner has arrived long ago.
      text: `SELECT id, name, date, value, cumulative, CASE WHEN LENGTH(metadata) <= ${LONG_METADATA} THEN metadata END AS metadata
        FROM mlbench_metric WHERE id > ? AND id <= ? AND owner || '' = ? ORDER BY id LIMIT ${ARRIVED_AT_ONCE}`,
      values: [after, upTo, owner],
    });
    const entries: (MetricEntry & { id: number })[] = [];
    for (const row of rows) entries.push({ id: Number(row.id), ...(await this.#entryOf(row)) });
    return entries;
  }

  /** Removes all metrics of owners, some at a time, so that others can write meanwhile; how many. */
  async drop(owners: readonly MetricOwner[]): Promise<number> {
    let removed = 0;
    for (const owner of owners) {
      for (let some = REMOVED_AT_ONCE; some === REMOVED_AT_ONCE; ) {
        const text = "DELETE FROM mlbench_metric WHERE id IN (SELECT id FROM mlbench_metric WHERE owner = ? LIMIT ?)";
        [some = 0] = await this.#sql.write([{ text, values: [owner, REMOVED_AT_ONCE] }]);
        removed += some;
      }
    }
    return removed;
  }

  /** Some of those who have metrics, ascending, after one of them. */
  async owners(after: string, most: number): Promise<string[]> {
    const text = stepsText("owner", "");
    const rows = await this.#sql.read({ text, values: [after, most] });
    return rows.map(({ step }) => String(step));
  }

  async *#entriesAfter(
    owner: MetricOwner,
    name: string,
    { upTo, ...range }: MetricRange & { upTo?: number },
    place: Row | undefined,
  ): AsyncGenerator<MetricEntry, void> {
    const { text, values } = conditionOf(owner, name, range);
    const arrived = upTo === undefined ? { text: "", values: [] } : { text: " AND id <= ?", values: [upTo] };
    for (let last = place; ; ) {
      const rows: Row[] = await this.#sql.read({
        text: `SELECT id, name, date, value, cumulative, CASE WHEN LENGTH(metadata) <= ${LONG_METADATA} THEN metadata END AS metadata
          FROM mlbench_metric WHERE ${text}${arrived.text}${last === undefined ? "" : " AND (date, id) > (?, ?)"}
          ORDER BY date, id LIMIT ?`,
        values: [
          ...values,
          ...arrived.values,
          ...(last === undefined ? [] : [last.date ?? "", last.id ?? 0]),
          READ_AT_ONCE,
        ],
      });
      for (const row of rows) yield await this.#entryOf(row);
      if (rows.length < READ_AT_ONCE) return;
      last = rows.at(-1);
    }
  }

  async #entryOf(row: Row): Promise<MetricEntry> {
    let { metadata } = row;
    if (metadata === null) {
      const [whole] = await this.#sql.read({
        text: "SELECT metadata FROM mlbench_metric WHERE id = ?",
        values: [row.id ?? 0],
      });
      metadata = whole?.metadata ?? "";
    }
    return {
      name: String(row.name),
      date: String(row.date),
      value: String(row.value),
      metadata: String(metadata),
      cumulative: row.cumulative === 1,
    };
  }
}

/** Steps from one value of a column to the next along the index, after a given one, so many times: few values have many rows each. */
function stepsText(column: "owner" | "name", condition: string): string {
  const next = (from: string): string =>
    `(SELECT MIN(${column}) FROM mlbench_metric WHERE ${condition}${column} > ${from})`;
  return `WITH RECURSIVE steps (step, place) AS (
      SELECT ${next("?")}, 1
      UNION ALL SELECT ${next("steps.step")}, place + 1 FROM steps WHERE step IS NOT NULL AND place < ?
    ) SELECT step FROM steps WHERE step IS NOT NULL ORDER BY place`;
}

function conditionOf(owner: MetricOwner, name: string, { since, until }: MetricRange): Required<Statement> {
  return {
    text: `owner = ? AND name = ?${since === undefined ? "" : " AND date >= ?"}${until === undefined ? "" : " AND date <= ?"}`,
    values: [owner, name, ...(since === undefined ? [] : [since]), ...(until === undefined ? [] : [until])],
  };
}

function insertions(entries: readonly OwnedEntry[]): Statement[] {
  const row = `(?${", ?".repeat(COLUMN_COUNT - 1)})`;
  return inPieces(entries, ROWS_AT_ONCE).map((some) => ({
    text: `INSERT INTO mlbench_metric (${COLUMNS}) VALUES ${some.map(() => row).join(", ")}`,
    values: some.flatMap(valuesOf),
  }));
}

function valuesOf({ owner, name, date, value, metadata, cumulative }: OwnedEntry): SqlValue[] {
  return [owner, name, date, value, metadata, cumulative ? 1 : 0, metricNumber(value) === undefined ? 0 : 1];
}

function inPieces<T>(items: readonly T[], size: number): T[][] {
  const pieces: T[][] = [];
  for (let at = 0; at < items.length; at += size) pieces.push(items.slice(at, at + size));
  return pieces;
}
