import { createHash } from "node:crypto";
import { chmod, mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { userCacheDirectory } from "./binary-set.ts";
import { withTemporary } from "./cache-temporary.ts";
import { fileExists, run, SYSTEM_PATH } from "./command.ts";
import { explained } from "./disk-space.ts";
import { withFileLock } from "./file-lock.ts";
import { writeImageArchive } from "./image-archive.ts";
import { Interrupted, LocalError, messageOf } from "./local-error.ts";
import type { Progress } from "./progress.ts";

/**
 * The public image that the examples name. The local cluster has a stand-in of that name, made from the packages of the
 * machine's own distribution: a shell, coreutils and its Python 3 with the standard library, no pip. On any other
 * cluster the same YAML gets the real one.
 */
export const PYTHON_IMAGE = "docker.io/library/python:3.11-slim";
/** The image of every pod's sandbox; all it does is wait. */
export const PAUSE_IMAGE = "docker.io/library/odin-pause:local";

const PACKAGES =
  "base-files bash dash coreutils findutils grep sed mawk hostname libc-bin tar gzip python3-minimal libpython3-stdlib";
/** What no task reads: documentation, translations, and what belongs to the machine that made the image. */
const LEFT_OUT =
  "usr/share/doc usr/share/man usr/share/locale usr/share/info usr/share/lintian usr/lib/x86_64-linux-gnu/gconv var/lib/apt var/cache var/log etc/resolv.conf etc/hostname etc/apt dev boot";
/** Part of the cache key: raise it when the making below changes what is made. */
const RECIPE = "1";
const BUILD_TIMEOUT_MS = 10 * 60_000;

/** The archive (as `docker save` writes it) with both images; made on first use and kept in the user's cache. */
export async function baseImages(progress: Progress, signal?: AbortSignal): Promise<string> {
  const suite = await distributionSuite();
  const key = createHash("sha256")
    .update([PACKAGES, LEFT_OUT, RECIPE, suite, process.arch].join("\0"))
    .digest("hex")
    .slice(0, 16);
  const archive = join(userCacheDirectory(), `images-${key}.tar`);
  if (await fileExists(archive)) return archive;
  const step = progress.step("Making the Python image");
  try {
    await withFileLock(
      `${archive}.lock`,
      { signal, onWait: (pid) => step.update(`process ${pid} makes it`) },
      async () => {
        if (!(await fileExists(archive))) await buildArchive(archive, suite, (detail) => step.update(detail), signal);
      },
    );
    step.done(archive);
    return archive;
  } catch (error) {
    step.fail(error instanceof Interrupted ? "interrupted" : "failed");
    throw explained(error, archive);
  }
}

async function buildArchive(
  archive: string,
  suite: string,
  tell: (detail: string) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  await mkdir(userCacheDirectory(), { recursive: true });
  const options = { signal, timeoutMs: BUILD_TIMEOUT_MS, env: { ...process.env, PATH: SYSTEM_PATH, LC_ALL: "C" } };
  await withTemporary(`${archive}.build-`, async (work) => {
    const root = join(work, "root");
    tell("fetching the distribution's packages");
    const include = `--include=${PACKAGES.replaceAll(" ", ",")}`;
    try {
      await run("mmdebstrap", ["--format=directory", "--variant=extract", include, suite, root], options);
    } catch (error) {
      if (error instanceof Interrupted) throw error;
      const needs = "cannot make the Python image, which needs the distribution's package sources";
      throw new LocalError(`${needs}: ${messageOf(error)}`);
    }
    tell("packing");
    await finishRoot(root);
    const config = (command: string[]) => ({
      Env: ["PATH=/usr/local/bin:/usr/bin:/usr/sbin:/bin:/sbin", "LANG=C.UTF-8"],
      Cmd: command,
    });
    const images = [
      { name: PYTHON_IMAGE, config: config(["python3"]) },
      { name: PAUSE_IMAGE, config: config(["/bin/sleep", "infinity"]) },
    ];
    await writeImageArchive({ root, work, archive, images }, options);
  });
}

/** Packages were unpacked without their installation scripts; this does the little of them that a container needs. */
async function finishRoot(root: string): Promise<void> {
  for (const path of LEFT_OUT.split(" ")) await rm(join(root, path), { recursive: true, force: true });
  for (const path of ["dev", "var/log", "var/cache", "usr/local/bin"])
    await mkdir(join(root, path), { recursive: true });
  await writeFile(
    join(root, "etc/passwd"),
    "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
  );
  await writeFile(join(root, "etc/group"), "root:x:0:\nnogroup:x:65534:\n");
  // A resolver without this file asks the network before /etc/hosts.
  await writeFile(join(root, "etc/nsswitch.conf"), "passwd: files\ngroup: files\nhosts: files dns\n");
  await symlink("mawk", join(root, "usr/bin/awk"));
  // The names under which the public image has its interpreter.
  for (const name of ["python", "python3"]) await symlink("/usr/bin/python3", join(root, "usr/local/bin", name));
  for (const path of ["tmp", "var/tmp"]) await chmod(join(root, path), 0o1777);
}

/** The code name of the machine's release: its package sources are configured and its keys installed. */
export async function distributionSuite(): Promise<string> {
  const release = await readFile("/etc/os-release", "utf8").catch(() => "");
  return /^VERSION_CODENAME="?(\w+)"?$/m.exec(release)?.[1] ?? "bookworm";
}
