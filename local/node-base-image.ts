import { createHash } from "node:crypto";
import { appendFile, chmod, cp, mkdir, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { userCacheDirectory } from "./binary-set.ts";
import { withTemporary } from "./cache-temporary.ts";
import { fileExists, run, SYSTEM_PATH } from "./command.ts";
import { explained } from "./disk-space.ts";
import { withFileLock } from "./file-lock.ts";
import { writeImageArchive } from "./image-archive.ts";
import { distributionSuite } from "./images.ts";
import { Interrupted, LocalError, messageOf } from "./local-error.ts";
import { nodePackage } from "./node-release.ts";
import { type PinnedPackage, unpackedPackage } from "./npm-package.ts";
import type { Progress } from "./progress.ts";

/** An image archive in the user's cache. */
export interface CachedImage {
  /** Path of the archive, as `docker save` writes it. */
  archive: string;
  /** The image's full name in it. */
  name: string;
  /** Changes with everything that determines the image. */
  key: string;
}

const NPM: PinnedPackage = {
  name: "npm",
  version: "11.19.1",
  integrity: "sha512-ztsxKxt/kkIaAs+2i0GU6I+DRmUdrNasxTZKJe9TCdSjKxlhah/4r/hl5ygMD6XAg1qZ9c2TNomR4qgOydp10g==",
};
/** What the public image has beside the smallest Debian. */
const PACKAGES = "libstdc++6";
/** As the public slim images do: no documentation, in later installations neither. */
const LEFT_OUT = ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*"];
const RECIPE = "1";
const NAME = "localhost/odin-base:node-24";
const BUILD_TIMEOUT_MS = 15 * 60_000;

/**
 * A stand-in for the public Node 24 slim image where no image registry can be reached: the smallest Debian, Node and npm in
 * /usr/local, a user `node`. Made on first use and kept in the user's cache. Needs `mmdebstrap`.
 */
export async function nodeBaseImage(progress: Progress, signal?: AbortSignal): Promise<CachedImage> {
  const node = nodePackage(24);
  const suite = await distributionSuite();
  const key = createHash("sha256")
    .update(JSON.stringify([PACKAGES, LEFT_OUT, RECIPE, suite, node, NPM]))
    .digest("hex")
    .slice(0, 16);
  const archive = join(userCacheDirectory(), `image-base-${key}.tar`);
  const made = { archive, name: NAME, key };
  if (await fileExists(archive)) return made;
  const step = progress.step("Making the base image");
  try {
    await withFileLock(
      `${archive}.lock`,
      { signal, onWait: (pid) => step.update(`process ${pid} makes it`) },
      async () => {
        if (!(await fileExists(archive)))
          await build({ archive, suite, node, tell: (text) => step.update(text), signal });
      },
    );
    step.done(archive);
    return made;
  } catch (error) {
    step.fail(error instanceof Interrupted ? "interrupted" : "failed");
    throw explained(error, archive);
  }
}

interface Build {
  archive: string;
  suite: string;
  node: PinnedPackage;
  tell: (detail: string) => void;
  signal: AbortSignal | undefined;
}

async function build({ archive, suite, node, tell, signal }: Build): Promise<void> {
  const options = { signal, timeoutMs: BUILD_TIMEOUT_MS, env: { ...process.env, PATH: SYSTEM_PATH, LC_ALL: "C" } };
  await withTemporary(`${archive}.build-`, async (work) => {
    const root = join(work, "root");
    tell("fetching the distribution's packages");
    const dpkg = ["force-unsafe-io", ...LEFT_OUT.map((path) => `path-exclude=${path}`)];
    const settings = dpkg.map((setting) => `--dpkgopt=${setting}`);
    const include = `--include=${PACKAGES}`;
    try {
      await run("mmdebstrap", ["--format=directory", "--variant=minbase", include, ...settings, suite, root], options);
    } catch (error) {
      if (error instanceof Interrupted) throw error;
      const needs = "cannot make the base image, which needs the distribution's package sources";
      throw new LocalError(`${needs}: ${messageOf(error)}`);
    }
    const local = join(root, "usr/local");
    tell(`fetching Node ${node.version}`);
    const program = await unpackedPackage(node, join(work, "node"), options);
    await cp(join(program, "bin/node"), join(local, "bin/node"));
    await chmod(join(local, "bin/node"), 0o755);
    await mkdir(join(local, "lib/node_modules"), { recursive: true });
    await cp(await unpackedPackage(NPM, join(work, "npm"), options), join(local, "lib/node_modules/npm"), {
      recursive: true,
    });
    for (const name of ["npm", "npx"])
      await symlink(`../lib/node_modules/npm/bin/${name}-cli.js`, join(local, "bin", name));
    tell("packing");
    await finishRoot(root);
    const config = {
      Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", `NODE_VERSION=${node.version}`],
      Cmd: ["node"],
    };
    await writeImageArchive({ root, work, archive, images: [{ name: NAME, config }] }, options);
  });
}

async function finishRoot(root: string): Promise<void> {
  const leftOvers = ["var/cache/apt", "var/cache/ldconfig", "var/log", "etc/hostname", "etc/resolv.conf", "dev"];
  for (const path of leftOvers) await rm(join(root, path), { recursive: true, force: true });
  for (const path of ["dev", "var/log", "var/cache/apt/archives/partial", "home/node"])
    await mkdir(join(root, path), { recursive: true });
  await appendFile(join(root, "etc/passwd"), "node:x:1000:1000::/home/node:/bin/bash\n");
  await appendFile(join(root, "etc/group"), "node:x:1000:\n");
}
