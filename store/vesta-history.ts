import type { Row, Sql, SqlValue } from "./sql.ts";

/** What a host was like at one time. */
export interface StoredHistoryRow {
  host: string;
  /** Milliseconds since 1970. */
  timeMs: number;
  /** JSON. */
  data: string;
}

/** A time of a host, both ends of it included. */
export interface HistorySpan {
  fromMs: number;
  toMs: number;
}

/** Rows that are read at once, and up to which length they are read together. */
const READ_AT_ONCE = 200;
const LONG_DATA = 64 * 1024;
const HOSTS_AT_ONCE = 100;
/** Rows that one statement removes, so that others can write meanwhile. */
const REMOVED_AT_ONCE = 5_000;

/** The history of hosts with GPUs (V-66, V-67). Hosts are named by their ids. Rejects with a `StoreProblem`. */
export class VestaHistory {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** The newest row of each of the hosts that has any. */
  async newest(hosts: readonly string[]): Promise<StoredHistoryRow[]> {
    const found: StoredHistoryRow[] = [];
    for (const some of inPieces(hosts, HOSTS_AT_ONCE)) {
      const rows = await this.#sql.read({
        text: `SELECT h.host, h.timestamp, ${SHORT_DATA}, h.id FROM vesta_history h
          WHERE h.id IN (SELECT (${NEWEST_ID}) FROM vesta_host o WHERE o.id IN (${some.map(() => "?").join(", ")}))`,
        values: [...some],
      });
      for (const row of rows) found.push(await this.#rowOf(row));
    }
    return found;
  }

  /** The newest `most` rows of a host from a time on, oldest first, read piece by piece. Rows that are written meanwhile do not make it more. */
  async *rows(host: string, most: number, sinceMs = 0): AsyncGenerator<StoredHistoryRow, void> {
    if (most <= 0) return;
    const [before] = await this.#sql.read({
      text: `SELECT timestamp, id FROM vesta_history WHERE host = ? AND timestamp >= ?
        ORDER BY timestamp DESC, id DESC LIMIT 1 OFFSET ?`,
      values: [host, sinceMs, most],
    });
    let last: Row = before ?? { timestamp: sinceMs, id: 0 };
    for (let left = most; left > 0; ) {
      const rows: Row[] = await this.#sql.read({
        text: `SELECT h.host, h.timestamp, ${SHORT_DATA}, h.id FROM vesta_history h
          WHERE h.host = ? AND (h.timestamp, h.id) > (?, ?) ORDER BY h.timestamp, h.id LIMIT ?`,
        values: [host, last.timestamp ?? 0, last.id ?? 0, Math.min(left, READ_AT_ONCE)],
      });
      for (const row of rows) yield await this.#rowOf(row);
      left -= rows.length;
      if (rows.length < READ_AT_ONCE) return;
      last = rows.at(-1) ?? last;
    }
  }

  /**
   * Rows of a host from a span of time, oldest first, one for each millisecond at most, read piece by piece. Where there are more than `most` (2 or more),
   * the span between the first and the last is cut into equal slots, and the first row of each stands for it, like where rows are thinned; the last row is
   * always there. What is passed over is not read: each slot is one look into the index.
   */
  async *sample(host: string, most: number, span: HistorySpan): AsyncGenerator<StoredHistoryRow, void> {
    const ids = await this.#sampled(host, most, span);
    for (const some of inPieces(ids, READ_AT_ONCE)) {
      const rows = await this.#sql.read({
        text: `SELECT h.host, h.timestamp, ${SHORT_DATA}, h.id FROM vesta_history h
          WHERE h.id IN (${some.map(() => "?").join(", ")}) ORDER BY h.timestamp, h.id`,
        values: some,
      });
      for (const row of rows) yield await this.#rowOf(row);
    }
  }

  async #sampled(host: string, most: number, { fromMs, toMs }: HistorySpan): Promise<SqlValue[]> {
    const within = "FROM vesta_history WHERE host = ? AND timestamp >= ? AND timestamp <= ? ORDER BY";
    const end = (what: string, way: string) => `(SELECT ${what} ${within} timestamp ${way}, id ${way} LIMIT 1)`;
    const bounds = [host, fromMs, toMs];
    const [ends = {}] = await this.#sql.read({
      text: `SELECT ${end("timestamp", "ASC")} AS first, ${end("timestamp", "DESC")} AS last, ${end("id", "DESC")} AS newest,
        (SELECT id ${within} timestamp, id LIMIT 1 OFFSET ?) AS more`,
      values: [...bounds, ...bounds, ...bounds, ...bounds, most],
    });
    const { first, last, newest = null, more } = ends;
    if (typeof first !== "number" || typeof last !== "number") return [];
    const everyMs = more === null ? 1 : Math.ceil((last - first + 1) / (most - 1));
    const chosen = await this.#sql.read({
      text: FIRST_OF_SLOTS,
      values: [first, host, last, first, first, everyMs, everyMs, host],
    });
    const ids = chosen.map(({ id = null }) => id).filter((id) => id !== null);
    return chosen.at(-1)?.at === last ? ids : [...ids, newest];
  }

  /**
   * Keeps, of the rows of a host between two times, the first of each so many milliseconds, and in any case its newest one (V-67); how many were removed.
   */
  async thin(host: string, everyMs: number, fromMs: number, toMs: number): Promise<number> {
    return await this.#removeAll({
      text: `SELECT id FROM (
          SELECT id, ROW_NUMBER() OVER (PARTITION BY timestamp / CAST(? AS BIGINT) ORDER BY timestamp, id) AS place
          FROM vesta_history WHERE host = ? AND timestamp >= ? AND timestamp < ?
        ) AS placed WHERE place > 1 AND id <> ${NEWEST_OF}`,
      values: [everyMs, host, fromMs, toMs, host],
    });
  }

  /** Removes the rows of a host from before that time, but for its newest one (V-67); how many. */
  async expire(host: string, beforeMs: number): Promise<number> {
    return await this.#removeAll({
      text: `SELECT id FROM vesta_history WHERE host = ? AND timestamp < ? AND id <> ${NEWEST_OF}`,
      values: [host, beforeMs, host],
    });
  }

  /** Removes the whole history of a host; how many rows. */
  async drop(host: string): Promise<number> {
    return await this.#removeAll({ text: "SELECT id FROM vesta_history WHERE host = ?", values: [host] });
  }

  async #removeAll(chosen: { text: string; values: readonly SqlValue[] }): Promise<number> {
    for (let removed = 0; ; ) {
      const text = `DELETE FROM vesta_history WHERE id IN (${chosen.text} LIMIT ?)`;
      const [some = 0] = await this.#sql.write([{ text, values: [...chosen.values, REMOVED_AT_ONCE] }]);
      removed += some;
      if (some < REMOVED_AT_ONCE) return removed;
    }
  }

  /** Long ones are read one by one, so that what is read together stays small. */
  async #rowOf({ id, host, timestamp, data }: Row): Promise<StoredHistoryRow> {
    let text = data;
    if (text === null || text === undefined) {
      const [whole] = await this.#sql.read({ text: "SELECT data FROM vesta_history WHERE id = ?", values: [id ?? 0] });
      text = whole?.data ?? "{}";
    }
    return { host: String(host), timeMs: Number(timestamp), data: String(text) };
  }
}

