import { mkdtemp, readdir, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/**
 * Runs `work` with a new directory `<prefix>XXXXXX`, removed afterwards. Directories of the same prefix that a killed
 * process left behind are removed first, so the caller must hold the lock that makes it the only one.
 */
export async function withTemporary<T>(prefix: string, work: (directory: string) => Promise<T>): Promise<T> {
  const parent = dirname(prefix);
  for (const name of await readdir(parent)) {
    if (name.startsWith(basename(prefix))) await rm(join(parent, name), { recursive: true, force: true });
  }
  const directory = await mkdtemp(prefix);
  try {
    return await work(directory);
  } finally {
    await rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}
