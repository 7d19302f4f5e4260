import { chmod, cp, mkdir, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { userCacheDirectory } from "./binary-set.ts";
import { withTemporary } from "./cache-temporary.ts";
import { fileExists, SYSTEM_PATH } from "./command.ts";
import { explained } from "./disk-space.ts";
import { withFileLock } from "./file-lock.ts";
import { LocalError } from "./local-error.ts";
import { type PinnedPackage, unpackedPackage } from "./npm-package.ts";
import type { Progress } from "./progress.ts";

/** A version line of Node that the product must run on. */
export type NodeLine = 20 | 22 | 24;

const VERSIONS: Record<NodeLine, string> = { 20: "20.20.2", 22: "22.23.3", 24: "24.21.0" };
/** Of Node's own builds for Linux, which the npm registry has by the architecture's name. */
const INTEGRITY: Record<string, Record<NodeLine, string>> = {
  x64: {
    20: "sha512-PeHQM8wAdmHtZA1mBocygZxs5LiUWtsJezQTkBd0iY987KpGrD1O2tVEydvMZiuXceRanxt7rjTnDEBwOPujoQ==",
    22: "sha512-qHnz5tFsHoj/WM+uRENVjWONi5hVvmwrgq8A4V76KpuVNAc4+jwK8x4gwbobE9BtHNg/AKR2583eYorLF/c7ng==",
    24: "sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==",
  },
  arm64: {
    20: "sha512-LCXJnNTFiyGuYBw2gZSI5OBFMbkjAPt8sqD/NKrWoE2QmDgSubTqFng6GaNJ9EJ8HpxBMGcWWpbbcs4Vo+CnGg==",
    22: "sha512-l3DAHZreylo+p9QXDtsOrjG2JXJqVzYXnAGmIQNOUNARcMppTO2cmewVQP+36tjJnSE+dzpMNtgW+c3oiDvXtA==",
    24: "sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==",
  },
};
const FETCH_TIMEOUT_MS = 10 * 60_000;

/** The pinned package with the newest release of that line for this machine's architecture. */
export function nodePackage(line: NodeLine): PinnedPackage {
  const integrity = INTEGRITY[process.arch]?.[line];
  if (process.platform !== "linux" || integrity === undefined)
    throw new LocalError(`no Node ${line} is known for ${process.platform} on ${process.arch}`);
  return { name: `node-linux-${process.arch}`, version: VERSIONS[line], integrity };
}

/** The path of that line's `node`, fetched from the npm registry on first use and kept in the user's cache. */
export async function nodeProgram(line: NodeLine, progress: Progress, signal?: AbortSignal): Promise<string> {
  const pinned = nodePackage(line);
  const program = join(userCacheDirectory(), `node-${pinned.version}-${process.arch}`, "bin/node");
  if (await fileExists(program)) return program;
  const step = progress.step(`Fetching Node ${pinned.version}`);
  try {
    const directory = dirname(dirname(program));
    await withFileLock(
      `${directory}.lock`,
      { signal, onWait: (pid) => step.update(`process ${pid} fetches it`) },
      async () => {
        if (await fileExists(program)) return;
        await withTemporary(`${directory}.fetch-`, async (work) => {
          const options = { signal, timeoutMs: FETCH_TIMEOUT_MS, env: { ...process.env, PATH: SYSTEM_PATH } };
          const found = join(await unpackedPackage(pinned, join(work, "package"), options), "bin/node");
          const whole = join(work, "whole");
          await mkdir(join(whole, "bin"), { recursive: true });
          await cp(found, join(whole, "bin/node"));
          await chmod(join(whole, "bin/node"), 0o755);
          await rename(whole, directory);
        });
      },
    );
    step.done(program);
    return program;
  } catch (error) {
    step.fail("failed");
    throw explained(error, program);
  }
}
