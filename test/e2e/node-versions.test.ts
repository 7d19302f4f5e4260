// timeout: 3600
import { spawn } from "node:child_process";
import { copyFile, cp, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type RunOptions, run } from "../../local/command.ts";
import { type NodeLine, nodeProgram } from "../../local/node-release.ts";
import { streamProgress } from "../../local/progress.ts";
import { within } from "../support/deadline.ts";
import { ROOT } from "../support/documents.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const versions = suite("the versions of Node");
/** The one that the tests run on has had its turn. */
const own = Number(process.versions.node.split(".")[0]);
const OTHERS = ([20, 22, 24] as const).filter((line) => line !== own);
const INSTALL_MS = 600_000;
const UNIT_MS = 1_500_000;
/** Imports every library as the product does, and opens its embedded database: the one that has native code. */
const LOAD = `
import { readFileSync } from "node:fs";
const { dependencies } = JSON.parse(readFileSync("package.json", "utf8"));
for (const name of Object.keys(dependencies)) await import(name);
const { EmbeddedFile } = await import("./dist/store/embedded-file.js");
const file = new EmbeddedFile("store.db");
await file.read({ text: "select 1" });
file.close();
console.log(process.version + " loaded " + Object.keys(dependencies).length);
`;

/** An environment in which `node`, and with it npm, is that program. */
async function environmentOf(line: NodeLine): Promise<{ program: string; env: NodeJS.ProcessEnv }> {
  const program = await nodeProgram(line, streamProgress());
  return { program, env: { ...process.env, PATH: `${dirname(program)}:${process.env.PATH}` } };
}

for (const line of OTHERS) {
  versions(`on Node ${line} an installation without development packages loads all that it needs`, async () => {
    const { program, env } = await environmentOf(line);
    const temporary = await temporaryDirectory();
    try {
      const options: RunOptions = { cwd: temporary.path, env, timeoutMs: INSTALL_MS };
      for (const file of ["package.json", "package-lock.json", ".npmrc"]) {
        await copyFile(join(ROOT, file), join(temporary.path, file));
      }
      await run("npm", ["ci", "--omit=dev", "--ignore-scripts", "--engine-strict"], options);
      for (const part of ["cli", "settings", "api", "operator", "store", "crds", "kube"]) {
        await cp(join(ROOT, "dist", part), join(temporary.path, "dist", part), { recursive: true });
      }
      const { dependencies } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8")) as {
        dependencies: Record<string, string>;
      };
      assert.is(
        await run(program, ["--input-type=module", "--eval", LOAD], options),
        `v${(await run(program, ["--version"], options)).trim().slice(1)} loaded ${Object.keys(dependencies).length}\n`,
      );
      for (const part of ["operator", "api"]) {
        assert.match(await run(program, ["dist/cli/odin.js", part, "--help"], options), new RegExp(`^odin ${part}: `));
      }
    } finally {
      await temporary.remove();
    }
  });

  versions(`on Node ${line} the unit tests pass`, async () => {
    const { program, env } = await environmentOf(line);
    const output = await within(UNIT_MS, async (signal) => {
      const child = spawn(program, [join(ROOT, "test/runner/start.js"), "unit/", "--jobs", "2"], {
        cwd: ROOT,
        env,
        signal,
        killSignal: "SIGTERM",
        stdio: ["ignore", "pipe", "pipe"],
      });
      let text = "";
      for (const stream of [child.stdout, child.stderr]) {
        stream.on("data", (chunk) => {
          text += chunk;
        });
      }
      await new Promise((done, fail) => {
        child.on("error", fail);
        child.on("close", done);
      });
      return text;
    });
    const sum = output.trimEnd().split("\n").at(-1) ?? "";
    process.stdout.write(`Node ${line}: ${sum}\n`);
    const [, passed, failed] = /^(\d+) passed, (\d+) failed/.exec(sum) ?? [];
    // What the files that failed have printed; the end of everything where none got that far.
    const told = output.match(/^──── output of [\s\S]*?^──── end of .*$/gm)?.join("\n") ?? output;
    assert.is(failed, "0", told.slice(-8_000));
    assert.ok(Number(passed) > 500, sum);
  });
}

versions.run();
