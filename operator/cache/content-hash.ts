import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { open, readdir, readlink, realpath } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";

/** The content of a path cannot be known: it is missing, leaves the volume, or is neither file nor directory. */
export class Unhashable extends Error {}

/** More entries than this are no input but a whole volume. */
const MAX_ENTRIES = 200_000;
const CHUNK = 1024 * 1024;

/**
 * SHA-256 of what lies at a path: the bytes of a file, or names and contents of everything in a directory, recursively. Links are followed as long as
 * they stay inside `volume` (as `realpath` gives it) and do not go in circles. Reads in pieces, so memory does not grow with the
 * size. Throws `Unhashable`, or the system's error.
 */
export async function contentHash(path: string, volume: string): Promise<string> {
  const budget = { entries: MAX_ENTRIES };
  return await hashOf(await contained(path, volume), volume, [], budget);
}

/** The real path, which must lie inside the volume. */
async function contained(path: string, volume: string): Promise<string> {
  const real = await realpath(path);
  if (!real.startsWith(`${volume}/`)) throw new Unhashable(`${path} does not lie on the volume`);
  return real;
}

async function hashOf(
  path: string,
  volume: string,
  above: readonly string[],
  budget: { entries: number },
): Promise<string> {
  budget.entries -= 1;
  if (budget.entries < 0) throw new Unhashable(`more than ${MAX_ENTRIES} files`);
  const hash = createHash("sha256");
  // Opening a pipe would wait for somebody who writes to it; links were resolved, a new one is not followed.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  try {
    const stat = await file.stat();
    if (stat.isFile()) {
      hash.update("file\0");
      const buffer = Buffer.allocUnsafe(CHUNK);
      for (;;) {
        const { bytesRead } = await file.read(buffer, 0, CHUNK);
        if (bytesRead === 0) return hash.digest("hex");
        hash.update(buffer.subarray(0, bytesRead));
      }
    }
    if (!stat.isDirectory()) throw new Unhashable(`${path} is neither a file nor a directory`);
  } finally {
    await file.close();
  }
  if (above.includes(path)) throw new Unhashable(`${path} holds a link to a directory that it lies in`);
  hash.update("directory\0");
  const entries = await readdir(path, { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const child = join(path, entry.name);
    const target = entry.isSymbolicLink() ? await linked(child, volume) : child;
    hash.update(`${entry.name}\0${await hashOf(target, volume, [...above, path], budget)}\0`);
  }
  return hash.digest("hex");
}

async function linked(link: string, volume: string): Promise<string> {
  return await contained(resolve(dirname(link), await readlink(link)), volume);
}
