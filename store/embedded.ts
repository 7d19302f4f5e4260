import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Reply, Request } from "./embedded-messages.ts";
import type { Row, Sql, Statement } from "./sql.ts";
import { StoreProblem } from "./store-problem.ts";

/** Requests that may wait at once; more are refused, so that a disk that hangs does not fill the memory. */
const MAX_WAITING = 64;
const ANSWER_MS = 30_000;

interface Waiting {
  resolve(reply: Reply): void;
  reject(problem: StoreProblem): void;
  timer: NodeJS.Timeout;
}

/** The embedded database: one file, in a process of its own. Nothing is started or opened before the first request. */
export class EmbeddedSql implements Sql {
  readonly #path: string;
  readonly #answerMs: number;
  readonly #waiting = new Map<number, Waiting>();
  #child: ChildProcess | undefined;
  #nextId = 1;
  #closing: Promise<void> | undefined;

  /** `answerMs`: how long one request may take, and a close. */
  constructor(path: string, answerMs = ANSWER_MS) {
    this.#path = path;
    this.#answerMs = answerMs;
  }

  /** The database's process; undefined while there is none. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  async read(statement: Statement): Promise<Row[]> {
    const reply = await this.#ask("read", [statement]);
    return "rows" in reply ? reply.rows.map(withBuffers) : [];
  }

  async write(statements: readonly Statement[]): Promise<number[]> {
    if (statements.length === 0) return [];
    const reply = await this.#ask("write", statements);
    return "changed" in reply ? reply.changed : [];
  }

  async tidy(): Promise<void> {
    await this.#ask("tidy", []);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    await Promise.all([...this.#waiting.values()].map(settled));
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    child.ref();
    if (child.connected) child.disconnect();
    const late = setTimeout(() => child.kill("SIGKILL"), this.#answerMs);
    await ended;
    clearTimeout(late);
  }

  #ask(kind: Request["kind"], statements: readonly Statement[]): Promise<Reply> {
    if (this.#closing !== undefined) {
      return Promise.reject(new StoreProblem("closed", `the store ${this.#path} is closed`));
    }
    if (this.#waiting.size >= MAX_WAITING) {
      const message = `the store ${this.#path}: ${MAX_WAITING} requests wait for it already; is its disk too slow?`;
      return Promise.reject(new StoreProblem("busy", message));
    }
    const child = this.#started();
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const message = `the store ${this.#path} has not answered within ${this.#answerMs / 1000} s; is its disk well?`;
        this.#settle(id)?.reject(new StoreProblem("unavailable", message));
        // What hangs in the system cannot be called back; the next request gets another process.
        this.#drop(child);
      }, this.#answerMs);
      this.#waiting.set(id, { resolve, reject, timer });
      // This process stays while something is asked for, and may end when nothing is.
      child.channel?.ref();
      child.send({ id, kind, statements } satisfies Request, (error) => {
        if (error) this.#drop(child);
      });
    });
  }

  #started(): ChildProcess {
    if (this.#child !== undefined) return this.#child;
    const child = fork(fileURLToPath(new URL("./embedded-process.js", import.meta.url)), [this.#path], {
      serialization: "advanced",
      stdio: ["ignore", "ignore", "inherit", "ipc"],
      execArgv: [],
      // It needs none of the secrets that the environment may hold.
      env: {},
    });
    child.unref();
    child.channel?.unref();
    child.on("message", (reply: Reply) => {
      const waiting = this.#settle(reply.id);
      if ("problem" in reply) waiting?.reject(new StoreProblem(reply.problem.kind, reply.problem.message));
      else waiting?.resolve(reply);
    });
    child.on("error", () => this.#drop(child));
    child.on("exit", () => this.#drop(child));
    this.#child = child;
    return child;
  }

  /** Gives a process up, and with it what it was asked for. */
  #drop(child: ChildProcess): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    child.kill("SIGKILL");
    for (const id of [...this.#waiting.keys()]) {
      this.#settle(id)?.reject(new StoreProblem("unavailable", `the process of the store ${this.#path} ended`));
    }
  }

  #settle(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return undefined;
    clearTimeout(waiting.timer);
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) this.#child?.channel?.unref();
    return waiting;
  }
}

/** Resolves when a request has been answered, whatever the answer is. */
function settled(waiting: Waiting): Promise<void> {
  return new Promise((done) => {
    const { resolve, reject } = waiting;
    waiting.resolve = (reply) => {
      resolve(reply);
      done();
    };
    waiting.reject = (problem) => {
      reject(problem);
      done();
    };
  });
}

/** Bytes may lose their class on the way between processes. */
function withBuffers(row: Row): Row {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : value,
    ]),
  );
}
