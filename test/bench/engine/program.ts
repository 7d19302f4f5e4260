import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { run } from "../../../local/command.ts";

const BUNDLE_TIMEOUT_MS = 5 * 60_000;
const made = new Map<string, Promise<string>>();

/**
 * The file that installations of a checkout run, made afresh once for this process: the bundle, or the compiled command line of a revision from before
 * there was one. The checkout must be compiled.
 */
export function programOf(root: string): Promise<string> {
  const program = made.get(root) ?? makeProgram(root);
  made.set(root, program);
  return program;
}

async function makeProgram(root: string): Promise<string> {
  const bundler = join(root, "dist/cli/bundle.js");
  const compiled = join(root, "dist/cli/odin.js");
  if (!existsSync(bundler)) return compiled;
  try {
    createRequire(bundler).resolve("esbuild");
  } catch {
    process.stderr.write(`${root} has no esbuild (npm ci installs it): the program is measured as it is compiled\n`);
    return compiled;
  }
  await run(process.execPath, [bundler], {
    cwd: root,
    env: process.env,
    timeoutMs: BUNDLE_TIMEOUT_MS,
  });
  return join(root, "dist/bundle/odin.js");
}
