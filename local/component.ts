import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { findExecutable, SYSTEM_PATH } from "./command.ts";
import { MARK } from "./layout.ts";
import { LocalError } from "./local-error.ts";
import {
  isRunning,
  type ProcessIdentity,
  processesMarked,
  processIdentity,
  signalProcess,
} from "./process-identity.ts";
import { waitFor } from "./wait.ts";

/** A long-running process of the cluster. */
export interface ComponentOptions {
  name: string;
  command: string;
  args: readonly string[];
  logPath: string;
  clusterId: string;
  /** Kill it when the process that starts it dies, however that happens. */
  diesWithStarter: boolean;
  env?: Record<string, string>;
}

const QUOTE_LINES = 12;

/** A started component. */
export class Component {
  readonly name: string;
  readonly pid: number;
  readonly identity: ProcessIdentity | undefined;
  readonly #logPath: string;
  #ended: string | undefined;

  private constructor(name: string, pid: number, logPath: string) {
    this.name = name;
    this.pid = pid;
    this.identity = processIdentity(pid);
    this.#logPath = logPath;
  }

  static async start(o: ComponentOptions): Promise<Component> {
    // The kernel's parent-death signal is the one thing that also works when the starter is killed with SIGKILL.
    const guard = o.diesWithStarter ? await findExecutable("setpriv") : undefined;
    const command = guard ?? o.command;
    const args = guard ? ["--pdeathsig", "KILL", "--", o.command, ...o.args] : o.args;
    const log = openSync(o.logPath, "a", 0o600);
    try {
      const child = spawn(command, args, {
        // A session of its own: Ctrl-C in the starter's terminal must not reach it.
        detached: true,
        stdio: ["ignore", log, log],
        cwd: "/",
        env: { PATH: SYSTEM_PATH, HOME: homedir(), LANG: "C.UTF-8", ...o.env, [MARK]: o.clusterId },
      });
      const pid = await new Promise<number>((resolve, reject) => {
        child.once("error", (error) => reject(new LocalError(`cannot start ${o.name}: ${error.message}`)));
        child.once("spawn", () => resolve(child.pid ?? 0));
      });
      const component = new Component(o.name, pid, o.logPath);
      child.once("exit", (code, signal) => {
        component.#ended = code === null ? `was killed by ${signal}` : `exited with status ${code}`;
      });
      child.unref();
      return component;
    } finally {
      closeSync(log);
    }
  }

  /** Throws, quoting the log, if the component has ended. */
  check(): void {
    if (this.#ended === undefined) return;
    throw new LocalError(`${this.name} ${this.#ended}. Last lines of its log:\n${lastLines(this.#logPath)}`);
  }

  /** Whether its log holds this text: for telling one failure from another. */
  logHolds(text: string): boolean {
    return readFileSync(this.#logPath, "utf8").includes(text);
  }
}

/** The end of a log, for an error message. */
export function lastLines(path: string): string {
  try {
    return readFileSync(path, "utf8").trimEnd().split("\n").slice(-QUOTE_LINES).join("\n");
  } catch {
    return "(it has no log)";
  }
}

/**
 * Kills every process of these clusters and returns when none is left. A dying process soon has no environment to
 * recognise it by, so each one that was seen is followed by its identity to its end; the first process of a namespace
 * ends only when all others in it have.
 */
export async function killMarked(clusterIds: ReadonlySet<string>): Promise<void> {
  const seen = new Map<number, ProcessIdentity>();
  await waitFor(
    () => {
      for (const identity of processesMarked(MARK, clusterIds)) {
        if (identity.pid === process.pid) continue;
        signalProcess(identity, "SIGKILL");
        seen.set(identity.pid, identity);
      }
      return ![...seen.values()].some(isRunning);
    },
    { deadlineMs: 20_000, everyMs: 30, what: "the end of the cluster's processes" },
  );
}
