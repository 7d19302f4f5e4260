import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { type RunOptions, run } from "./command.ts";

/** One image of an archive. */
export interface ArchivedImage {
  /** Its full name, with the registry and the tag. */
  name: string;
  /** What `docker inspect` shows as Config: Env, Cmd, Entrypoint and the like. */
  config: Record<string, unknown>;
}

/**
 * Packs the directory `root` into an archive as `docker save` writes it, whose images all have it as their only layer. The same
 * files give the same bytes: their order and times are fixed. `work` is an empty directory for what comes between.
 */
export async function writeImageArchive(
  o: { root: string; work: string; archive: string; images: readonly ArchivedImage[] },
  options: RunOptions,
): Promise<void> {
  const layer = join(o.work, "layer.tar");
  await run("tar", ["--sort=name", "--mtime=@0", "--numeric-owner", "-C", o.root, "-cf", layer, "."], options);
  const hash: Hash = createHash("sha256");
  await pipeline(createReadStream(layer), hash);
  const rootfs = { type: "layers", diff_ids: [`sha256:${hash.digest("hex")}`] };
  const architecture = process.arch === "x64" ? "amd64" : process.arch;
  const manifest = [];
  for (const [index, { name, config }] of o.images.entries()) {
    const file = `image-${index}.json`;
    const created = "1970-01-01T00:00:00Z";
    // Builders that add layers count those that the history names.
    const history = [{ created, created_by: "packed from a directory" }];
    const image = { architecture, os: "linux", created, config, rootfs, history };
    await writeFile(join(o.work, file), JSON.stringify(image));
    manifest.push({ Config: file, RepoTags: [name], Layers: [basename(layer)] });
  }
  await writeFile(join(o.work, "manifest.json"), JSON.stringify(manifest));
  const parts = [basename(layer), ...manifest.map((image) => image.Config), "manifest.json"];
  await run("tar", ["-C", o.work, "-cf", join(o.work, "archive.tar"), ...parts], options);
  await rename(join(o.work, "archive.tar"), o.archive);
}
