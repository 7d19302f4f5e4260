// The entry of `npm test`. Plain JavaScript, because it must work before anything is compiled: whatever happens, also a
// compiler that crashes or a checkout without node_modules, the last line printed is the sum of passed and failed.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const root = resolve(import.meta.dirname, "../..");
const compiler = resolve(root, "node_modules/typescript/bin/tsc");
const runner = resolve(root, "dist/test/runner/main.js");

/** @param {string} reason @param {number} exitCode @returns {never} */
function giveUp(reason, exitCode = 1) {
  process.stdout.write(`${reason}\n\n0 passed, 1 failed\n`);
  process.exit(exitCode);
}

if (!existsSync(compiler)) giveUp("node_modules is missing or incomplete: run `npm ci`, then `npm test` again.");

const started = performance.now();
let output = "";
const child = spawn(process.execPath, [compiler, "--pretty", "false"], {
  cwd: root,
  stdio: ["ignore", "pipe", "pipe"],
});
const onInterrupt = () => {
  child.kill();
  giveUp("Interrupted while compiling.", 130);
};
const onTerminate = () => {
  child.kill();
  giveUp("Terminated while compiling.", 143);
};
process.once("SIGINT", onInterrupt);
process.once("SIGTERM", onTerminate);
child.stdout.on("data", (chunk) => {
  output += chunk;
});
child.stderr.on("data", (chunk) => {
  output += chunk;
});
const exitCode = await new Promise((done) => {
  child.on("error", (error) => {
    output += error.message;
    done(1);
  });
  child.on("close", (code) => done(code ?? 1));
});
const build = { ok: exitCode === 0, output, wallMs: performance.now() - started };

process.removeListener("SIGINT", onInterrupt);
process.removeListener("SIGTERM", onTerminate);

let main;
try {
  ({ main } = await import(pathToFileURL(runner).href));
} catch (error) {
  giveUp(`${output}\nThe test runner could not be loaded: ${error instanceof Error ? error.message : error}`);
}
await main(build);
