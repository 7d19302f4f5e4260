import { spawn } from "node:child_process";
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { within } from "../../support/deadline.ts";
import { ROOT } from "../../support/documents.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";

const start = suite("the entry of npm test");
let place: TemporaryDirectory;

start.before.each(async () => {
  place = await temporaryDirectory();
});
start.after.each(() => place.remove());

const COMPILER = "node_modules/typescript/bin/tsc";
const RUNNER = "dist/test/runner/main.js";
const PRINTS_BUILD = `export async function main(build) {
  console.log(JSON.stringify(build.ok), build.output.trim(), process.argv.slice(2).join(" "));
  process.exit(build.ok ? 0 : 1);
}`;

interface Ended {
  exitCode: number | null;
  output: string;
  lastLine: string;
}

/** Runs the entry in a checkout that holds only these files. */
async function run(files: Record<string, string>): Promise<Ended> {
  const entry = join(place.path, "test/runner/start.js");
  await mkdir(dirname(entry), { recursive: true });
  await copyFile(join(ROOT, "test/runner/start.js"), entry);
  await writeFile(join(place.path, "package.json"), '{"type":"module"}');
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(place.path, name)), { recursive: true });
    await writeFile(join(place.path, name), text);
  }
  const child = spawn(process.execPath, [entry, "unit/a"], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  const exitCode = await within(60_000, () => new Promise<number | null>((done) => child.on("close", done)));
  return { exitCode, output, lastLine: output.trimEnd().split("\n").at(-1) ?? "" };
}

start("without node_modules it says what to do", async () => {
  const { exitCode, output, lastLine } = await run({});
  assert.is(exitCode, 1);
  assert.match(output, /run `npm ci`/);
  assert.is(lastLine, "0 passed, 1 failed");
});

start("compiles, then hands over to the runner with the arguments", async () => {
  const { exitCode, output } = await run({ [COMPILER]: "", [RUNNER]: PRINTS_BUILD });
  assert.is(output, "true  unit/a\n");
  assert.is(exitCode, 0);
});

start("hands over also when the compiler finds errors", async () => {
  const compiler = 'console.log("a.ts(1,1): error TS1"); process.exit(2);';
  const { exitCode, output } = await run({ [COMPILER]: compiler, [RUNNER]: PRINTS_BUILD });
  assert.is(output, "false a.ts(1,1): error TS1 unit/a\n");
  assert.is(exitCode, 1);
});

start("a runner that cannot be loaded is a failure, with what the compiler said", async () => {
  const compiler = 'console.log("a.ts(1,1): error TS1"); process.exit(2);';
  for (const runner of [undefined, 'import "./missing.js";', "this is no JavaScript"]) {
    const files = { [COMPILER]: compiler, ...(runner === undefined ? {} : { [RUNNER]: runner }) };
    const { exitCode, output, lastLine } = await run(files);
    assert.is(exitCode, 1);
    assert.match(output, /error TS1[\s\S]*The test runner could not be loaded: /);
    assert.is(lastLine, "0 passed, 1 failed");
  }
});

start("an interruption while compiling still ends with the sum", async () => {
  // The stand-in for the compiler sends the signal itself: by then the entry waits for it.
  const compiler = 'process.kill(process.ppid, "SIGINT"); setTimeout(() => {}, 120_000);';
  const { exitCode, lastLine } = await run({ [COMPILER]: compiler, [RUNNER]: PRINTS_BUILD });
  assert.is(exitCode, 130);
  assert.is(lastLine, "0 passed, 1 failed");
});

start.run();
