import { closeSync, mkdirSync, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { pathToFileURL } from "node:url";
import { type Client, createClient, type ResultSet } from "@libsql/client";
import { isCurrent, migrate, SQLITE_TYPES } from "./migrations.ts";
import type { Row, SqlValue, Statement } from "./sql.ts";
import { StoreProblem, type StoreProblemKind } from "./store-problem.ts";

/** How long one of several processes waits for another's write. */
const BUSY_MS = 5_000;
/** A file that could not be opened is not tried again at every request. */
const REOPEN_AFTER_MS = 2_000;

/**
 * A database in one file, which several processes may have open. Its calls block the process they are made in. It is opened at the first request,
 * made if there is none, and opened again after a failure or when the file was replaced.
 */
export class EmbeddedFile {
  readonly #path: string;
  #open: { client: Client; identity: string } | undefined;
  #refusal: { problem: StoreProblem; untilMs: number } | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  async read(statement: Statement): Promise<Row[]> {
    return await this.#run(async (client) => rowsOf(await client.execute(prepared(statement))));
  }

  async write(statements: readonly Statement[]): Promise<number[]> {
    if (statements.length === 0) return [];
    return await this.#run(async (client) => {
      const results = await client.batch(statements.map(prepared), "write");
      return results.map(({ rowsAffected }) => rowsAffected);
    });
  }

  async tidy(): Promise<void> {
    await this.#run((client) => client.executeMultiple("PRAGMA incremental_vacuum"));
  }

  close(): void {
    this.#open?.client.close();
    this.#open = undefined;
  }

  async #run<T>(work: (client: Client) => Promise<T>): Promise<T> {
    const client = await this.#client();
    try {
      return await work(client);
    } catch (error) {
      // The next request begins anew: also because a statement that failed keeps its connection from committing until it is collected.
      this.close();
      throw problemOf(error, this.#path);
    }
  }

  async #client(): Promise<Client> {
    if (this.#open !== undefined && this.#open.identity !== identityOf(this.#path)) {
      // Removed or replaced: what is written to a file without a name is lost, and nobody else sees it.
      this.close();
    }
    if (this.#open !== undefined) return this.#open.client;
    if (this.#refusal !== undefined && performance.now() < this.#refusal.untilMs) throw this.#refusal.problem;
    try {
      const client = await opened(this.#path);
      this.#open = { client, identity: identityOf(this.#path) ?? "" };
      this.#refusal = undefined;
      return client;
    } catch (error) {
      const problem = problemOf(error, this.#path);
      if (problem.kind !== "busy") this.#refusal = { problem, untilMs: performance.now() + REOPEN_AFTER_MS };
      throw problem;
    }
  }
}

/** Logs may hold what only their owner should read, so nobody else may read the file; its companions get its mode from SQLite. */
async function opened(path: string): Promise<Client> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  closeSync(openSync(path, "a", 0o600));
  // One connection: the pragmas below hold for it alone, and one thread has no use for more.
  const client = createClient({ url: pathToFileURL(path).href, concurrency: 1, timeout: BUSY_MS });
  try {
    // What was said to be written is there also after the power was cut.
    await client.execute("PRAGMA synchronous = FULL");
    if (!(await hasTables(client))) await makeTables(client, path);
    return client;
  } catch (error) {
    client.close();
    throw error;
  }
}

async function hasTables(client: Client): Promise<boolean> {
  const there = await client.execute("SELECT name FROM sqlite_master WHERE name = 'schema_version'");
  if (there.rows.length === 0) return false;
  return await isCurrent(async (statement) => rowsOf(await client.execute(prepared(statement))));
}

async function makeTables(client: Client, path: string): Promise<void> {
  // Before the first table is made, so that space of removed logs can be given back.
  await client.execute("PRAGMA auto_vacuum = INCREMENTAL");
  // Readers and the one writer do not wait for each other, and a killed process leaves a whole file.
  await client.execute("PRAGMA journal_mode = WAL");
  const transaction = await client.transaction("write");
  const run = async (statement: Statement): Promise<Row[]> => rowsOf(await transaction.execute(prepared(statement)));
  try {
    await migrate(run, SQLITE_TYPES, `the store ${path}`);
    await transaction.commit();
  } finally {
    transaction.close();
  }
}

function prepared({ text, values = [] }: Statement): { sql: string; args: (string | number | Uint8Array | null)[] } {
  return { sql: text, args: [...values] };
}

function rowsOf({ columns, rows }: ResultSet): Row[] {
  return rows.map((row) =>
    Object.fromEntries(columns.map((column, index) => [column, sqlValueOf(row[index])] satisfies [string, SqlValue])),
  );
}

function sqlValueOf(value: unknown): SqlValue {
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  if (typeof value === "bigint") return Number(value);
  return typeof value === "string" || typeof value === "number" || value instanceof Uint8Array ? value : null;
}

function identityOf(path: string): string | undefined {
  try {
    const { dev, ino } = statSync(path);
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}

/** SQLite's result codes, and the system's, by what can be done about them. */
const KINDS: readonly [code: RegExp, kind: StoreProblemKind, advice: string][] = [
  [/^SQLITE_FULL|^ENOSPC|^EDQUOT/, "full", "make room on its disk"],
  [/^SQLITE_(CORRUPT|NOTADB|FORMAT)/, "damaged", "move the file away, and a new one is made, or restore it"],
  [/^SQLITE_(BUSY|LOCKED)|^TRANSACTION_ACTIVE/, "busy", "other processes hold it; tried again later"],
  [
    /^SQLITE_(CANTOPEN|READONLY|IOERR|PERM|AUTH)|^E[A-Z]+$/,
    "unavailable",
    "see that its directory is there, writable and on a local disk",
  ],
];

function problemOf(error: unknown, path: string): StoreProblem {
  if (error instanceof StoreProblem) return error;
  const { code, message } = error as { code?: unknown; message?: unknown };
  const text = typeof code === "string" ? code : "";
  const words = typeof message === "string" ? message.slice(0, 300) : String(error);
  // What is no database says so in words when it is opened.
  const named = /file is not a database|malformed/.test(words) ? "SQLITE_NOTADB" : text;
  for (const [pattern, kind, advice] of KINDS) {
    if (pattern.test(named)) return new StoreProblem(kind, `the store ${path}: ${words}; ${advice}`, error);
  }
  return new StoreProblem("internal", `the store ${path}: ${words}`, error);
}
