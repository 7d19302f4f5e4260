import { type ChildProcess, spawn } from "node:child_process";
import { appendFile, chmod, chown, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findExecutable, run } from "../../local/command.ts";
import { installDebianPackages } from "../../local/host-packages.ts";
import { messageOf } from "../../local/local-error.ts";
import type { PostgresLocation } from "../../store/postgres.ts";
import { until } from "./deadline.ts";
import { lastingPort } from "./lasting-port.ts";
import { stopProcess } from "./stop-process.ts";

const PASSWORD = "correct horse";
const READY_MS = 60_000;
const LOG_LINES = 30;
/** Where Debian puts the programs of each version. */
const DEBIAN = "/usr/lib/postgresql";

/** What the server may not run as. */
interface Account {
  uid: number;
  gid: number;
}

/**
 * A real PostgreSQL server with a data directory of its own, on loopback only unless more is asked for, and there only encrypted. It trades safety
 * of its data for speed, except that what it said is written survives `stop` and `kill`.
 */
export class PostgresServer {
  readonly port: number;
  readonly #directory: string;
  readonly #programs: string;
  readonly #account: Account | undefined;
  readonly #addresses: readonly string[];
  readonly #said: string[] = [];
  #child: ChildProcess | undefined;
  #databases = 0;

  private constructor(
    directory: string,
    programs: string,
    account: Account | undefined,
    port: number,
    addresses: readonly string[],
  ) {
    this.#addresses = addresses;
    this.#directory = directory;
    this.#programs = programs;
    this.#account = account;
    this.port = port;
  }

  /** Starts one, on further addresses of this machine as well; where it cannot have one, the reason is given instead. */
  static async open(...furtherAddresses: string[]): Promise<PostgresServer | { cannot: string }> {
    const programs = await findPrograms();
    if (typeof programs !== "string") return programs;
    // The temporary directory of a test run is closed to other users, and the server has to be one where we are root.
    const directory = await mkdtemp("/tmp/odin-pg-");
    const account = process.getuid?.() === 0 ? await accountOf("postgres") : undefined;
    const server = new PostgresServer(directory, programs, account, await lastingPort(), [
      "127.0.0.1",
      ...furtherAddresses,
    ]);
    try {
      await server.#make();
      await server.start();
      return server;
    } catch (error) {
      await server.remove();
      throw error;
    }
  }

  /** A database of its own for a test. */
  async database(): Promise<PostgresLocation> {
    const database = `test_${++this.#databases}`;
    await this.query(`CREATE DATABASE ${database}`);
    return { host: "127.0.0.1", port: this.port, user: "postgres", database, password: PASSWORD };
  }

