import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import type { Blobs } from "./blobs.ts";
import { noteBlobs, removeLogs } from "./dropped-logs.ts";
import type { Row, Sql, SqlValue } from "./sql.ts";
import { StoreProblem } from "./store-problem.ts";

const compress = promisify(gzip);
const expand = promisify(gunzip);

/** Most bytes of one pod's log that are kept; the newest (O-223). */
export const MAX_LOG_BYTES: number = 5 * 1024 * 1024;
/** Longest reason that is kept. */
const MAX_REASON = 500;
/** Identities asked for in one statement: SQLite takes many more, but long statements help nobody. */
const ASKED_AT_ONCE = 200;

/** Whose log it is. */
export interface LogOwner {
  podUid: string;
  namespace: string;
  pod: string;
  runUid: string;
  run: string;
  task: string;
  attempt: number;
  container: string;
  /** When the pod was created: ISO, or empty where nobody knows. */
  createdAt: string;
}

/**
 * What there is of a log: all of it, or what had been written before its end, or nothing because it was `lost`, or because there is `none`: the
 * container never ran, or the log was kept for as long as it should be.
 */
export type LogState = "whole" | "partial" | "lost" | "none";

/** A kept log without its text. */
export interface LogEntry extends LogOwner {
  state: LogState;
  /** Why the log, or its end, is not there. */
  reason?: string;
  /** Bytes of the text. */
  size: number;
  /** Bytes that came before the text and were not kept. */
  dropped: number;
  /** ISO. */
  storedAt: string;
}

/** A log as it is given to the archive: at most `MAX_LOG_BYTES`. */
export interface LogText {
  text: Uint8Array;
  dropped: number;
  /** Why there is no more, where the text is not whole. */
  reason?: string;
}

/** A better state takes the place of a worse one, never the other way round, so that saving twice, or from two sides, does no harm. */
const GRADE: Readonly<Record<LogState, number>> = { none: 0, lost: 1, partial: 2, whole: 3 };
const STATES: readonly LogState[] = ["none", "lost", "partial", "whole"];

const COLUMNS =
  "pod_uid, namespace, pod, run_uid, run, task, attempt, container, created_at, stored_at, grade, size, dropped, reason";

/** The logs of ended pods (O-225). Keyed by the pod's UID: names come again, UIDs never. */
export class LogArchive {
  readonly #sql: Sql;
  readonly #now: () => number;
  readonly #blobs: Blobs | undefined;

  /** `blobs`: where the texts go; by default they lie beside their rows. */
  constructor(sql: Sql, now: () => number = Date.now, blobs?: Blobs) {
    this.#sql = sql;
    this.#now = now;
    this.#blobs = blobs;
  }

