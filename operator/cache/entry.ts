import { randomBytes } from "node:crypto";
import { mkdir, open, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { MAX_RESULT_BYTES } from "../../crds/limits.ts";

/** What is remembered of a task that succeeded: content of its outputs by name and path, and what it handed back. */
export interface CacheEntry {
  outputs: Record<string, Record<string, string>>;
  result?: string;
  /** Whose outputs they are, for people. */
  run: string;
  task: string;
}

const MAX_BYTES = 4 * 1024 * 1024;
const KEY = /^[0-9a-f]{64}$/;

/** Where entries lie; no run has such a name. */
function directoryOf(data: string): string {
  return join(data, ".cache");
}

function pathOf(data: string, key: string): string {
  if (!KEY.test(key)) throw new Error(`${JSON.stringify(key)} is no cache key`);
  return join(directoryOf(data), `${key}.json`);
}

/** The entry of a key; undefined if there is none, or one that cannot be read: tasks can write to the volume too (O-202). */
export async function readEntry(data: string, key: string): Promise<CacheEntry | undefined> {
  try {
    const file = await open(pathOf(data, key), "r");
    try {
      const { size } = await file.stat();
      if (size > MAX_BYTES) return undefined;
      const value: unknown = JSON.parse(await file.readFile("utf8"));
      return isEntry(value) ? value : undefined;
    } finally {
      await file.close();
    }
  } catch {
    return undefined;
  }
}

/** Stores an entry under its key, in place of an older one; a reader sees the old or the new one whole (O-200). */
export async function writeEntry(data: string, key: string, entry: CacheEntry): Promise<void> {
  const path = pathOf(data, key);
  await mkdir(directoryOf(data), { recursive: true, mode: 0o700 });
  const draft = `${path}.${randomBytes(6).toString("hex")}`;
  try {
    await writeFile(draft, JSON.stringify(entry), { flag: "wx", mode: 0o600, flush: true });
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

function isEntry(value: unknown): value is CacheEntry {
  if (!isMapping(value)) return false;
  const { outputs, result, run, task } = value;
  return (
    typeof run === "string" &&
    typeof task === "string" &&
    (result === undefined || isResult(result)) &&
    isMapping(outputs) &&
    Object.values(outputs).every(
      (paths) => isMapping(paths) && Object.values(paths).every((hash) => typeof hash === "string"),
    )
  );
}

function isResult(value: unknown): boolean {
  if (typeof value !== "string" || Buffer.byteLength(value) > MAX_RESULT_BYTES) return false;
  try {
    return isMapping(JSON.parse(value));
  } catch {
    return false;
  }
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}