  /** Carries out one statement as the administrator. */
  async query(text: string, database = "postgres"): Promise<Record<string, unknown>[]> {
    const { default: pg } = await import("pg");
    const client = new pg.Client({
      ...{ host: "127.0.0.1", port: this.port, user: "postgres", database, password: PASSWORD },
      connectionTimeoutMillis: 30_000,
    });
    client.on("error", () => undefined);
    try {
      await client.connect();
      return (await client.query(text)).rows;
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  /** A directory that the server may write to. */
  async directory(name: string): Promise<string> {
    const path = join(this.#directory, name);
    await mkdir(path, { recursive: true });
    if (this.#account) await chown(path, this.#account.uid, this.#account.gid);
    return path;
  }

  /** Offers encryption with this certificate from now on. */
  async offerEncryption({ certificate, key }: { certificate: string; key: string }): Promise<void> {
    for (const [name, text] of [
      ["server.crt", certificate],
      ["server.key", key],
    ] as const) {
      const path = join(this.#directory, "data", name);
      await writeFile(path, text, { mode: 0o600 });
      if (this.#account) await chown(path, this.#account.uid, this.#account.gid);
    }
    await this.query("ALTER SYSTEM SET ssl = on");
    await this.query("SELECT pg_reload_conf()");
    await until(() => this.query("SHOW ssl"), READY_MS, {
      describe: "encryption is offered",
      accept: (rows) => rows[0]?.ssl === "on",
    });
  }

  async start(): Promise<void> {
    const settings = {
      listen_addresses: this.#addresses.join(","),
      port: this.port,
      unix_socket_directories: "",
      fsync: "off",
      shared_buffers: "16MB",
      max_connections: 40,
    };
    const args = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
    const child = spawn(join(this.#programs, "postgres"), ["-D", join(this.#directory, "data"), ...args], {
      ...this.#account,
      cwd: this.#directory,
      stdio: ["ignore", "ignore", "pipe"],
      env: { LC_ALL: "C", TZ: "UTC" },
    });
    child.stderr?.on("data", (chunk: Buffer) => {
      this.#said.push(...chunk.toString().trimEnd().split("\n"));
      this.#said.splice(0, this.#said.length - LOG_LINES);
    });
    this.#child = child;
    await until(() => this.query("SELECT 1").then(() => true), READY_MS, { describe: "the server answers" }).catch(
      (error: Error) => {
        throw new Error(`${error.message}\n${this.#said.join("\n")}`);
      },
    );
  }

  /** Ends it: `SIGINT` breaks its connections off, `SIGQUIT` does not even clean up. */
  async stop(signal: "SIGINT" | "SIGQUIT" = "SIGINT"): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((done) => child.once("exit", done));
    child.kill(signal);
    await ended;
  }

  /** Stops the processes that serve connections and the one that accepts them, without ending them; the function lets them go on. */
  async freeze(): Promise<() => void> {
    const parent = this.#child?.pid ?? 0;
    const rows = await this.query("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'");
    const pids = [parent, ...rows.map(({ pid }) => Number(pid))];
    // The one that served this question may be gone.
    await Promise.all(pids.map((pid) => stopProcess(pid).catch(unlessGone)));
    return () => {
      for (const pid of pids) signal(pid, "SIGCONT");
    };
  }

  async remove(): Promise<void> {
    await this.stop();
    await rm(this.#directory, { recursive: true, force: true, maxRetries: 3 });
  }

  async #make(): Promise<void> {
    await chmod(this.#directory, 0o711);
    const data = await this.directory("data");
    const passwordFile = join(this.#directory, "password");
    await writeFile(passwordFile, PASSWORD, { mode: 0o600 });
    if (this.#account) await chown(passwordFile, this.#account.uid, this.#account.gid);
    const args = ["-D", data, "-U", "postgres", "--auth=scram-sha-256", `--pwfile=${passwordFile}`, "--no-sync"];
    await new Promise<void>((resolve, reject) => {
      const child = spawn(join(this.#programs, "initdb"), [...args, "--encoding=UTF8", "--locale=C"], {
        ...this.#account,
        cwd: this.#directory,
        stdio: ["ignore", "ignore", "pipe"],
        env: { LC_ALL: "C", PATH: this.#programs },
      });
      let said = "";
      child.stderr?.on("data", (chunk: Buffer) => {
        said += chunk.toString();
      });
      child.once("error", reject);
      child.once("exit", (code) => (code === 0 ? resolve() : reject(new Error(`initdb: ${said}`))));
    });
    if (this.#addresses.length > 1) await appendFile(join(data, "pg_hba.conf"), "hostssl all all all scram-sha-256\n");
  }
}

function unlessGone(error: NodeJS.ErrnoException): void {
  if (error.code !== "ESRCH") throw error;
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended.
  }
}

async function findPrograms(): Promise<string | { cannot: string }> {
  for (const install of [false, true]) {
    if (install) {
      try {
        // The package starts a server of its own unless it is told not to.
        const settings = "/etc/postgresql-common";
        await mkdir(settings, { recursive: true });
        await writeFile(join(settings, "createcluster.conf"), "create_main_cluster = false\n", { flag: "wx" });
      } catch {
        // Not root, or the machine has said already what it wants.
      }
      try {
        await installDebianPackages(["postgresql"], join(tmpdir(), "postgresql-package.log"));
      } catch (error) {
        return { cannot: messageOf(error) };
      }
    }
    const versions = (await readdir(DEBIAN).catch(() => [])).sort((a, b) => Number(b) - Number(a));
    const initdb = await findExecutable(
      "initdb",
      versions.map((version) => `${DEBIAN}/${version}/bin`),
    );
    if (initdb !== undefined) return initdb.slice(0, -"/initdb".length);
  }
  return { cannot: "postgresql was installed, and yet is not there" };
}

async function accountOf(user: string): Promise<Account> {
  const [, , uid, gid] = (await run("getent", ["passwd", user])).split(":");
  return { uid: Number(uid), gid: Number(gid) };
}
