import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { until } from "./deadline.ts";
import { ROOT } from "./documents.ts";

/** Generous: where many files run beside it a start may take minutes, and what ends before is noticed at once. */
const READY_MS = 300_000;
/** Of its output: the beginning, where it says what it listens on and that it is ready, and the end. */
const KEPT_BEGINNING = 50_000;
const KEPT_END = 200_000;

/** An `odin` process of a test: the real program, in a process that lives in the group of the test file and can be killed. */
export class OdinProcess {
  readonly #child: ChildProcess;
  #beginning = "";
  #end = "";

  /** `program`: the file to run, seen from the root of the checkout. */
  constructor(command: "operator" | "api" | "all", environment: Record<string, string>, program = "dist/cli/odin.js") {
    const repository = mkdtempSync(join(tmpdir(), "odin-jobs-"));
    this.#child = spawn(process.execPath, [resolve(ROOT, program), command], {
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...process.env,
        ODIN_METRICS_LISTEN: "127.0.0.1:0",
        ODIN_STORE: "none",
        ODIN_REPOSITORY: repository,
        ...environment,
      },
    });
    this.#child.once("exit", () => rmSync(repository, { recursive: true, force: true, maxRetries: 3 }));
    const keep = (chunk: Buffer): void => {
      const text = chunk.toString();
      const room = KEPT_BEGINNING - this.#beginning.length;
      this.#beginning += text.slice(0, room);
      this.#end = (this.#end + text.slice(room)).slice(-KEPT_END);
    };
    this.#child.stdout?.on("data", keep);
    this.#child.stderr?.on("data", keep);
  }

  /** What it wrote: the beginning of it and, where that is not all, the end. */
  get output(): string {
    return this.#beginning + this.#end;
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error("odin could not be started");
    return this.#child.pid;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Waits until it has written `text`; fails at once if it ends before that. */
  async untilSaid(text: string): Promise<void> {
    const look = (): boolean => {
      if (!this.running) throw new Error(`it ended: ${this.output.slice(-2_000)}`);
      return this.output.includes(text);
    };
    await until(look, READY_MS, { describe: `odin says ${JSON.stringify(text)}` });
  }

  /** Sends a signal and waits for the end; returns the exit code, null after a kill. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    if (!this.running) return this.#child.exitCode;
    const ended = new Promise<number | null>((done) => this.#child.once("exit", (code) => done(code)));
    this.#child.kill(signal);
    return await ended;
  }
}

/** An operator alone in its namespace, without a lease: a restart must not wait for one. */
export function operatorProcess(namespace: string, environment: Record<string, string> = {}): OdinProcess {
  return new OdinProcess("operator", {
    ODIN_NAMESPACE: namespace,
    ODIN_LEADER_ELECT: "false",
    ODIN_INSTALL_CRDS: "false",
    ...environment,
  });
}
