import { mkdir, readFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../../../local/command.ts";
import { LocalError } from "../../../local/local-error.ts";
import { ROOT } from "../../support/documents.ts";

const BUILD_TIMEOUT_MS = 10 * 60_000;

/**
 * Puts a revision of this repository into a directory and builds it there; the checkout stays as it is. Packages are those of this checkout
 * where the lock file is the same, else they are installed.
 */
export async function buildRevision(revision: string, directory: string, signal: AbortSignal): Promise<void> {
  await mkdir(directory, { recursive: true });
  const archive = `${directory}.tar`;
  const options = { cwd: directory, env: process.env, signal, timeoutMs: BUILD_TIMEOUT_MS };
  try {
    await run("git", ["-C", ROOT, "archive", "--format=tar", `--output=${archive}`, `${revision}^{commit}`], options);
  } catch (error) {
    throw new LocalError(
      `--compare ${revision}: git does not know it: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  await run("tar", ["-xf", archive], options);
  const lock = (root: string): Promise<string> => readFile(join(root, "package-lock.json"), "utf8");
  const modules = join(directory, "node_modules");
  if ((await lock(ROOT)) === (await lock(directory))) await symlink(join(ROOT, "node_modules"), modules);
  else await run("npm", ["ci", "--no-audit", "--no-fund"], options);
  await run(process.execPath, [join(modules, "typescript/bin/tsc")], options);
}
