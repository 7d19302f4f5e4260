import { type JobColumnTypes, jobTable } from "./job-table.ts";
import { type MetricColumnTypes, mlbenchMetricTable } from "./mlbench-metric-table.ts";
import { outputTables } from "./mlbench-output-tables.ts";
import { mlbenchPodTable } from "./mlbench-pod-table.ts";
import type { Row, Statement } from "./sql.ts";
import { StoreProblem } from "./store-problem.ts";
import { userDataTables } from "./user-data-tables.ts";
import { vestaMessageTables } from "./vesta-message-table.ts";
import { type VestaColumnTypes, vestaTables } from "./vesta-tables.ts";

/** What the dialects call the types that they do not share. */
export interface ColumnTypes extends JobColumnTypes, MetricColumnTypes, VestaColumnTypes {
  bytes: string;
}

/** The words of SQLite. */
export const SQLITE_TYPES: ColumnTypes = {
  bytes: "BLOB",
  text: "TEXT",
  nullsFirst: "",
  nullsLast: "",
  withUid: "",
  serial: "INTEGER PRIMARY KEY AUTOINCREMENT",
};
/** Those of PostgreSQL. */
export const POSTGRES_TYPES: ColumnTypes = {
  bytes: "BYTEA",
  text: 'TEXT COLLATE "C"',
  nullsFirst: " NULLS FIRST",
  nullsLast: " NULLS LAST",
  withUid: " INCLUDE (pod_uid)",
  serial: "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
};

/**
 * Every step that the tables have gone through, oldest first. A step that was released never changes: new ones are added at the end. Times are
 * milliseconds since 1970.
 */
const MIGRATIONS: readonly ((types: ColumnTypes) => readonly string[])[] = [
  ({ bytes }) => [
    `CREATE TABLE pod_log (
       pod_uid TEXT PRIMARY KEY,
       namespace TEXT NOT NULL,
       pod TEXT NOT NULL,
       run_uid TEXT NOT NULL,
       run TEXT NOT NULL,
       task TEXT NOT NULL,
       attempt BIGINT NOT NULL,
       container TEXT NOT NULL,
       created_at BIGINT NOT NULL,
       stored_at BIGINT NOT NULL,
       grade BIGINT NOT NULL,
       size BIGINT NOT NULL,
       dropped BIGINT NOT NULL,
       reason TEXT,
       log ${bytes}
     )`,
    "CREATE INDEX pod_log_by_run ON pod_log (run_uid)",
    "CREATE INDEX pod_log_by_pod ON pod_log (namespace, pod)",
    "CREATE INDEX pod_log_by_age ON pod_log (stored_at)",
  ],
  ({ bytes }) => [
    `CREATE TABLE run_record (
       uid TEXT PRIMARY KEY,
       namespace TEXT NOT NULL,
       name TEXT NOT NULL,
       job TEXT NOT NULL,
       version TEXT NOT NULL,
       run_user TEXT NOT NULL,
       phase TEXT NOT NULL,
       created_at BIGINT NOT NULL,
       ended_at BIGINT NOT NULL,
       stored_at BIGINT NOT NULL,
       gone_at BIGINT NOT NULL,
       removed_at BIGINT NOT NULL,
       document ${bytes}
     )`,
    "CREATE INDEX run_record_by_name ON run_record (namespace, name)",
    "CREATE INDEX run_record_newest ON run_record (namespace, created_at DESC, name) WHERE gone_at > 0 AND removed_at = 0",
    "CREATE INDEX run_record_by_end ON run_record (ended_at) WHERE gone_at > 0 AND removed_at = 0",
  ],
  () => [
    // What a log takes up, wherever it lies: here, or under `place` in a bucket.
    "ALTER TABLE pod_log ADD COLUMN stored_size BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE pod_log ADD COLUMN place TEXT",
    "CREATE INDEX run_record_there ON run_record (uid) WHERE gone_at = 0 AND removed_at = 0",
    "UPDATE pod_log SET stored_size = LENGTH(log) WHERE log IS NOT NULL",
  ],
  () => [
    // Objects in a bucket whose rows are gone: written with the removal of the row, so that none is forgotten.
    "CREATE TABLE dropped_blob (place TEXT PRIMARY KEY)",
  ],
  jobTable,
  userDataTables,
  outputTables,
  mlbenchMetricTable,
  mlbenchPodTable,
  vestaMessageTables,
  vestaTables,
];

/** Whether the tables are as this program needs them, so that nothing has to be locked for `migrate`. `run` may reject where there are none yet. */
export async function isCurrent(run: (statement: Statement) => Promise<readonly Row[]>): Promise<boolean> {
  const [row] = await run({ text: "SELECT MAX(version) AS version FROM schema_version" });
  return Number(row?.version ?? 0) === MIGRATIONS.length;
}

/**
 * Brings the tables to what this program needs. Called within a transaction that keeps everybody else from doing the same. `where` names the
 * store in messages. Throws a `StoreProblem` of kind `newer` for tables of a later version, and changes nothing then.
 */
export async function migrate(
  run: (statement: Statement) => Promise<readonly Row[]>,
  types: ColumnTypes,
  where: string,
): Promise<void> {
  await run({ text: "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)" });
  const [row] = await run({ text: "SELECT MAX(version) AS version FROM schema_version" });
  const current = Number(row?.version ?? 0);
  if (current > MIGRATIONS.length) {
    throw new StoreProblem(
      "newer",
      `${where} was written by a newer version of odin (its tables are at step ${current}, this program knows ${MIGRATIONS.length}); ` +
        "upgrade this one, or give it another store",
    );
  }
  for (const [index, steps] of MIGRATIONS.entries()) {
    if (index < current) continue;
    for (const text of steps(types)) await run({ text });
    await run({ text: "INSERT INTO schema_version (version) VALUES (?)", values: [index + 1] });
  }
}
