import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "./deadline.ts";
import { ROOT } from "./documents.ts";

const READY_MS = 30_000;
const KEPT_CHARACTERS = 200_000;

/** An `odin` process of a test: the real program, in a process that lives in the group of the test file and can be killed. */
export class OdinProcess {
  readonly #child: ChildProcess;
  #output = "";

  constructor(command: "operator" | "api" | "all", environment: Record<string, string>) {
    const repository = mkdtempSync(join(tmpdir(), "odin-jobs-"));
    this.#child = spawn(process.execPath, [join(ROOT, "dist/cli/odin.js"), command], {
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
      this.#output = (this.#output + chunk.toString()).slice(-KEPT_CHARACTERS);
    };
    this.#child.stdout?.on("data", keep);
    this.#child.stderr?.on("data", keep);
  }

  /** The end of what it wrote. */
  get output(): string {
    return this.#output;
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
      if (!this.running) throw new Error(`it ended: ${this.#output.slice(-2_000)}`);
      return this.#output.includes(text);
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
