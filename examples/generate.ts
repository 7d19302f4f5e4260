import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Example, manifest } from "./manifest.ts";

// Makes the YAML of every example from its main.yml; with --check only says what differs and fails.

const EXAMPLES = join(import.meta.dirname, "../../examples");
// What lies in an example's directory for people and for kubectl, and is no file of the job.
const NOT_OF_THE_JOB = new Set(["README.md", "main.yml", "job.yaml", "pipeline.yaml", "claim.yaml"]);

function read(name: string): Example {
  const directory = join(EXAMPLES, name);
  const files = readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isFile() && !NOT_OF_THE_JOB.has(entry.name))
    .map((entry) => entry.name)
    .sort();
  return {
    name,
    main: readFileSync(join(directory, "main.yml"), "utf8"),
    files: Object.fromEntries(files.map((file) => [file, readFileSync(join(directory, file), "utf8")])),
  };
}

const examples = readdirSync(EXAMPLES).filter((name) => existsSync(join(EXAMPLES, name, "main.yml")));
const stale: string[] = [];
for (const name of examples) {
  const { file, text } = manifest(read(name));
  const path = join(EXAMPLES, name, file);
  if (existsSync(path) && readFileSync(path, "utf8") === text) continue;
  if (process.argv.includes("--check")) stale.push(`examples/${name}/${file}`);
  else writeFileSync(path, text);
}
if (stale.length > 0) {
  process.stderr.write(`${stale.join(", ")}: not what main.yml says; run npm run generate and commit\n`);
  process.exitCode = 1;
}
