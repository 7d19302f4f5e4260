import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import { removeLogs } from "./dropped-logs.ts";
import type { Row, Sql, SqlValue } from "./sql.ts";
import { StoreProblem } from "./store-problem.ts";

const compress = promisify(gzip);
const expand = promisify(gunzip);

/** A document larger than this was not written by us: an object of the API server has 1.5 MiB at most, and a definition as much. */
const MAX_DOCUMENT_BYTES = 16 * 1024 * 1024;
/** Values asked for in one statement. */
const ASKED_AT_ONCE = 200;
/** Runs are counted no further than this. */
export const MAX_COUNTED = 100_000;

/** What identifies an ended run and says whose it is; a row without its document. */
export interface RunRecord {
  uid: string;
  namespace: string;
  name: string;
  /** Id of the job; empty for a run that carried its own tasks. */
  job: string;
  version: string;
  user: string;
  phase: string;
  /** Milliseconds since 1970. */
  createdAt: number;
  endedAt: number;
}

/** An ended run as it is kept; the document is what the caller gave, as JSON. */
export interface KeptRun extends RunRecord {
  document: unknown;
}

/** Which of the runs whose object is gone are wanted: those that come after `after` in the order newest first. */
export interface RunQuery {
  namespace: string;
  /** Parts that the name has, in this order; as O-90 splits them. */
  parts?: readonly string[];
  limit: number;
  after?: { createdAt: number; name: string };
}

const COLUMNS = "uid, namespace, name, job, version, run_user, phase, created_at, ended_at";

/**
 * The runs that have ended, keyed by UID: names come again, UIDs never. What was removed on request leaves its UID behind for a time, so that an
 * archive that comes late does not bring it back (O-211).
 */
export class RunArchive {
  readonly #sql: Sql;
  readonly #now: () => number;

  constructor(sql: Sql, now: () => number = Date.now) {
    this.#sql = sql;
    this.#now = now;
  }

  /** Keeps runs; one that is kept already is brought up to date, one that was removed stays removed. All or none. */
  async save(runs: readonly KeptRun[]): Promise<void> {
    const text = `INSERT INTO run_record (${COLUMNS}, stored_at, gone_at, removed_at, document) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, ?)
      ON CONFLICT (uid) DO UPDATE SET
        phase = excluded.phase, ended_at = excluded.ended_at, stored_at = excluded.stored_at, document = excluded.document
      WHERE run_record.removed_at = 0`;
    const now = this.#now();
    const statements = await Promise.all(
      runs.map(async ({ document, ...run }) => {
        const packed = await compress(JSON.stringify(document));
        const { uid, namespace, name, job, version, user, phase, createdAt, endedAt } = run;
        const values: SqlValue[] = [uid, namespace, name, job, version, user, phase, createdAt, endedAt, now, packed];
        return { text, values };
      }),
    );
    await this.#sql.write(statements);
  }

  /** Those of the UIDs for which nothing is to be done: kept, or removed on request. */
  async known(uids: readonly string[]): Promise<Set<string>> {
    return await this.#those(uids, "1 = 1");
  }

  /** The newest kept run of each of the names; at most 200 of these. */
  async find(namespace: string, names: readonly string[]): Promise<RunRecord[]> {
    const some = names.slice(0, ASKED_AT_ONCE);
    if (some.length === 0) return [];
    const text = `SELECT ${COLUMNS} FROM run_record WHERE namespace = ? AND name IN (${marks(some)}) AND removed_at = 0
      ORDER BY created_at DESC, stored_at DESC`;
    const rows = await this.#sql.read({ text, values: [namespace, ...some] });
    const newest = new Map<string, RunRecord>();
    for (const record of rows.map(recordOf)) if (!newest.has(record.name)) newest.set(record.name, record);
    return [...newest.values()];
  }

  /** The kept run of that UID; undefined if there is none. */
  async byUid(uid: string): Promise<RunRecord | undefined> {
    const text = `SELECT ${COLUMNS} FROM run_record WHERE uid = ? AND removed_at = 0`;
    const [row] = await this.#sql.read({ text, values: [uid] });
    return row === undefined ? undefined : recordOf(row);
  }

