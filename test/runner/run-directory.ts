import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The temporary directory of one run: everything that the run and its files write lies below it. */
export interface RunDirectory {
  path: string;
  /** Removes it; everything that was started in it must have been stopped. */
  remove(): void;
}

const NAME = /^odin-test-(\d+)-/;

/** Makes one that carries the id of this process. The name stays short: sockets below it have at most 107 bytes. */
export function runDirectory(): RunDirectory {
  const path = mkdtempSync(join(tmpdir(), `odin-test-${process.pid}-`));
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }) };
}

/** The directories of earlier runs that were killed before they could clean up. */
export function abandonedRunDirectories(): string[] {
  return readdirSync(tmpdir())
    .filter((name) => {
      const pid = NAME.exec(name)?.[1];
      return pid !== undefined && !isRunning(Number(pid));
    })
    .map((name) => join(tmpdir(), name));
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return typeof error === "object" && error !== null && "code" in error && error.code === "EPERM";
  }
}
