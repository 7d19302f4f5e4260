import { spawn } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { Interrupted, LocalError, messageOf } from "./local-error.ts";

/** How `run` runs a command. */
export interface RunOptions {
  /** Replaces the whole environment. */
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** Text for its standard input; without it, the input is empty. */
  input?: string;
  /** Interrupts the command, and whatever it started, when it fires; kills them if they do not end. */
  signal?: AbortSignal | undefined;
  timeoutMs?: number;
  /** Called with each whole line of its standard error. */
  onErrorLine?: (line: string) => void;
}

const KEEP_BYTES = 4 * 1024 * 1024;
const QUOTE_LINES = 12;
const INTERRUPT_GRACE_MS = 3000;

/** Runs a command to its end and returns its standard output. A failure is a `LocalError` that quotes what it wrote last. */
export async function run(command: string, args: readonly string[], o: RunOptions = {}): Promise<string> {
  if (o.signal?.aborted) throw new Interrupted();
  // A group of its own, so that Ctrl-C in the terminal reaches only us and a kill reaches its children too.
  const child = spawn(command, args, { env: o.env, cwd: o.cwd, stdio: ["pipe", "pipe", "pipe"], detached: true });
  const kill = (how: NodeJS.Signals) => {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    try {
      process.kill(-child.pid, how);
    } catch {
      // It ended by itself at this moment.
    }
  };
  let killTimer: NodeJS.Timeout | undefined;
  const interrupt = () => {
    kill("SIGINT"); // Lets it remove its temporary files.
    killTimer = setTimeout(kill, INTERRUPT_GRACE_MS, "SIGKILL");
  };
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    kill("SIGKILL");
  }, o.timeoutMs ?? 60_000);
  o.signal?.addEventListener("abort", interrupt);
  const output: string[] = [];
  const errors: string[] = [];
  let kept = 0;
  let partial = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    kept += text.length;
    if (kept <= KEEP_BYTES) output.push(text);
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    const lines = (partial + text).split("\n");
    partial = (lines.pop() ?? "").slice(-KEEP_BYTES);
    for (const line of lines) {
      o.onErrorLine?.(line);
      errors.push(line);
    }
    if (errors.length > 200) errors.splice(0, errors.length - QUOTE_LINES);
  });
  child.stdin.on("error", () => {}); // It may end without reading its input; its exit status tells.
  child.stdin.end(o.input ?? "");
  try {
    const code = await new Promise<number | string>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (status, signal) => resolve(status ?? signal ?? "unknown"));
    });
    if (o.signal?.aborted) throw new Interrupted();
    if (code === 0) return output.join("");
    const said = [...errors, partial, ...output].join("\n").trim().split("\n").slice(-QUOTE_LINES).join("\n");
    const how = timedOut ? `did not end within ${(o.timeoutMs ?? 60_000) / 1000} s` : `failed (${code})`;
    throw new LocalError(`${[command, ...args].join(" ").slice(0, 200)} ${how}${said ? `:\n${said}` : ""}`);
  } catch (error) {
    if (error instanceof LocalError || error instanceof Interrupted) throw error;
    throw new LocalError(`cannot run ${command}: ${messageOf(error)}`);
  } finally {
    clearTimeout(timer);
    clearTimeout(killTimer);
    o.signal?.removeEventListener("abort", interrupt);
  }
}

/**
 * The path of an executable on PATH or in the system directories that a user's PATH often lacks, then in `further`
 * (or only there).
 */
export async function findExecutable(
  name: string,
  further: string[] = [],
  where?: "only",
): Promise<string | undefined> {
  for (const directory of where === "only" ? further : [...SYSTEM_PATH.split(":"), ...further]) {
    const path = `${directory}/${name}`;
    try {
      await access(path, constants.X_OK);
      return path;
    } catch {
      // Not in this one.
    }
  }
  return undefined;
}

/** Whether there is something of that name. */
export function fileExists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** A PATH that holds the administration tools as well. */
export const SYSTEM_PATH: string = [
  ...new Set([
    ...(process.env.PATH ?? "").split(":").filter((d) => d.startsWith("/")),
    "/usr/local/sbin",
    "/usr/sbin",
    "/sbin",
    "/usr/bin",
    "/bin",
  ]),
].join(":");
