import { copyFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { imageLayers } from "./image-layers.ts";
import { runInterruptibly } from "./interrupt.ts";
import { LocalError, messageOf } from "./local-error.ts";
import { loadImages } from "./node-images.ts";
import { productImage } from "./product-image.ts";
import { streamProgress } from "./progress.ts";

const HELP = `Usage: npm run image -- [--output FILE] [--load DIR] [--sizes]

Builds the image of this checkout where no image registry can be reached: the same Dockerfile, on a base that is made here.
Needs root on Debian or a distribution like it. Prints the name of the image and the path of its archive, which docker load,
podman load and ctr import take.

  --output FILE   also copies the archive there
  --load DIR      also puts the image into the local cluster of that directory
  --sizes         also prints the size of each layer, the base first
`;

await runInterruptibly(async (signal) => {
  const values = readArguments();
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const { name, archive } = await productImage(streamProgress(), signal);
  if (values.output !== undefined) await copyFile(archive, values.output);
  if (values.load !== undefined) await loadImages(values.load, [archive], signal);
  process.stdout.write(`${name} ${values.output ?? archive}\n`);
  if (!values.sizes) return;
  for (const { bytes, compressedBytes } of await imageLayers(archive, signal))
    process.stdout.write(`${megabytes(bytes)} MB, compressed ${megabytes(compressedBytes)} MB\n`);
});

function megabytes(bytes: number): number {
  return Math.round(bytes / 1e6);
}

function readArguments() {
  try {
    return parseArgs({
      options: {
        output: { type: "string" },
        load: { type: "string" },
        sizes: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    }).values;
  } catch (error) {
    throw new LocalError(`${messageOf(error).replaceAll("\n", " ")}; --help shows the usage`);
  }
}
