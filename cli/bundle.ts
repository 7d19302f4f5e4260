/**
 * Writes the program as a few files, `dist/bundle`, for installations: a start then reads five files instead of a thousand, and takes a fifth of the
 * processor time. Nothing is renamed or squeezed, so that stacks can be read; `node --enable-source-maps` leads them back to the sources. With
 * `crds/generated` and `package.json` two directories above, it needs nothing else.
 */
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, join, resolve } from "node:path";
import { LIBRARY, SCRIPTS } from "../api/vesta/page/static-files.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const OUT = join(ROOT, "dist/bundle");

/** Programs of their own beside the command line: threads and processes that are started by file name. All names lie side by side, and must differ. */
const ENTRIES: Record<string, string> = {
  odin: "cli/odin.ts",
  "main-file-worker": "api/main-file/main-file-worker.ts",
  "json-worker": "api/clockwork/json-work/json-worker.ts",
  "body-worker": "api/mlbench/body-work/body-worker.ts",
  "hash-worker": "operator/cache/hash-worker.ts",
  "embedded-process": "store/embedded-process.ts",
};
/** Read as they are. */
const COPIED = ["api/docs/try-it.js"];
/** What browsers load of the GPU pages: compiled files of ours, and a library's. */
const STATIC = [
  ...SCRIPTS.map((path) => join("dist/api/vesta/page", path)),
  ...LIBRARY.map((path) => join("node_modules", path)),
];
/** Holds native code: it goes along as a package, with those that it needs. */
const NATIVE = "libsql";
/** A part of `pg` that is used where it is installed. */
const OPTIONAL = "pg-native";

const CLIENT = "@kubernetes/client-node";

/** What is used of esbuild. It is asked for by name when it is needed: it is no part of a production installation, where this file still has to compile. */
interface Esbuild {
  build(options: object): Promise<{ metafile: { outputs: Record<string, { inputs: object }> } }>;
}
interface Asked {
  path: string;
  importer: string;
  resolveDir: string;
  kind: string;
  pluginData: unknown;
}
interface PluginBuild {
  onResolve(of: { filter: RegExp }, answer: (asked: Asked) => Promise<object | undefined>): void;
  resolve(path: string, options: Omit<Asked, "path">): Promise<object>;
}
const BUNDLER = "esbuild";

/** Takes of the Kubernetes client library only the files that something needs: its models of all kinds are most of it, and nothing here does. */
const sliceOfClient = {
  name: "slice-of-client",
  setup({ onResolve, resolve: find }: PluginBuild) {
    const resolved = Symbol("resolved");
    onResolve(
      { filter: /^(?:\.|@kubernetes\/client-node$)/ },
      async ({ path, importer, resolveDir, kind, pluginData }) => {
        if (pluginData === resolved || !(path === CLIENT || importer.includes(`node_modules/${CLIENT}/`)))
          return undefined;
        if (importer.includes("node_modules/@dot-i/")) return { path: join(ROOT, "cli/base-class-client.ts") };
        // Asked for as an import would, whoever asks: the library is made of ES modules only.
        const found = await find(path, { importer, resolveDir, kind, pluginData: resolved });
        return { ...found, sideEffects: false };
      },
    );
  },
};

interface Manifest {
  name: string;
  version: string;
  license: string;
  dependencies?: object;
  optionalDependencies?: object;
}

function manifestOf(directory: string): Manifest {
  return JSON.parse(readFileSync(join(ROOT, directory, "package.json"), "utf8")) as Manifest;
}

/** The licence texts of the packages that went in, which each asks to be kept. */
function licences(inputs: readonly string[]): string {
  const packages = new Set(
    inputs.flatMap((path) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []),
  );
  return [...packages]
    .sort()
    .map((directory) => {
      const path = join(ROOT, directory);
      const { name, version, license } = manifestOf(directory);
      const file = readdirSync(path).find((entry) => /^licen[cs]e/i.test(entry));
      const text = file === undefined ? `License: ${license}` : readFileSync(join(path, file), "utf8").trim();
      return `${name} ${version}\n\n${text}\n`;
    })
    .join(`\n${"-".repeat(80)}\n\n`);
}

/** The package and all that it needs, each once, as paths below the root; what is for other systems is not installed and is left out. */
function withDependencies(name: string, found = new Set<string>()): Set<string> {
  const path = `node_modules/${name}`;
  if (found.has(path) || !existsSync(join(ROOT, path))) return found;
  found.add(path);
  const { dependencies = {}, optionalDependencies = {} } = manifestOf(path);
  for (const needed of Object.keys({ ...dependencies, ...optionalDependencies })) withDependencies(needed, found);
  return found;
}

const MOST_TRIES = 100;

/** Puts a directory in the place of another. Several processes may do so at once: each takes away what the one before has put there. */
function putInPlace(made: string, place: string): void {
  const old = `${made}-old`;
  for (let tries = 1; ; tries++) {
    try {
      if (existsSync(place)) renameSync(place, old);
      renameSync(made, place);
      break;
    } catch (error) {
      if (tries === MOST_TRIES) throw error;
    } finally {
      rmSync(old, { recursive: true, force: true });
    }
  }
}

// Built beside it and put in its place whole: others may run what is there, or be building it, too.
const building = `${OUT}-${process.pid}`;
const { build } = (await import(BUNDLER)) as Esbuild;
const { metafile } = await build({
  absWorkingDir: ROOT,
  entryPoints: ENTRIES,
  outdir: building,
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node20",
  charset: "utf8",
  external: [NATIVE, OPTIONAL],
  alias: { "whatwg-url": join(ROOT, "cli/bundled-whatwg-url.ts") },
  plugins: [sliceOfClient],
  // CommonJS packages ask for Node's own modules by a `require` that ES modules do not have. The name is one that no file of ours imports.
  banner: {
    js: 'import { createRequire as requireOfBundle } from "node:module";\nconst require = requireOfBundle(import.meta.url);',
  },
  sourcemap: "linked",
  sourcesContent: false,
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
});
for (const path of COPIED) copyFileSync(join(ROOT, path), join(building, path.slice(path.lastIndexOf("/") + 1)));
mkdirSync(join(building, "static"));
for (const path of STATIC) copyFileSync(join(ROOT, path), join(building, "static", basename(path)));
const native = withDependencies(NATIVE);
for (const path of native) cpSync(join(ROOT, path), join(building, path), { recursive: true });
const used = Object.values(metafile.outputs).flatMap(({ inputs }) => Object.keys(inputs));
writeFileSync(join(building, "LICENSES.txt"), licences([...used, ...STATIC, ...[...native].map((path) => `${path}/`)]));
putInPlace(building, OUT);
