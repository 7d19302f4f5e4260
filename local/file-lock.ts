import { mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Interrupted, systemCode } from "./local-error.ts";
import { isRunning, type ProcessIdentity, processIdentity } from "./process-identity.ts";

/** How `withFileLock` waits. */
export interface LockOptions {
  signal?: AbortSignal | undefined;
  /** Called once if another process holds the lock. */
  onWait?: (holder: number) => void;
}

/** Between making the file and writing its holder lie microseconds; a file that stays empty so long was left by a crash. */
const EMPTY_FOR_MS = 3000;

/**
 * Runs `work` while this process holds the lock file at `path`. The file names its holder by process id and start time,
 * so a lock whose holder was killed is taken over. One process must not take the same lock twice.
 */
export async function withFileLock<T>(path: string, o: LockOptions, work: () => Promise<T>): Promise<T> {
  await mkdir(dirname(path), { recursive: true });
  let told = false;
  while (!(await tryCreate(path))) {
    if (o.signal?.aborted) throw new Interrupted();
    const holder = await readHolder(path);
    if (holder === "dead") await breakLock(path);
    if (typeof holder === "string") continue;
    if (!told) o.onWait?.(holder.pid);
    told = true;
    await delay(200);
  }
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}

async function tryCreate(path: string): Promise<boolean> {
  try {
    await writeFile(path, JSON.stringify(processIdentity(process.pid)), { flag: "wx" });
    return true;
  } catch (error) {
    if (systemCode(error) === "EEXIST") return false;
    throw error;
  }
}

async function readHolder(path: string): Promise<ProcessIdentity | "none" | "dead"> {
  try {
    const text = await readFile(path, "utf8");
    if (text === "") {
      if (Date.now() - (await stat(path)).mtimeMs > EMPTY_FOR_MS) return "dead";
      await delay(20);
      return "none";
    }
    const identity: ProcessIdentity = JSON.parse(text);
    return isRunning(identity) ? identity : "dead";
  } catch (error) {
    if (error instanceof SyntaxError) return "dead";
    if (systemCode(error) === "ENOENT") return "none";
    throw error;
  }
}

/**
 * Two processes may judge the same lock dead, and the second must not remove the lock that the first has taken since:
 * the file is moved aside, which one of them does, and looked at again.
 */
async function breakLock(path: string): Promise<void> {
  const aside = `${path}.dead`;
  try {
    await rename(path, aside);
    const holder = await readHolder(aside);
    if (typeof holder !== "string") await rename(aside, path);
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
  } finally {
    await rm(aside, { force: true });
  }
}
