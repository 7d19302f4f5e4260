import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "../../kube/logger.ts";
import type { Git } from "./git.ts";

/** Loose objects in one of the 256 directories that git spreads them over; git's own bound is about the same. */
const MANY = 27;
const SAMPLE = "objects/17";
const TIMEOUT_MS = 600_000;

/**
 * Packs the repository when it has gathered some thousand loose objects: each commit leaves three or more. Git allows it beside everything else, so
 * that nobody waits for it. Never rejects.
 */
export async function packIfMany(git: Git, gitDirectory: string, logger: Logger, signal: AbortSignal): Promise<void> {
  const loose = await readdir(join(gitDirectory, SAMPLE)).catch(() => []);
  if (loose.length < MANY) return;
  try {
    await git.run(["gc", "--quiet"], { timeoutMs: TIMEOUT_MS, signal });
    logger.info({}, "packed the jobs repository");
  } catch (error) {
    if (!signal.aborted) logger.warn({ err: error }, "the jobs repository could not be packed; it is tried again");
  }
}
