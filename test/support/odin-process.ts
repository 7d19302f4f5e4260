import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { until } from "./deadline.ts";
import { ROOT } from "./documents.ts";

/** A part of Odin that runs as a process of its own, as users start it. */
export interface OdinProcess {
  pid: number;
  /** Everything it has logged so far. */
  log(): string;
  /** Waits until it has logged `text`; fails at once if it ends before that. */
  untilLogged(text: string): Promise<void>;
  /** Ends it with SIGTERM, or as told, waits for its end and returns its exit code, null after a kill. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

const MOST_LOG = 1_000_000;
const READY_MS = 30_000;

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
    untilLogged: async (text) => {
      const look = (): boolean => {
        if (child.exitCode !== null || child.signalCode !== null) throw new Error(`it ended: ${log.slice(-2_000)}`);
        return log.includes(text);
      };
      await until(look, READY_MS, { describe: `odin logs ${JSON.stringify(text)}` });
    },
    stop: async (signal = "SIGTERM") => {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
      const ended = once(child, "exit");
      child.kill(signal);
      await ended;
      return child.exitCode;
    },
  };
}

/** An operator alone in its namespace, without a lease: a restart must not wait for one. */
export function startOperator(namespace: string): OdinProcess {
  return startOdin(["operator"], {
    ODIN_NAMESPACE: namespace,
    ODIN_LEADER_ELECT: "false",
    ODIN_INSTALL_CRDS: "false",
    ODIN_PULL_SECRETS: "",
    ODIN_METRICS_LISTEN: "127.0.0.1:0",
  });
}
