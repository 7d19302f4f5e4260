import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

/** What clients saw who asked at a steady rate. */
export interface PacedResult {
  /** That were answered well. */
  requests: number;
  errors: number;
  /** Of one answer. */
  bytes: number;
  p50Ms: number;
  p99Ms: number;
}

/** How they ask. */
export interface Pace {
  clients: number;
  /** Requests a second of all together. */
  rate: number;
  seconds: number;
}

/** Asks a server on this machine from a process of its own. */
export async function askSteadily(port: number, path: string, { clients, rate, seconds }: Pace): Promise<PacedResult> {
  const args = [
    join(import.meta.dirname, "paced-load.js"),
    String(port),
    path,
    ...[clients, rate, seconds].map(String),
  ];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: (seconds + 120) * 1000 });
  return JSON.parse(stdout) as PacedResult;
}
