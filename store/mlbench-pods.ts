import type { Row, Sql, SqlValue } from "./sql.ts";

/** A worker pod that was seen. */
export interface PodRecord {
  uid: string;
  name: string;
  labels: Readonly<Record<string, string>>;
  /** Empty until there is one. */
  ip: string;
  /** Empty until one is chosen. */
  node: string;
  /** The run that it belongs to; null: none. */
  run: number | null;
  /** Milliseconds since 1970. */
  createdAt: number;
}

/** Rows that one statement writes. */
const AT_ONCE = 100;

/**
 * The worker pods of MLBench, by their UIDs, which outlive the pods: their metrics are found by them (M-64). Whoever sees a pod writes it; doing so twice
 * does no harm. Rejects with a `StoreProblem`.
 */
export class MlbenchPods {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Writes pods as they are now; a pod that is said to be gone stays so. */
  async upsert(pods: readonly PodRecord[]): Promise<void> {
    for (const some of inPieces(pods)) {
      const values = some.flatMap((pod): SqlValue[] => [
        ...[pod.uid, pod.name, JSON.stringify(pod.labels), pod.ip, pod.node, pod.run, pod.createdAt],
      ]);
      const text = `INSERT INTO mlbench_pod (uid, name, labels, ip, node, run, created_at, gone_at)
        VALUES ${some.map(() => "(?, ?, ?, ?, ?, ?, ?, 0)").join(", ")}
        ON CONFLICT (uid) DO UPDATE SET labels = excluded.labels, ip = excluded.ip, node = excluded.node, run = excluded.run`;
      await this.#sql.write([{ text, values }]);
    }
  }

  /** Notes when pods were found to be gone. */
  async markGone(uids: readonly string[], atMs: number): Promise<void> {
    for (const some of inPieces(uids)) {
      const text = `UPDATE mlbench_pod SET gone_at = ? WHERE gone_at = 0 AND uid IN (${some.map(() => "?").join(", ")})`;
      await this.#sql.write([{ text, values: [atMs, ...some] }]);
    }
  }

  /** UIDs of the pods that are not known to be gone. */
  async present(): Promise<string[]> {
    const rows = await this.#sql.read({ text: "SELECT uid FROM mlbench_pod WHERE gone_at = 0" });
    return rows.map(({ uid }) => String(uid));
  }

  /** Those of the UIDs of which there is a record. */
  async known(uids: readonly string[]): Promise<Set<string>> {
    const known = new Set<string>();
    for (const some of inPieces(uids)) {
      const text = `SELECT uid FROM mlbench_pod WHERE uid IN (${some.map(() => "?").join(", ")})`;
      for (const { uid } of await this.#sql.read({ text, values: some })) known.add(String(uid));
    }
    return known;
  }

  /** The newest pod of a name. */
  async newest(name: string): Promise<PodRecord | undefined> {
    const text = `${SELECT} WHERE name = ? ORDER BY created_at DESC, uid DESC LIMIT 1`;
    const [row] = await this.#sql.read({ text, values: [name] });
    return row === undefined ? undefined : recordOf(row);
  }

  /** All pods that a run has had, oldest first. */
  async ofRun(run: number): Promise<PodRecord[]> {
    const text = `${SELECT} WHERE run = ? ORDER BY created_at, name, uid`;
    return (await this.#sql.read({ text, values: [run] })).map(recordOf);
  }

  /** UIDs of the pods without a run that went before that time: what is kept of them has had its time (M-64). */
  async goneBefore(atMs: number): Promise<string[]> {
    const text = "SELECT uid FROM mlbench_pod WHERE gone_at > 0 AND gone_at < ? AND run IS NULL";
    return (await this.#sql.read({ text, values: [atMs] })).map(({ uid }) => String(uid));
  }

  /** Numbers of the runs of which pods are known. */
  async runs(): Promise<number[]> {
    const rows = await this.#sql.read({
      text: "SELECT DISTINCT run FROM mlbench_pod WHERE run IS NOT NULL ORDER BY run",
    });
    return rows.map(({ run }) => Number(run));
  }

  /** Forgets pods. */
  async drop(uids: readonly string[]): Promise<void> {
    for (const some of inPieces(uids)) {
      const text = `DELETE FROM mlbench_pod WHERE uid IN (${some.map(() => "?").join(", ")})`;
      await this.#sql.write([{ text, values: some }]);
    }
  }
}

const SELECT = "SELECT uid, name, labels, ip, node, run, created_at FROM mlbench_pod";

function recordOf({ uid, name, labels, ip, node, run, created_at: createdAt }: Row): PodRecord {
  return {
    uid: String(uid),
    name: String(name),
    labels: JSON.parse(String(labels)) as Record<string, string>,
    ip: String(ip),
    node: String(node),
    run: run === null ? null : Number(run),
    createdAt: Number(createdAt),
  };
}

function* inPieces<T>(all: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < all.length; at += AT_ONCE) yield all.slice(at, at + AT_ONCE);
}
