import { createHash } from "node:crypto";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type RunOptions, run } from "./command.ts";
import { LocalError } from "./local-error.ts";

/** A package of the npm registry, pinned by content. */
export interface PinnedPackage {
  name: string;
  version: string;
  /** As the registry and lock files write it: `sha512-…`. */
  integrity: string;
}

/** Fetches a package into a new directory, checks that it is the pinned one, and returns the path of its files. */
export async function unpackedPackage(
  { name, version, integrity }: PinnedPackage,
  directory: string,
  options: RunOptions,
): Promise<string> {
  await mkdir(directory);
  const pack = ["pack", `${name}@${version}`, "--silent", "--pack-destination", directory];
  await run("npm", pack, { ...options, cwd: directory });
  const [file = ""] = await readdir(directory);
  const digest = createHash("sha512").update(await readFile(join(directory, file)));
  const found = `sha512-${digest.digest("base64")}`;
  if (found !== integrity)
    throw new LocalError(`${name}@${version} is not what it was when it was pinned: ${found} instead of ${integrity}`);
  await run("tar", ["-xzf", join(directory, file), "--no-same-owner", "-C", directory], options);
  return join(directory, "package");
}
