/**
 * `npm run sbom`: the software bill of materials of what runs, in CycloneDX's JSON, made by npm and then put into a form that is the
 * same whenever and wherever it is made from the same lock file. It lists what the lock file has to run on any platform.
 *
 * It uses nothing but Node, because the image's build runs it, too.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";

const ROOT = resolve(import.meta.dirname, "../..");
const HELP = `Usage: npm run sbom -- [--output FILE]

Writes the software bill of materials of the packages that odin needs to run, as CycloneDX JSON.

  --output FILE   into that file; by default to standard output
`;

/** The parts of a CycloneDX 1.5 document that are read or changed here; everything else is kept as it is. */
export interface Bom {
  serialNumber?: string;
  metadata: { timestamp?: string; tools?: object; component: { name: string; "bom-ref": string } };
  components: { "bom-ref": string }[];
  dependencies: { ref: string; dependsOn?: string[] }[];
}

/**
 * The same document without the moment, the directory and the tool's version, and in a fixed order. Its serial number is
 * derived from the rest: two documents have the same one if, and only if, they say the same.
 */
export function reproducible(bom: Bom, name: string): Bom {
  const { serialNumber: _, ...rest } = bom;
  const { timestamp: __, ...metadata } = bom.metadata;
  const fixed = {
    ...rest,
    metadata: {
      ...metadata,
      tools: [{ vendor: "npm", name: "cli" }],
      component: { ...metadata.component, name },
    },
    components: bom.components.toSorted((a, b) => order(a["bom-ref"], b["bom-ref"])),
    dependencies: bom.dependencies
      .map(({ dependsOn, ...dependency }) => ({ ...dependency, dependsOn: (dependsOn ?? []).toSorted(order) }))
      .toSorted((a, b) => order(a.ref, b.ref)),
  };
  const digest = createHash("sha256").update(JSON.stringify(fixed)).digest("hex");
  // The shape of a UUID of version 8: its content is the maker's own.
  const uuid = `${digest.slice(0, 8)}-${digest.slice(8, 12)}-8${digest.slice(13, 16)}-8${digest.slice(17, 20)}-${digest.slice(20, 32)}`;
  return { ...fixed, serialNumber: `urn:uuid:${uuid}` };
}

/** Code units, not the rules of the machine's language. */
function order(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      output: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const { name } = JSON.parse(readFileSync(resolve(ROOT, "package.json"), "utf8")) as { name: string };
  const args = ["sbom", "--package-lock-only", "--sbom-format=cyclonedx", "--sbom-type=application", "--omit=dev"];
  const { stdout } = await promisify(execFile)("npm", args, { cwd: ROOT, maxBuffer: 64 * 1024 * 1024 });
  const text = `${JSON.stringify(reproducible(JSON.parse(stdout) as Bom, name), null, 2)}\n`;
  if (values.output === undefined) process.stdout.write(text);
  else writeFileSync(values.output, text);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main().catch((error: unknown) => {
    process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  });
}
