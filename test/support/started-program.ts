import { type ChildProcess, spawn } from "node:child_process";
import { until } from "./deadline.ts";

const READY_MS = 120_000;
const KEPT = 200_000;

/** A program of the tests that runs on this machine until it is ended, and whose words are kept. */
export class StartedProgram {
  readonly #child: ChildProcess;
  #output = "";

  constructor(path: string, args: readonly string[], environment: Record<string, string> = {}) {
    this.#child = spawn(path, args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { PATH: process.env.PATH ?? "", ...environment },
    });
    const keep = (chunk: Buffer): void => {
      this.#output = (this.#output + chunk.toString()).slice(-KEPT);
    };
    this.#child.stdout?.on("data", keep);
    this.#child.stderr?.on("data", keep);
    this.#child.on("error", (error) => keep(Buffer.from(String(error))));
  }

  /** The end of what it has written. */
  get output(): string {
    return this.#output;
  }

  /** Waits until it has written something like this, and returns the match; fails at once if it ends before. */
  async untilSaid(pattern: RegExp): Promise<RegExpExecArray> {
    const look = (): boolean => pattern.test(this.#output) || !this.#running;
    await until(look, READY_MS, { describe: `${this.#child.spawnfile} says ${pattern}` }).catch((error: Error) => {
      throw new Error(`${error.message}\n${this.#output.slice(-4_000)}`);
    });
    const found = pattern.exec(this.#output);
    if (found === null) throw new Error(`${this.#child.spawnfile} has ended: ${this.#output.slice(-4_000)}`);
    return found;
  }

  /** Ends it, if it runs. */
  async end(): Promise<void> {
    if (!this.#running || this.#child.pid === undefined) return;
    const ended = new Promise((done) => this.#child.once("exit", done));
    this.#child.kill("SIGTERM");
    await ended;
  }

  get #running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }
}