  /** Runs whose object is gone, newest first, then by name; of several of one name each. */
  async list({ namespace, parts = [], limit, after }: RunQuery): Promise<RunRecord[]> {
    const { where, values } = this.#matching(namespace, parts);
    const past = after === undefined ? "" : " AND (created_at < ? OR (created_at = ? AND name > ?))";
    const text = `SELECT ${COLUMNS} FROM run_record WHERE ${where}${past} ORDER BY created_at DESC, name, uid LIMIT ?`;
    const from = after === undefined ? [] : [after.createdAt, after.createdAt, after.name];
    return (await this.#sql.read({ text, values: [...values, ...from, limit] })).map(recordOf);
  }

  /** How many runs `list` would give without a limit, but no more than `MAX_COUNTED`: nobody pages further, and counting is not free. */
  async count(namespace: string, parts: readonly string[] = []): Promise<number> {
    const { where, values } = this.#matching(namespace, parts);
    const text = `SELECT COUNT(*) AS n FROM (SELECT 1 FROM run_record WHERE ${where} LIMIT ?) AS matching`;
    const [row] = await this.#sql.read({ text, values: [...values, MAX_COUNTED] });
    return Number(row?.n ?? 0);
  }

  /** The documents of kept runs, by UID; at most 200 UIDs. Those that are not kept are left out. */
  async documents(uids: readonly string[]): Promise<Map<string, unknown>> {
    const some = uids.slice(0, ASKED_AT_ONCE);
    if (some.length === 0) return new Map();
    const text = `SELECT uid, document FROM run_record WHERE uid IN (${marks(some)}) AND removed_at = 0`;
    const rows = await this.#sql.read({ text, values: some });
    const pairs = rows.map(async ({ uid, document }) => [String(uid), await unpacked(String(uid), document)] as const);
    return new Map(await Promise.all(pairs));
  }

  /** The objects of these runs are not in the cluster any more. */
  async gone(uids: readonly string[]): Promise<void> {
    const text = "UPDATE run_record SET gone_at = ? WHERE uid = ? AND gone_at = 0";
    await this.#sql.write(uids.map((uid) => ({ text, values: [this.#now(), uid] })));
  }

  /** The objects of these runs are in the cluster, whatever was said before: it may have been restored. */
  async back(uids: readonly string[]): Promise<void> {
    const text = "UPDATE run_record SET gone_at = 0 WHERE uid = ? AND gone_at > 0";
    await this.#sql.write(uids.map((uid) => ({ text, values: [uid] })));
  }

  /** UIDs of kept runs that are not said to be gone, in their order, after one of them; of all namespaces if none is given. */
  async withObject(namespace: string | undefined, after: string, limit: number): Promise<string[]> {
    const within = namespace === undefined ? "" : " AND namespace = ?";
    const text = `SELECT uid FROM run_record WHERE gone_at = 0 AND removed_at = 0 AND uid > ?${within} ORDER BY uid LIMIT ?`;
    const rows = await this.#sql.read({
      text,
      values: [after, ...(namespace === undefined ? [] : [namespace]), limit],
    });
    return rows.map(({ uid }) => String(uid));
  }

  /** Those of the UIDs that are kept and said to be gone. */
  async withoutObject(uids: readonly string[]): Promise<string[]> {
    return [...(await this.#those(uids, "gone_at > 0 AND removed_at = 0"))];
  }

  /** Those of the UIDs that are kept. */
  async kept(uids: readonly string[]): Promise<Set<string>> {
    return await this.#those(uids, "removed_at = 0");
  }

  /** Forgets a run and its logs on request, for good: also where it was not kept yet. True if it was kept. */
  async remove({ uid, namespace, name }: Pick<RunRecord, "uid" | "namespace" | "name">): Promise<boolean> {
    const now = this.#now();
    const [kept] = await this.#sql.read({
      text: "SELECT uid FROM run_record WHERE uid = ? AND removed_at = 0",
      values: [uid],
    });
    const text = `INSERT INTO run_record (${COLUMNS}, stored_at, gone_at, removed_at, document) VALUES (?, ?, ?, '', '', '', '', 0, 0, ?, ?, ?, NULL)
      ON CONFLICT (uid) DO UPDATE SET
        name = '', job = '', version = '', run_user = '', document = NULL,
        removed_at = CASE WHEN run_record.removed_at = 0 THEN excluded.removed_at ELSE run_record.removed_at END`;
    await this.#sql.write([
      { text, values: [uid, namespace, name, now, now, now] },
      ...removeLogs("run_uid = ?", [uid]),
    ]);
    return kept !== undefined;
  }

  /** Drops runs that ended before `endedBefore` and whose object is gone, with their logs, and what is left of those removed before `removedBefore`; how many runs. */
  async expire(endedBefore: number, removedBefore: number): Promise<number> {
    const old = "gone_at > 0 AND removed_at = 0 AND ended_at < ?";
    const [, , dropped = 0] = await this.#sql.write([
      ...removeLogs(`run_uid IN (SELECT uid FROM run_record WHERE ${old})`, [endedBefore]),
      { text: `DELETE FROM run_record WHERE ${old}`, values: [endedBefore] },
      { text: "DELETE FROM run_record WHERE removed_at > 0 AND removed_at < ?", values: [removedBefore] },
    ]);
    return dropped;
  }

  async #those(uids: readonly string[], condition: string): Promise<Set<string>> {
    const those = new Set<string>();
    for (let at = 0; at < uids.length; at += ASKED_AT_ONCE) {
      const some = uids.slice(at, at + ASKED_AT_ONCE);
      const text = `SELECT uid FROM run_record WHERE ${condition} AND uid IN (${marks(some)})`;
      for (const row of await this.#sql.read({ text, values: some })) those.add(String(row.uid));
    }
    return those;
  }

  #matching(namespace: string, parts: readonly string[]): { where: string; values: SqlValue[] } {
    const where = "namespace = ? AND gone_at > 0 AND removed_at = 0";
    if (parts.length === 0) return { where, values: [namespace] };
    // Nothing in a part is special, so what LIKE would take for a pattern is escaped.
    const pattern = `%${parts.map((part) => part.toLowerCase().replace(/[\\%_]/g, "\\$&")).join("%")}%`;
    return { where: `${where} AND name LIKE ? ESCAPE '\\'`, values: [namespace, pattern] };
  }
}

function marks(values: readonly unknown[]): string {
  return values.map(() => "?").join(", ");
}

async function unpacked(uid: string, document: SqlValue | undefined): Promise<unknown> {
  try {
    if (!(document instanceof Uint8Array)) throw new Error("there is no document");
    return JSON.parse((await expand(document, { maxOutputLength: MAX_DOCUMENT_BYTES })).toString());
  } catch (error) {
    throw new StoreProblem("damaged", `run ${uid} in the store cannot be unpacked`, error);
  }
}

function recordOf(row: Row): RunRecord {
  return {
    uid: String(row.uid),
    namespace: String(row.namespace),
    name: String(row.name),
    job: String(row.job),
    version: String(row.version),
    user: String(row.run_user),
    phase: String(row.phase),
    createdAt: Number(row.created_at),
    endedAt: Number(row.ended_at),
  };
}
