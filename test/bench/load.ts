import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

const execute = promisify(execFile);
const HERE = import.meta.dirname;

/** What the clients of one measurement saw. */
export interface LoadResult {
  requests: number;
  errors: number;
  perSecond: number;
  megabytesPerSecond: number;
  p50Ms: number;
  p99Ms: number;
}

/** Loads a server on this machine from a process of its own. */
export async function load(port: number, path: string, clients: number, seconds: number): Promise<LoadResult> {
  const args = [join(HERE, "http-load.js"), String(port), path, String(clients), String(seconds)];
  const { stdout } = await execute(process.execPath, args, { timeout: (seconds + 60) * 1000 });
  return JSON.parse(stdout) as LoadResult;
}

/** Starts the bare server with answers of that size, gives its port to `use`, and stops it. */
export async function withBareServer<T>(bytes: number, use: (port: number) => Promise<T>): Promise<T> {
  const child: ChildProcess = spawn(process.execPath, [join(HERE, "bare-koa.js"), String(bytes)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (child.stdout === null) throw new Error("the bare server has no output");
  try {
    const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
    return await use(Number(line));
  } finally {
    child.kill();
  }
}
