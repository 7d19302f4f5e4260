import { link, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
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

/**
 * Runs `work` while this process holds the lock file at `path`. The file names its holder by process id and start time,
 * so a lock whose holder was killed is taken over.
 */
export async function withFileLock<T>(path: string, o: LockOptions, work: () => Promise<T>): Promise<T> {
  await mkdir(dirname(path), { recursive: true });
  const own = `${path}.${process.pid}`;
  await writeFile(own, JSON.stringify(processIdentity(process.pid)));
  try {
    let told = false;
    while (!(await tryLink(own, path))) {
      if (o.signal?.aborted) throw new Interrupted();
      const holder = await readHolder(path);
      if (holder === "none") continue;
      if (holder === "dead") {
        await breakLock(path);
        continue;
      }
      if (!told) o.onWait?.(holder.pid);
      told = true;
      await delay(200);
    }
  } finally {
    await rm(own, { force: true });
  }
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}

/** A hard link is made whole or not at all, so nobody ever reads a lock file without its holder. */
async function tryLink(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (systemCode(error) === "EEXIST") return false;
    throw error;
  }
}

async function readHolder(path: string): Promise<ProcessIdentity | "none" | "dead"> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return "none";
    throw error;
  }
  try {
    const identity: ProcessIdentity = JSON.parse(text);
    return isRunning(identity) ? identity : "dead";
  } catch {
    return "dead";
  }
}

/** Two processes may judge the same lock dead; the second must not remove the lock that the first has taken since. */
async function breakLock(path: string): Promise<void> {
  const aside = `${path}.dead.${process.pid}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return;
    throw error;
  }
  if ((await readHolder(aside)) !== "dead") await tryLink(aside, path);
  await rm(aside, { force: true });
}
