import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { type RunOptions, runTests } from "../../runner/run.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";

/** What a run in the sandbox printed and returned. */
export interface Printed {
  exitCode: number;
  text: string;
  lastLine: string;
}

/** A checkout of its own with fixtures as its test files. */
export interface Sandbox {
  root: string;
  run(argv?: string[], options?: Partial<RunOptions>): Promise<Printed>;
  remove: TemporaryDirectory["remove"];
}

const FIXTURES = join(import.meta.dirname, "../../../../test/unit/runner/fixtures");
const COMPILED = join(import.meta.dirname, "fixtures");

/** Makes a checkout whose test files (`unit/name`) are the fixtures of those names. */
export async function sandbox(files: Record<string, string>): Promise<Sandbox> {
  const { path: root, remove } = await temporaryDirectory();
  for (const [name, fixture] of Object.entries(files)) {
    const source = join(root, "test", `${name}.test.ts`);
    const compiled = join(root, "dist/test", `${name}.test.js`);
    await mkdir(dirname(source), { recursive: true });
    await mkdir(dirname(compiled), { recursive: true });
    await copyFile(join(FIXTURES, `${fixture}.fixture.ts`), source);
    // Imported from where it was compiled: there it finds uvu.
    await writeFile(compiled, `await import("${pathToFileURL(join(COMPILED, `${fixture}.fixture.js`)).href}");\n`);
  }
  const run: Sandbox["run"] = async (argv = [], options = {}) => {
    let text = "";
    const exitCode = await runTests({
      root,
      argv,
      build: { ok: true, output: "", wallMs: 0 },
      stages: [],
      environmentOf: () => undefined,
      write: (more) => {
        text += more;
      },
      signal: new AbortController().signal,
      // Longer than any process takes to end: it is over sooner where one does.
      lingerMs: 60_000,
      ...options,
    });
    return { exitCode, text, lastLine: text.trimEnd().split("\n").at(-1) ?? "" };
  };
  return { root, run, remove };
}

/** Runs one fixture alone, as a file of the given kind, without the stage for types. */
export async function runFixture(
  fixture: string,
  argv: string[] = [],
  kind = "unit",
  options: Partial<RunOptions> = {},
): Promise<Printed> {
  const place = await sandbox({ [`${kind}/file`]: fixture });
  try {
    return await place.run(["file", ...argv], options);
  } finally {
    await place.remove();
  }
}
