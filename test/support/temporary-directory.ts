import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A new directory below the system's temporary one. */
export interface TemporaryDirectory {
  path: string;
  /** Removes it with all it holds. */
  remove(): Promise<void>;
}

/** Makes one; the caller removes it, in `after` or `finally`. */
export async function temporaryDirectory(): Promise<TemporaryDirectory> {
  const path = await mkdtemp(join(tmpdir(), "odin-"));
  return { path, remove: () => rm(path, { recursive: true, force: true, maxRetries: 3 }) };
}
