import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { userCacheDirectory } from "../../local/binary-set.ts";
import { findExecutable, run } from "../../local/command.ts";
import { withFileLock } from "../../local/file-lock.ts";
import { installDebianPackages } from "../../local/host-packages.ts";
import { ROOT } from "./documents.ts";

/** A published package with clients of one generation. */
export type ClientPackage =
  | "odin-ml-0.5.8"
  | "odin-ml-0.6.4"
  | "odin-api-0.7.6"
  | "clockwork-tools-0.1.0"
  | "mlbench-core-3.0.0";

const PLACE = join(ROOT, "test/support/odin-clients");
const INSTALL_MS = 10 * 60_000;

/** What goes into the environment of every client: the names that newer Pythons moved, and nothing else of ours (O-242). */
export const CLIENT_ENVIRONMENT = { PYTHONPATH: join(PLACE, "shims"), PYTHONDONTWRITEBYTECODE: "1" };

/**
 * The directory with the commands of a package as it is published, in a virtual environment that is made once in the user's
 * cache. Throws, saying why, where Python or the package index cannot be had.
 */
export async function clientCommands(name: ClientPackage): Promise<string> {
  const python = await findExecutable("python3");
  if (!python) throw new Error("there is no python3 on this machine");
  const requirements = join(PLACE, `${name}.txt`);
  const version = await run(python, ["-c", "import sys; print(sys.version, sys.prefix)"]);
  const key = createHash("sha256").update(readFileSync(requirements)).update(version).digest("hex").slice(0, 16);
  const directory = join(userCacheDirectory(), `${name}-${key}`);
  const complete = join(directory, "complete");
  await mkdir(userCacheDirectory(), { recursive: true });
  await withFileLock(`${directory}.lock`, {}, async () => {
    if (existsSync(complete)) return;
    await rm(directory, { recursive: true, force: true });
    await makeEnvironment(python, directory);
    const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r", requirements];
    await run(join(directory, "bin/python"), pip, { timeoutMs: INSTALL_MS, env: process.env });
    await writeFile(complete, "");
  });
  return join(directory, "bin");
}

async function makeEnvironment(python: string, directory: string): Promise<void> {
  try {
    // Debian has the module without what it needs in a package of its own.
    await run(python, ["-c", "import venv, ensurepip"]);
  } catch {
    await installDebianPackages(["python3-venv"], join(userCacheDirectory(), "host-packages.log"));
  }
  await run(python, ["-m", "venv", directory], { timeoutMs: INSTALL_MS, env: process.env });
}
