import { resolve } from "node:path";
import { environments, removeAbandonedRuns } from "./environments.ts";
import { type Build, runTests, type Stage } from "./run.ts";
import { runDirectory } from "./run-directory.ts";

const ROOT = resolve(import.meta.dirname, "../../..");
const STAGES: readonly Stage[] = [
  {
    name: "lint",
    args: ["node_modules/@biomejs/biome/bin/biome", "check", "--colors=off", "--error-on-warnings", "."],
  },
  { name: "generated", args: ["dist/crds/generate.js", "--check"] },
  { name: "reference", args: ["dist/cli/reference.js", "--check"] },
  { name: "chart", args: ["dist/helm/generate.js", "--check"] },
  { name: "examples", args: ["dist/examples/generate.js", "--check"] },
  { name: "clauses", args: ["dist/test/clauses/generate.js", "--check"] },
];
const EXIT_CODES: Partial<Record<NodeJS.Signals, number>> = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };

/** Runs the tests and ends the process. Whatever goes wrong in the runner itself is a failure in the same last line. */
export async function main(build: Build): Promise<never> {
  const abort = new AbortController();
  let exitCode: number | undefined;
  for (const signal of Object.keys(EXIT_CODES) as NodeJS.Signals[]) {
    process.on(signal, () => {
      exitCode ??= EXIT_CODES[signal];
      abort.abort(signal);
    });
  }
  // A fault of the runner itself: told, counted, and what was started is stopped like after a signal.
  const onFault = (error: unknown): void => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    exitCode ??= 1;
    abort.abort("SIGTERM");
  };
  process.on("uncaughtException", onFault);
  process.on("unhandledRejection", onFault);
  // The reader went away (`npm test | head`): nobody is left to tell, but what was started must still be stopped.
  process.stdout.on("error", () => abort.abort("SIGTERM"));

  const directory = runDirectory();
  let status = 1;
  try {
    await removeAbandonedRuns();
    status = await runTests({
      root: ROOT,
      argv: process.argv.slice(2),
      build,
      stages: STAGES,
      environmentOf: environments(ROOT, directory.path),
      temporaryDirectory: directory.path,
      write: (text) => process.stdout.write(text),
      signal: abort.signal,
    });
  } catch (error) {
    process.stdout.write(`${error instanceof Error ? error.stack : String(error)}\n\n0 passed, 1 failed\n`);
  }
  directory.remove();
  process.exit(exitCode ?? status);
}
