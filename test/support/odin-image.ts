import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { ROOT } from "./documents.ts";

const execute = promisify(execFile);
/** Parts of the program that its small commands need; they use no library. */
const PARTS = ["cli", "settings", "api/storage", "crds", "kube"];

/**
 * Packs the `odin` command with this machine's Node into an image archive, as `docker save` writes it, and returns its path. For the commands that
 * pods run; operator and API need libraries that are not in it.
 */
export async function packOdinImage(directory: string, tag: string): Promise<string> {
  const root = join(directory, "root");
  const opt = join(root, "opt");
  await mkdir(join(opt, "node"), { recursive: true });
  for (const part of PARTS) await cp(join(ROOT, "dist", part), join(opt, "odin/dist", part), { recursive: true });
  await cp(join(ROOT, "package.json"), join(opt, "odin/package.json"));
  await cp(process.execPath, join(opt, "node/node"), { dereference: true });
  const { stdout } = await execute("ldd", [process.execPath]);
  const libraries = [...stdout.matchAll(/(\/\S+\.so\S*)/g)].map(([, path]) => path ?? "");
  for (const path of libraries) await cp(path, join(opt, "node", basename(path)), { dereference: true });
  const loader = libraries.find((path) => basename(path).startsWith("ld-"));
  if (loader === undefined) throw new Error(`${process.execPath} names no loader: ${stdout}`);

  const layer = join(directory, "layer.tar");
  await execute("tar", ["--sort=name", "--mtime=@0", "--numeric-owner", "-C", root, "-cf", layer, "."]);
  const digest = createHash("sha256")
    .update(await readFile(layer))
    .digest("hex");
  const program = "/opt/node";
  const config = {
    architecture: process.arch === "x64" ? "amd64" : process.arch,
    os: "linux",
    config: {
      Entrypoint: [
        `${program}/${basename(loader)}`,
        "--library-path",
        program,
        `${program}/node`,
        "/opt/odin/dist/cli/odin.js",
      ],
    },
    rootfs: { type: "layers", diff_ids: [`sha256:${digest}`] },
  };
  await writeFile(join(directory, "odin.json"), JSON.stringify(config));
  const manifest = [{ Config: "odin.json", RepoTags: [tag], Layers: ["layer.tar"] }];
  await writeFile(join(directory, "manifest.json"), JSON.stringify(manifest));
  const archive = join(directory, "archive.tar");
  await execute("tar", ["-C", directory, "-cf", archive, "odin.json", "layer.tar", "manifest.json"]);
  return archive;
}
