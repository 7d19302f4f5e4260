import { existsSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { LocalError, messageOf, systemCode } from "./local-error.ts";

const MEGABYTE = 1e6;

/** Throws unless the file system that `path` lies on, or will lie on, has that much space left for us. */
export async function assertFreeSpace(path: string, megabytes: number, what: string): Promise<void> {
  let place = path;
  while (!existsSync(place) && place !== dirname(place)) place = dirname(place);
  const { bavail, bsize } = await statfs(place);
  const free = Math.floor((bavail * bsize) / MEGABYTE);
  if (free >= megabytes) return;
  throw new LocalError(`${what} needs ${megabytes} MB in ${path}, and only ${free} MB are free; free some space`);
}

/** The error to show for a failure: where a full disk is behind it, one line that says so instead of a program's log. */
export function explained(error: unknown, directory: string): unknown {
  const full = systemCode(error) === "ENOSPC" || /no space left on device|disk quota exceeded/i.test(messageOf(error));
  return full ? new LocalError(`the disk that holds ${directory} is full; free some space and start again`) : error;
}
