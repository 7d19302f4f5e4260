import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import type { Pool, PoolClient } from "pg";
import { isCurrent, migrate, POSTGRES_TYPES } from "./migrations.ts";
import { postgresProblem } from "./postgres-problem.ts";
import type { Row, Sql, SqlValue, Statement } from "./sql.ts";
import { StoreProblem } from "./store-problem.ts";

/** Where a PostgreSQL database is and how to get in. */
export interface PostgresLocation {
  /** Name or address, or the directory of a Unix socket. */
  host: string;
  port: number;
  user: string;
  database: string;
  password?: string;
  /** Read for each new connection; counts before `password`. */
  passwordFile?: string;
  /** Encrypted, with the server's certificate and name checked. */
  tls?: { ca?: string };
}

/** Times and sizes; the defaults are what production uses. */
export interface PostgresTimings {
  connections: number;
  connectMs: number;
  /** For one statement, the wait for the server's answer included. */
  statementMs: number;
}

const TIMINGS: PostgresTimings = { connections: 4, connectMs: 5_000, statementMs: 20_000 };
/** Requests that may wait at once; more are refused, so that a server that is slow does not fill the memory. */
const MAX_WAITING = 64;
/** One process makes the tables at a time. Any number does that nobody else uses for a lock in the same database. */
const MIGRATION_LOCK = 6_346_901_225;
const BIGINT = 20;

/**
 * A database on a PostgreSQL server, which any number of processes may share. Nothing is opened before the first request; a connection that broke
 * is replaced at the next one. The tables are made, or brought forward, by whichever process comes first.
 */
export class PostgresSql implements Sql {
  readonly #name: string;
  readonly #location: PostgresLocation;
  readonly #timings: PostgresTimings;
  #pool: Promise<Pool> | undefined;
  #hasTables = false;
  #making: Promise<void> | undefined;
  #waiting = 0;
  #closing: Promise<void> | undefined;

  constructor(location: PostgresLocation, timings: Partial<PostgresTimings> = {}) {
    this.#name = nameOfPostgres(location);
    this.#location = location;
    this.#timings = { ...TIMINGS, ...timings };
  }

  async read(statement: Statement): Promise<Row[]> {
    return await this.#with(async (client) => await rowsOf(client, statement));
  }

  async write(statements: readonly Statement[]): Promise<number[]> {
    if (statements.length === 0) return [];
    return await this.#with((client) =>
      inTransaction(client, async () => {
        const changed: number[] = [];
        for (const statement of statements) changed.push((await client.query(prepared(statement))).rowCount ?? 0);
        return changed;
      }),
    );
  }

  /** Nothing: the server tidies up by itself. */
  async tidy(): Promise<void> {}

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const pool = await this.#pool;
    await pool?.end();
  }

  async #with<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    if (this.#closing !== undefined) throw new StoreProblem("closed", `the store ${this.#name} is closed`);
    if (this.#waiting >= MAX_WAITING) {
      const message = `the store ${this.#name}: ${MAX_WAITING} requests wait for it already; is the server too slow?`;
      throw new StoreProblem("busy", message);
    }
    this.#waiting += 1;
    try {
      if (!this.#hasTables) await this.#ensureTables();
      return await this.#withClient(work);
    } finally {
      this.#waiting -= 1;
    }
  }

  async #withClient<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    let client: PoolClient | undefined;
    try {
      this.#pool ??= makePool(this.#location, this.#timings);
      client = await (await this.#pool).connect();
      const result = await work(client);
      client.release();
      return result;
    } catch (error) {
      // After any failure the connection may be in the middle of something: it is not used again.
      client?.release(true);
      const problem = postgresProblem(error, this.#name);
      // The tables may be gone, or the database another one.
      if (problem.kind !== "busy") this.#hasTables = false;
      throw problem;
    }
  }

  /** Several requests at once share one look. */
  async #ensureTables(): Promise<void> {
    this.#making ??= this.#withClient((client) => makeTables(client, this.#name)).finally(() => {
      this.#making = undefined;
    });
    await this.#making;
    this.#hasTables = true;
  }
}

