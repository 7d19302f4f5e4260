import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { LocalError } from "../../../local/local-error.ts";
import { EmbeddedFile } from "../../../store/embedded-file.ts";
import { PostgresSql } from "../../../store/postgres.ts";
import type { Sql } from "../../../store/sql.ts";
import { type PlanReader, postgresPlan, sqlitePlan } from "../../support/job-plan.ts";
import { PostgresServer } from "../../support/postgres-server.ts";
import type { Filling } from "./fill.ts";

/** The databases that can be measured. */
export const DATABASES = ["embedded", "postgres"] as const;
export type DatabaseKind = (typeof DATABASES)[number];

/** An empty database of one kind, and all that differs between them. */
export interface BenchDatabase {
  title: string;
  /** Straight to the database, in this process. */
  sql: Sql;
  words: Pick<Filling, "indexes" | "settle" | "writers">;
  plan: PlanReader;
  /** Settings that tell the API where it is. */
  environment: Record<string, string>;
  /** Bytes that it takes up. */
  size(): Promise<number>;
  close(): Promise<void>;
}

/** Makes one below the directory. */
export async function makeDatabase(kind: DatabaseKind, directory: string): Promise<BenchDatabase> {
  return kind === "embedded" ? await embedded(directory) : await postgres();
}

async function embedded(directory: string): Promise<BenchDatabase> {
  const folder = join(directory, "embedded");
  await mkdir(folder);
  const path = join(folder, "store.db");
  const file = new EmbeddedFile(path);
  const sql: Sql = {
    read: (statement) => file.read(statement),
    write: (statements) => file.write(statements),
    tidy: () => file.tidy(),
    close: async () => file.close(),
  };
  return {
    title: "embedded (SQLite)",
    sql,
    words: {
      indexes:
        "SELECT name, sql AS definition FROM sqlite_master WHERE type = 'index' AND tbl_name = 'clockwork_job' AND sql IS NOT NULL",
      settle: ["PRAGMA wal_checkpoint(TRUNCATE)"],
      writers: 1,
    },
    plan: sqlitePlan,
    environment: { ODIN_STORE: path },
    size: async () => (await stat(path)).size,
    close: () => sql.close(),
  };
}

async function postgres(): Promise<BenchDatabase> {
  const server = await PostgresServer.open();
  if ("cannot" in server) throw new LocalError(`no PostgreSQL server: ${server.cannot}`);
  const location = await server.database();
  // Making an index takes longer than requests may take.
  const sql = new PostgresSql(location, { statementMs: 600_000 });
  const { host, port, user, database, password = "" } = location;
  const [told] = await server.query("SHOW server_version");
  return {
    title: `PostgreSQL ${String(told?.server_version).split(" ")[0]}`,
    sql,
    words: {
      indexes:
        "SELECT indexname AS name, indexdef AS definition FROM pg_indexes WHERE tablename = 'clockwork_job' AND indexname <> 'clockwork_job_pkey'",
      settle: ["VACUUM (ANALYZE) clockwork_job", "CHECKPOINT"],
      writers: 2,
    },
    plan: postgresPlan,
    environment: {
      ODIN_STORE: `postgres://${user}:${encodeURIComponent(password)}@${host}:${port}/${database}?sslmode=disable`,
    },
    async size() {
      const [row] = await sql.read({ text: "SELECT pg_database_size(current_database()) AS bytes" });
      return Number(row?.bytes);
    },
    async close() {
      await sql.close();
      await server.remove();
    },
  };
}
