/**
 * The image of this checkout for the local cluster:
 *
 *     const { archive, name } = await productImage(progress, signal);   // name: localhost/odin:VERSION
 *     await loadImages(clusterDirectory, [archive]);                    // node-images.ts
 *
 * By hand: `npm run image`. Pods name it with `imagePullPolicy: IfNotPresent` or `Never`.
 */
import { createHash, type Hash } from "node:crypto";
import { lstat, mkdir, readdir, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { userCacheDirectory } from "./binary-set.ts";
import { type Buildah, withBuildah } from "./buildah.ts";
import { withTemporary } from "./cache-temporary.ts";
import { fileExists, run } from "./command.ts";
import { assertFreeSpace, explained } from "./disk-space.ts";
import { withFileLock } from "./file-lock.ts";
import { ensureHostPackages, IMAGE_REQUIREMENTS } from "./host-packages.ts";
import { Interrupted } from "./local-error.ts";
import { type CachedImage, nodeBaseImage } from "./node-base-image.ts";
import type { Progress, Step } from "./progress.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const SYSTEM = "localhost/odin-system:local";
/** Storage of buildah while it works: some copies of the base, of the dependencies and of the result. */
const BUILD_MEGABYTES = 3000;
/** Archives of earlier states of the sources: some may be wanted again, or be read by another process now. */
const KEEP_ARCHIVES = 3;
const KEEP_MS = 60 * 60_000;

/**
 * The archive of the product's image, built from the Dockerfile of this checkout on the locally made base; from the user's
 * cache if nothing has changed that it is made of. Needs root on a Debian-like Linux, whose packages it installs.
 */
export async function productImage(progress: Progress, signal?: AbortSignal): Promise<CachedImage> {
  const { name, system } = await foundation(progress, signal);
  const key = await inputsKey(system.key);
  const archive = join(userCacheDirectory(), `image-odin-${key}.tar`);
  await cached(archive, "Building odin's image", progress, signal, async (step) => {
    await build({ from: system, name, archive, args: [], step, signal });
    await removeOld();
  });
  const now = new Date();
  await utimes(archive, now, now);
  return { archive, name, key };
}

/** Builds it anew into that file, whatever the cache has, and returns its name. */
export async function buildProductImage(archive: string, progress: Progress, signal?: AbortSignal): Promise<string> {
  const { name, system } = await foundation(progress, signal);
  const step = progress.step("Building odin's image");
  await build({ from: system, name, archive, args: [], step, signal });
  step.done(archive);
  return name;
}

/** What the build starts from, and the name of its result. */
async function foundation(progress: Progress, signal?: AbortSignal): Promise<{ name: string; system: CachedImage }> {
  const { version } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8")) as { version: string };
  await mkdir(userCacheDirectory(), { recursive: true });
  await ensureHostPackages(progress, userCacheDirectory(), signal, IMAGE_REQUIREMENTS);
  const base = await nodeBaseImage(progress, signal);
  return { name: `localhost/odin:${version}`, system: await systemImage(base, progress, signal) };
}

/** The Dockerfile's stage with the packages that do not depend on the sources: it need not be repeated when they change. */
async function systemImage(base: CachedImage, progress: Progress, signal?: AbortSignal): Promise<CachedImage> {
  const dockerfile = await readFile(join(ROOT, "Dockerfile"), "utf8");
  const [stage = ""] = dockerfile.split(/^FROM .* AS build$/m);
  const key = createHash("sha256").update(`${base.key}\0${stage}`).digest("hex").slice(0, 16);
  const archive = join(userCacheDirectory(), `image-system-${key}.tar`);
  await cached(archive, "Adding git and ssh to the base image", progress, signal, (step) =>
    build({ from: base, name: SYSTEM, archive, args: ["--target=system"], step, signal }),
  );
  return { archive, name: SYSTEM, key };
}

async function cached(
  archive: string,
  title: string,
  progress: Progress,
  signal: AbortSignal | undefined,
  make: (step: Step) => Promise<void>,
): Promise<void> {
  if (await fileExists(archive)) return;
  const step = progress.step(title);
  try {
    await withFileLock(
      `${archive}.lock`,
      { signal, onWait: (pid) => step.update(`process ${pid} makes it`) },
      async () => {
        if (!(await fileExists(archive))) await make(step);
      },
    );
    step.done(archive);
  } catch (error) {
    step.fail(error instanceof Interrupted ? "interrupted" : "failed");
    throw explained(error, archive);
  }
}

interface Build {
  from: CachedImage;
  name: string;
  archive: string;
  args: readonly string[];
  step: Step;
  signal: AbortSignal | undefined;
}

async function build({ from, name, archive, args, step, signal }: Build): Promise<void> {
  await assertFreeSpace(tmpdir(), BUILD_MEGABYTES, "building an image");
  await withTemporary(`${archive}.build-`, (work) =>
    withBuildah(signal, async (buildah) => {
      step.update("reading the base");
      await buildah(["pull", "--quiet", `docker-archive:${from.archive}`]);
      step.update("running the Dockerfile");
      await buildah(
        [
          ...["bud", "--timestamp=0", `--build-arg=BASE=${from.name}`, "--pull-never", `--tag=${name}`],
          ...(await networkArguments(signal)),
          ...args,
          ".",
        ],
        { cwd: ROOT, onErrorLine: (line) => line.startsWith("npm") || step.update(line.slice(0, 120)) },
      );
      step.update("writing the archive");
      await exportTo(buildah, name, join(work, "archive.tar"));
      await rename(join(work, "archive.tar"), archive);
    }),
  );
}

async function exportTo(buildah: Buildah, name: string, path: string): Promise<void> {
  await buildah(["push", "--quiet", name, `docker-archive:${path}:${name}`]);
}

/** The build reaches the npm registry as this machine does: with its settings, its certificates and what npm has already. */
async function networkArguments(signal: AbortSignal | undefined): Promise<string[]> {
  const ask = async (name: string) =>
    (await run("npm", ["config", "get", name], { env: process.env, cwd: "/", signal })).trim();
  const [cache, settings] = [await ask("cache"), await ask("userconfig")];
  const certificates = process.env.NODE_EXTRA_CA_CERTS;
  await mkdir(cache, { recursive: true });
  return [
    `--volume=${cache}:/root/.npm`,
    ...((await fileExists(settings)) ? [`--secret=id=npmrc,src=${settings}`] : []),
    ...(certificates && (await fileExists(certificates)) ? [`--secret=id=ca,src=${certificates}`] : []),
  ];
}

/** A digest of everything that the Dockerfile's build reads: itself, and the files that .dockerignore lets through. */
async function inputsKey(baseKey: string): Promise<string> {
  const hash = createHash("sha256").update(baseKey);
  const ignore = await readFile(join(ROOT, ".dockerignore"), "utf8");
  const allowed = [...ignore.matchAll(/^!(\S+)$/gm)].map((match) => match[1] ?? "");
  for (const path of ["Dockerfile", ".dockerignore", ...allowed.sort()]) await addTo(hash, path);
  return hash.digest("hex").slice(0, 16);
}

async function addTo(hash: Hash, path: string): Promise<void> {
  const full = join(ROOT, path);
  const entry = await lstat(full);
  if (entry.isDirectory()) {
    for (const name of (await readdir(full)).sort()) await addTo(hash, join(path, name));
    return;
  }
  hash.update(`${path}\0${entry.mode.toString(8)}\0${entry.size}\0`).update(await readFile(full));
}

async function removeOld(): Promise<void> {
  const names = (await readdir(userCacheDirectory())).filter((name) => /^image-odin-[0-9a-f]+\.tar$/.test(name));
  const found = [];
  for (const name of names) {
    const path = join(userCacheDirectory(), name);
    const used = await stat(path).catch(() => undefined);
    if (used) found.push({ path, usedMs: used.mtimeMs });
  }
  found.sort((a, b) => b.usedMs - a.usedMs);
  for (const { path, usedMs } of found.slice(KEEP_ARCHIVES)) {
    if (Date.now() - usedMs > KEEP_MS) await rm(path, { force: true });
  }
}
