import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { ROOT } from "./documents.ts";

/** A part of Odin that runs as a process of its own, as users start it. */
export interface OdinProcess {
  pid: number;
  /** Everything it has logged so far. */
  log(): string;
  /** Ends it with SIGTERM, or as told, and waits for its end. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

const MOST_LOG = 1_000_000;

/** Starts `odin <args>` against the cluster of the tests; it lives in the group of the test file and dies with it. */
export function startOdin(args: readonly string[], env: Record<string, string> = {}): OdinProcess {
  const child: ChildProcess = spawn(process.execPath, [join(ROOT, "dist/cli/odin.js"), ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
  });
  if (child.pid === undefined) throw new Error("odin could not be started");
  let log = "";
  const collect = (chunk: Buffer): void => {
    log = (log + chunk.toString()).slice(-MOST_LOG);
  };
  child.stdout?.on("data", collect);
  child.stderr?.on("data", collect);
  return {
    pid: child.pid,
    log: () => log,
    stop: async (signal = "SIGTERM") => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, "exit");
      child.kill(signal);
      await ended;
    },
  };
}