  /** Keeps a log, compressed. Resolves once it is on the disk. */
  async save(owner: LogOwner, { text, dropped, reason }: LogText, state: "whole" | "partial"): Promise<void> {
    const size = text.byteLength;
    const packed = await compress(text);
    if (this.#blobs === undefined) return await this.#put(owner, { state, size, dropped, reason, packed });
    // The object goes first: a row that names one is never without it. What there is of the pod already may be better, and has the same key.
    if (!(await this.#improves(owner.podUid, GRADE[state], size + dropped))) return;
    const place = placeOf(owner);
    await this.#blobs.put(place, packed);
    await this.#put(owner, { state, size, dropped, reason, packed, place });
  }

  /** Keeps the reason why there is no log. */
  async lose(owner: LogOwner, reason: string, state: "lost" | "none" = "lost"): Promise<void> {
    await this.#put(owner, { state, size: 0, dropped: 0, reason });
  }

  /** Those of the pods for which there is nothing more to be done: their log is whole, lost, or there is none. */
  async settled(podUids: readonly string[]): Promise<Set<string>> {
    const settled = new Set<string>();
    for (let at = 0; at < podUids.length; at += ASKED_AT_ONCE) {
      const some = podUids.slice(at, at + ASKED_AT_ONCE);
      const marks = some.map(() => "?").join(", ");
      const text = `SELECT pod_uid FROM pod_log WHERE grade <> ? AND pod_uid IN (${marks})`;
      for (const row of await this.#sql.read({ text, values: [GRADE.partial, ...some] }))
        settled.add(String(row.pod_uid));
    }
    return settled;
  }

  /** What is kept of a run, in the order in which its pods were created. */
  async ofRun(runUid: string): Promise<LogEntry[]> {
    const text = `SELECT ${COLUMNS} FROM pod_log WHERE run_uid = ? ORDER BY created_at, pod, stored_at`;
    return (await this.#sql.read({ text, values: [runUid] })).map(entryOf);
  }

  /** What is kept of a pod, by its name; the newest first, for a name may have come twice. */
  async ofPod(namespace: string, pod: string): Promise<LogEntry[]> {
    const text = `SELECT ${COLUMNS} FROM pod_log WHERE namespace = ? AND pod = ? ORDER BY created_at DESC, stored_at DESC`;
    return (await this.#sql.read({ text, values: [namespace, pod] })).map(entryOf);
  }

  /** The text of a log; undefined if there is none. */
  async text(podUid: string): Promise<Buffer | undefined> {
    const [row] = await this.#sql.read({ text: "SELECT log, place FROM pod_log WHERE pod_uid = ?", values: [podUid] });
    const packed = typeof row?.place === "string" ? await this.#blob(row.place) : row?.log;
    if (!(packed instanceof Uint8Array)) return undefined;
    try {
      return await expand(packed, { maxOutputLength: MAX_LOG_BYTES + 1024 });
    } catch (error) {
      throw new StoreProblem("damaged", `the log of pod ${podUid} in the store cannot be unpacked`, error);
    }
  }

  /** Forgets a run; how many logs that were. */
  async removeRun(runUid: string): Promise<number> {
    const [, changed = 0] = await this.#sql.write(removeLogs("run_uid = ?", [runUid]));
    return changed;
  }

  /** Removes the objects in the bucket that no row names any more; how many. */
  async sweepBlobs(): Promise<number> {
    const blobs = this.#blobs;
    if (blobs === undefined) return 0;
    for (let removed = 0; ; ) {
      const rows = await this.#sql.read({ text: "SELECT place FROM dropped_blob LIMIT ?", values: [ASKED_AT_ONCE] });
      if (rows.length === 0) return removed;
      for (const place of rows.map((row) => String(row.place))) {
        await blobs.remove(place);
        await this.#sql.write([{ text: "DELETE FROM dropped_blob WHERE place = ?", values: [place] }]);
        removed += 1;
      }
    }
  }

  /** Runs of which something is kept, in the order of their UIDs, after one of them, with the time of the newest entry (milliseconds since 1970). */
  async runs(
    namespace: string | undefined,
    after: string,
    limit: number,
  ): Promise<{ runUid: string; newest: number }[]> {
    const within = namespace === undefined ? "" : " AND namespace = ?";
    const text = `SELECT run_uid, MAX(stored_at) AS newest FROM pod_log WHERE run_uid > ?${within} GROUP BY run_uid ORDER BY run_uid LIMIT ?`;
    const rows = await this.#sql.read({
      text,
      values: [after, ...(namespace === undefined ? [] : [namespace]), limit],
    });
    return rows.map((row) => ({ runUid: String(row.run_uid), newest: Number(row.newest) }));
  }

  /** Drops the texts stored before `time` (milliseconds since 1970) and keeps `reason` in their place; how many that were. */
  async expire(time: number, reason: string): Promise<number> {
    return await this.#drop("stored_at < ?", [time], reason);
  }

  /**
   * Drops texts until the others take up no more than `most` bytes, and keeps `reason` in their place; how many that were. Whoever has most pays: the
   * namespaces that take up more than an even share of the room lose their oldest, the others nothing.
   */
  async shrink(most: number, reason: string): Promise<number> {
    const rows = await this.#sql.read({
      text: "SELECT namespace, SUM(stored_size) AS bytes FROM pod_log WHERE grade > ? GROUP BY namespace",
      values: [GRADE.lost],
    });
    const sizes = rows.map(({ namespace, bytes }) => ({ namespace: String(namespace), bytes: Number(bytes) }));
    const share = evenShare(
      sizes.map(({ bytes }) => bytes),
      most,
    );
    let dropped = 0;
    for (const { namespace, bytes } of sizes) dropped += await this.#dropOldest(namespace, bytes - share, reason);
    return dropped;
  }

  /** Drops the oldest texts of a namespace until `excess` bytes are free; how many that were. */
  async #dropOldest(namespace: string, excess: number, reason: string): Promise<number> {
    let left = excess;
    let dropped = 0;
    while (left > 0) {
      const oldest = await this.#sql.read({
        text: "SELECT pod_uid, stored_size FROM pod_log WHERE grade > ? AND namespace = ? ORDER BY stored_at, pod_uid LIMIT ?",
        values: [GRADE.lost, namespace, ASKED_AT_ONCE],
      });
      const some: string[] = [];
      for (const { pod_uid, stored_size } of oldest) {
        if (left <= 0) break;
        some.push(String(pod_uid));
        left -= Number(stored_size);
      }
      if (some.length === 0) break;
      dropped += await this.#drop(`pod_uid IN (${some.map(() => "?").join(", ")})`, some, reason);
    }
    return dropped;
  }

  async #drop(where: string, values: readonly SqlValue[], reason: string): Promise<number> {
    const text = `UPDATE pod_log SET log = NULL, place = NULL, grade = ?, size = 0, stored_size = 0, dropped = 0, reason = ? WHERE grade > ? AND ${where}`;
    const [, changed = 0] = await this.#sql.write([
      noteBlobs(`grade > ? AND ${where}`, [GRADE.lost, ...values]),
      { text, values: [GRADE.none, reason, GRADE.lost, ...values] },
    ]);
    return changed;
  }

  async #blob(place: string): Promise<Buffer> {
    if (this.#blobs === undefined) {
      throw new StoreProblem(
        "unavailable",
        `log ${place} lies in a bucket, and none is set; set --log-store as it was`,
      );
    }
    const bytes = await this.#blobs.get(place);
    if (bytes === undefined) throw new StoreProblem("damaged", `log ${place} is not in ${this.#blobs.name} any more`);
    return bytes;
  }

  async #improves(podUid: string, grade: number, length: number): Promise<boolean> {
    const text = "SELECT grade, size + dropped AS length FROM pod_log WHERE pod_uid = ?";
    const [row] = await this.#sql.read({ text, values: [podUid] });
    const known = Number(row?.grade ?? -1);
    return grade > known || (grade === known && length > Number(row?.length));
  }

  async #put(owner: LogOwner, { state, size, dropped, reason, packed, place }: Content): Promise<void> {
    const text = `INSERT INTO pod_log (${COLUMNS}, stored_size, place, log) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT (pod_uid) DO UPDATE SET
        container = excluded.container, stored_at = excluded.stored_at, grade = excluded.grade, size = excluded.size,
        dropped = excluded.dropped, reason = excluded.reason, stored_size = excluded.stored_size, place = excluded.place,
        log = excluded.log
      WHERE excluded.grade > pod_log.grade
        OR (excluded.grade = pod_log.grade AND excluded.size + excluded.dropped > pod_log.size + pod_log.dropped)`;
    const { podUid, namespace, pod, runUid, run, task, attempt, container, createdAt } = owner;
    const created = Date.parse(createdAt);
    const shownReason = reason?.slice(0, MAX_REASON).replaceAll("\0", "\u{FFFD}") ?? null;
    const beside = place === undefined ? (packed ?? null) : null;
    const values = [
      ...[podUid, namespace, pod, runUid, run, task, attempt, container, Number.isNaN(created) ? 0 : created],
      ...[this.#now(), GRADE[state], size, dropped, shownReason, packed?.byteLength ?? 0, place ?? null, beside],
    ];
    // A run that was removed on request stays removed, also where a log of it is late (O-211).
    const late = "pod_uid = ? AND run_uid IN (SELECT uid FROM run_record WHERE uid = ? AND removed_at > 0)";
    await this.#sql.write([
      { text, values },
      // It may have been on the list of what is to be removed, and is needed again.
      ...(place === undefined ? [] : [{ text: "DELETE FROM dropped_blob WHERE place = ?", values: [place] }]),
      ...removeLogs(late, [podUid, runUid]),
    ]);
  }
}

