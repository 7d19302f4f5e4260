import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

/** What the clients of one measurement saw. */
export interface PostResult {
  /** That were acknowledged. */
  posts: number;
  /** In those. */
  points: number;
  errors: number;
  postsPerSecond: number;
  pointsPerSecond: number;
  p50Ms: number;
  p99Ms: number;
}

/** What is posted. */
export interface Posts {
  path: string;
  clients: number;
  seconds: number;
  /** In each post; 1: no list. */
  points: number;
  run: number;
}

/** Posts to a server on this machine from a process of its own. */
export async function post(port: number, { path, clients, seconds, points, run }: Posts): Promise<PostResult> {
  const numbers = [clients, seconds, points, run].map(String);
  const args = [join(import.meta.dirname, "post-load.js"), String(port), path, ...numbers];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: (seconds + 120) * 1000 });
  return JSON.parse(stdout) as PostResult;
}

/** Starts the bare server that answers with what is posted, gives its port to `use`, and stops it. */
export async function withBareEcho<T>(use: (port: number) => Promise<T>): Promise<T> {
  const child: ChildProcess = spawn(process.execPath, [join(import.meta.dirname, "bare-echo.js")], {
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
