import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { gzipSync } from "node:zlib";
import { ICON } from "./style/icon.ts";
import { VESTA_STYLE } from "./style/vesta-style.ts";

/** A file of `/static` as it is sent. */
export interface StaticFile {
  type: string;
  bytes: Buffer;
  zipped: Buffer;
  /** Changes with the content. */
  etag: string;
}

const SCRIPT = "text/javascript; charset=utf-8";
const STYLE = "text/css; charset=utf-8";

/** Scripts, by where they lie beside this file. What the server uses too is compiled; the others run in browsers only. All have names of their own. */
export const SCRIPTS = [
  "./browser/blocks.js",
  "./browser/charts.js",
  "./browser/connection.js",
  "./browser/main.js",
  "./browser/morph.js",
  "./browser/plot.js",
  "./browser/span.js",
  "./browser/unfold.js",
  "./templates/gauge.js",
  "./templates/gpu-details.js",
  "./templates/host-block.js",
  "./templates/pager.js",
  "./templates/pie.js",
  "./templates/totals.js",
  "./templates/view.js",
  "../../docs/html.js",
];

/** The chart library, uPlot (MIT licence), as its package holds it (V-4). */
export const LIBRARY = ["uplot/dist/uPlot.esm.js", "uplot/dist/uPlot.min.css"];

/** Everything that the pages load, by its name below `/static`. Read once; nothing else can be asked for. */
export function staticFiles(): ReadonlyMap<string, StaticFile> {
  const files = new Map<string, StaticFile>();
  for (const path of SCRIPTS) files.set(nameOf(path), fileOf(SCRIPT, flat(read(path))));
  for (const path of LIBRARY)
    files.set(nameOf(path), fileOf(path.endsWith(".css") ? STYLE : SCRIPT, readLibrary(path)));
  files.set("vesta.css", fileOf(STYLE, VESTA_STYLE));
  files.set("icon.svg", fileOf("image/svg+xml; charset=utf-8", ICON));
  return files;
}

/** A script with its imports led to where they are served: all lie side by side. Nobody can fetch the map to its source. */
function flat(script: string): string {
  return script
    .replace(/(\bfrom "|\bimport\(")\.{1,2}\/(?:[\w.-]+\/)*([\w-]+\.js")/g, "$1./$2")
    .replace(/^\/\/# sourceMappingURL=.*$/m, "");
}

/** Of the program in a few files these lie in a directory beside them. */
function beside(path: string): URL | undefined {
  const url = new URL(`./static/${nameOf(path)}`, import.meta.url);
  return existsSync(url) ? url : undefined;
}

function read(path: string): string {
  return readFileSync(beside(path) ?? new URL(path, import.meta.url), "utf8");
}

function readLibrary(path: string): string {
  return readFileSync(beside(path) ?? createRequire(import.meta.url).resolve(path), "utf8");
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function fileOf(type: string, text: string): StaticFile {
  const bytes = Buffer.from(text);
  const etag = `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 22)}"`;
  return { type, bytes, zipped: gzipSync(bytes), etag };
}
