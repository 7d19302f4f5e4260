import { createHash } from "node:crypto";
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../../local/command.ts";
import { baseImages, PYTHON_IMAGE } from "../../local/images.ts";
import { silentProgress } from "../../local/progress.ts";

/** An image that is to be made. */
export interface PackagesImage {
  /** Name of the image in its archive. */
  name: string;
  /** Absolute path of the directory of the packages, which is to be on Python's path. */
  place: string;
  /** Files of the checkout that lie there too, by their names there. */
  files?: Readonly<Record<string, string>>;
  /** What a container does that is told nothing else. */
  command?: readonly string[];
}

interface ManifestEntry {
  Config: string;
  RepoTags: string[];
  Layers: string[];
}

/**
 * Writes an archive with an image: the local Python image, and the packages of the virtual environment whose commands are in
 * `commands`, as they were installed. `work`: an empty directory. The path of the archive.
 */
export async function writePackagesImage(
  { name, place, files = {}, command }: PackagesImage,
  commands: string,
  work: string,
): Promise<string> {
  const archive = join(work, "archive.tar");
  await run("tar", ["-xf", await baseImages(silentProgress), "-C", work]);
  const python = join(commands, "python");
  const purelib = "import sysconfig; print(sysconfig.get_paths()['purelib'])";
  const packages = (await run(python, ["-c", purelib], { env: {} })).trim();
  const made = join(work, "root", place);
  await mkdir(join(made, ".."), { recursive: true });
  await cp(packages, made, { recursive: true });
  for (const tool of ["pip", "setuptools", "pkg_resources"])
    await rm(join(made, tool), { recursive: true, force: true });
  for (const [own, path] of Object.entries(files)) await cp(path, join(made, own));
  await run("tar", ["--numeric-owner", "-C", join(work, "root"), "-cf", join(work, "packages.tar"), "."]);
  const manifest = JSON.parse(await readFile(join(work, "manifest.json"), "utf8")) as ManifestEntry[];
  const base = manifest.find((entry) => entry.RepoTags.includes(PYTHON_IMAGE));
  if (base === undefined) throw new Error(`the archive of local images has no ${PYTHON_IMAGE}`);
  const image = JSON.parse(await readFile(join(work, base.Config), "utf8"));
  const digest = createHash("sha256")
    .update(await readFile(join(work, "packages.tar")))
    .digest("hex");
  image.rootfs.diff_ids.push(`sha256:${digest}`);
  image.history?.push({ created: image.created, created_by: "packages of Python" });
  if (command !== undefined) image.config.Cmd = command;
  await writeFile(join(work, "image.json"), JSON.stringify(image));
  const layers = [...base.Layers, "packages.tar"];
  const entry: ManifestEntry = { Config: "image.json", RepoTags: [name], Layers: layers };
  await writeFile(join(work, "manifest.json"), JSON.stringify([entry]));
  await run("tar", ["-C", work, "-cf", archive, entry.Config, ...layers, "manifest.json"]);
  return archive;
}