/** What is written of a log. */
interface Content {
  state: LogState;
  size: number;
  dropped: number;
  reason: string | undefined;
  packed?: Buffer;
  /** Key of the object that holds it; absent: it lies in the row. */
  place?: string;
}

/** The most that each may take up so that all together take up no more than `most`; those that need less leave the rest to the others. Infinity where all fit. */
function evenShare(sizes: readonly number[], most: number): number {
  let left = most;
  const rising = [...sizes].sort((a, b) => a - b);
  for (const [index, size] of rising.entries()) {
    const share = left / (rising.length - index);
    if (size > share) return share;
    left -= size;
  }
  return Number.POSITIVE_INFINITY;
}

/** The same for each log of a pod, so that a better one takes the place of what was kept before. */
function placeOf({ namespace, runUid, podUid }: LogOwner): string {
  return `${namespace}/${runUid}/${podUid}.log.gz`;
}

function entryOf(row: Row): LogEntry {
  const created = Number(row.created_at);
  return {
    podUid: String(row.pod_uid),
    namespace: String(row.namespace),
    pod: String(row.pod),
    runUid: String(row.run_uid),
    run: String(row.run),
    task: String(row.task),
    attempt: Number(row.attempt),
    container: String(row.container),
    createdAt: created === 0 ? "" : new Date(created).toISOString(),
    storedAt: new Date(Number(row.stored_at)).toISOString(),
    state: STATES[Number(row.grade)] ?? "none",
    size: Number(row.size),
    dropped: Number(row.dropped),
    ...(typeof row.reason === "string" ? { reason: row.reason } : {}),
  };
}
