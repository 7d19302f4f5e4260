import { createReadStream } from "node:fs";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createGzip } from "node:zlib";
import { run } from "./command.ts";

/** One layer of an image that changes files. */
export interface ImageLayer {
  bytes: number;
  /** As registries keep it. */
  compressedBytes: number;
}

const EMPTY_BYTES = 2048;

/** The layers of the first image of an archive (as `docker save` writes it), the base first; those without a file are left out. */
export async function imageLayers(archive: string, signal?: AbortSignal): Promise<ImageLayer[]> {
  const directory = await mkdtemp(join(tmpdir(), "odin-layers-"));
  try {
    await run("tar", ["-xf", archive, "-C", directory], { signal, timeoutMs: 5 * 60_000 });
    const [image] = JSON.parse(await readFile(join(directory, "manifest.json"), "utf8")) as { Layers: string[] }[];
    const layers: ImageLayer[] = [];
    for (const path of (image?.Layers ?? []).map((layer) => join(directory, layer))) {
      const { size } = await stat(path);
      if (size > EMPTY_BYTES) layers.push({ bytes: size, compressedBytes: await compressedSize(path) });
    }
    return layers;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function compressedSize(path: string): Promise<number> {
  let bytes = 0;
  for await (const chunk of createReadStream(path).pipe(createGzip())) bytes += (chunk as Buffer).length;
  return bytes;
}