/** The driver is loaded by those who use it only. */
async function makePool(location: PostgresLocation, timings: PostgresTimings): Promise<Pool> {
  const { default: pg } = await import("pg");
  const { connections, connectMs, statementMs } = timings;
  const { host, port, user, database, tls } = location;
  const pool = new pg.Pool({
    ...{ host, port, user, database, application_name: "odin", max: connections },
    password: passwordOf(location),
    // An address is no name that TLS could ask for, and yet it is what the certificate must be for.
    ssl: tls === undefined ? false : { ...tls, ...(isIP(host) === 0 ? { servername: host } : { host }) },
    connectionTimeoutMillis: connectMs,
    // The server's own bound ends what it does; ours ends the wait for a server that hangs.
    statement_timeout: statementMs,
    lock_timeout: statementMs,
    idle_in_transaction_session_timeout: statementMs,
    query_timeout: statementMs + 1_000,
    keepAlive: true,
    allowExitOnIdle: true,
    // Our numbers are all safe ones; the driver gives those of 64 bits as texts otherwise.
    types: {
      getTypeParser: (oid, format) =>
        oid === BIGINT && format !== "binary" ? Number : pg.types.getTypeParser(oid, format),
    },
  });
  // A connection can break while nobody uses it, and between two statements: an event that nobody hears would end the process. Whoever uses it is
  // told by the next statement.
  pool.on("error", () => undefined);
  pool.on("connect", (client) => client.on("error", () => undefined));
  return pool;
}

/** How messages name it: without the password. */
export function nameOfPostgres({ host, port, user, database }: PostgresLocation): string {
  const shown = host.startsWith("/") ? `/${database}?host=${host}` : `${host}:${port}/${database}`;
  return `postgres://${user}@${shown}`;
}

function passwordOf({ password, passwordFile }: PostgresLocation): string | (() => Promise<string>) | undefined {
  if (passwordFile === undefined) return password;
  return async () => {
    try {
      return (await readFile(passwordFile, "utf8")).replace(/\r?\n$/, "");
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      throw new StoreProblem("unavailable", `the password file ${passwordFile} of the store cannot be read (${code})`);
    }
  };
}

async function makeTables(client: PoolClient, name: string): Promise<void> {
  const run = (statement: Statement): Promise<Row[]> => rowsOf(client, statement);
  const [there] = await run({ text: "SELECT to_regclass('schema_version') IS NOT NULL AS made" });
  if (there?.made === 1 && (await isCurrent(run))) return;
  await inTransaction(client, async () => {
    await run({ text: `SELECT pg_advisory_xact_lock(${MIGRATION_LOCK})` });
    await migrate(run, POSTGRES_TYPES, `the store ${name}`);
  });
}

async function inTransaction<T>(client: PoolClient, work: () => Promise<T>): Promise<T> {
  await client.query("BEGIN");
  // A failure ends the connection, and with it the transaction.
  const result = await work();
  await client.query("COMMIT");
  return result;
}

async function rowsOf(client: PoolClient, statement: Statement): Promise<Row[]> {
  const { rows } = await client.query(prepared(statement));
  return rows.map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => [name, sqlValueOf(value)] satisfies [string, SqlValue]),
    ),
  );
}

/** PostgreSQL numbers its parameters, and has no text with a NUL in it. */
function prepared({ text, values = [] }: Statement): { text: string; values: SqlValue[] } {
  let position = 0;
  return {
    text: text.replaceAll("?", () => `$${++position}`),
    values: values.map((value) => {
      if (typeof value === "string") return value.replaceAll("\0", "\u{FFFD}");
      return value instanceof Uint8Array && !Buffer.isBuffer(value) ? Buffer.from(value) : value;
    }),
  };
}

function sqlValueOf(value: unknown): SqlValue {
  if (typeof value === "boolean") return Number(value);
  return typeof value === "string" || typeof value === "number" || value instanceof Uint8Array ? value : null;
}
