import { mkdir, readdir, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { userCacheDirectory } from "./binary-set.ts";
import { withTemporary } from "./cache-temporary.ts";
import { findExecutable, run, SYSTEM_PATH } from "./command.ts";
import { withFileLock } from "./file-lock.ts";
import { LocalError, messageOf } from "./local-error.ts";

const DOWNLOAD_MS = 5 * 60_000;

/**
 * The path of a program that a Debian package has: the installed one, or else the one of the package unpacked in the user's cache. Nothing is
 * installed, so no service starts, no account is made and root is not needed. For programs that need no library besides libc. Throws a `LocalError`
 * where the package cannot be had.
 */
export async function debianProgram(debianPackage: string, program: string): Promise<string> {
  const installed = await findExecutable(program);
  if (installed !== undefined) return installed;
  const directory = join(userCacheDirectory(), `debian-${debianPackage}-${await distribution()}-${process.arch}`);
  const path = join(directory, "usr/bin");
  const unpacked = await findExecutable(program, [path], "only");
  if (unpacked !== undefined) return unpacked;
  await withFileLock(`${directory}.lock`, {}, async () => {
    if ((await findExecutable(program, [path], "only")) === undefined) await unpack(debianPackage, directory);
  });
  const found = await findExecutable(program, [path], "only");
  if (found === undefined) throw new LocalError(`the Debian package ${debianPackage} has no program ${program}`);
  return found;
}

async function unpack(debianPackage: string, directory: string): Promise<void> {
  await mkdir(userCacheDirectory(), { recursive: true });
  const env = { ...process.env, PATH: SYSTEM_PATH, LC_ALL: "C" };
  await withTemporary(`${directory}.unpack-`, async (work) => {
    const options = { cwd: work, env, timeoutMs: DOWNLOAD_MS };
    const download = (): Promise<string> => run("apt-get", ["download", debianPackage], options);
    try {
      // A machine that has never looked has no lists of packages; only root may fetch them.
      await download().catch(async () => {
        await run("apt-get", ["-o", "DPkg::Lock::Timeout=120", "update"], options);
        return await download();
      });
      const archive = (await readdir(work)).find((name) => name.endsWith(".deb"));
      if (archive === undefined) throw new LocalError("apt-get download left no file");
      await run("dpkg-deb", ["--extract", archive, join(work, "root")], options);
    } catch (error) {
      throw new LocalError(`cannot get the Debian package ${debianPackage}: ${messageOf(error)}`);
    }
    await rename(join(work, "root"), directory);
  });
}

/** The machine's release: packages of another one may need another libc. */
async function distribution(): Promise<string> {
  const release = await readFile("/etc/os-release", "utf8").catch(() => "");
  return /^VERSION_CODENAME="?(\w+)"?$/m.exec(release)?.[1] ?? "unknown";
}