const SHORT_DATA = `CASE WHEN LENGTH(h.data) <= ${LONG_DATA} THEN h.data END AS data`;
/** Goes from the first row of a slot to that of the next one in which there is any. */
const FIRST_OF_SLOTS = `WITH RECURSIVE slot (at) AS (
    SELECT CAST(? AS BIGINT)
    UNION ALL
    SELECT (SELECT n.timestamp FROM vesta_history n WHERE n.host = ? AND n.timestamp <= ? AND n.timestamp >=
        CAST(? AS BIGINT) + ((s.at - CAST(? AS BIGINT)) / CAST(? AS BIGINT) + 1) * CAST(? AS BIGINT)
      ORDER BY n.timestamp LIMIT 1)
    FROM slot s WHERE s.at IS NOT NULL
  )
  SELECT s.at, (SELECT f.id FROM vesta_history f WHERE f.host = ? AND f.timestamp = s.at ORDER BY f.id LIMIT 1) AS id
  FROM slot s WHERE s.at IS NOT NULL ORDER BY s.at`;
const NEWEST_ID = "SELECT n.id FROM vesta_history n WHERE n.host = o.id ORDER BY n.timestamp DESC, n.id DESC LIMIT 1";
const NEWEST_OF = "(SELECT n.id FROM vesta_history n WHERE n.host = ? ORDER BY n.timestamp DESC, n.id DESC LIMIT 1)";

function inPieces<T>(items: readonly T[], size: number): T[][] {
  const pieces: T[][] = [];
  for (let at = 0; at < items.length; at += size) pieces.push(items.slice(at, at + size));
  return pieces;
}
