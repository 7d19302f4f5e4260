/** The fault matrix from the command line: `npm run test:faults -- --help`. */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { FileResult } from "../runner/file-result.ts";
import { ROOT } from "../support/documents.ts";
import { judgeRows } from "./judge.ts";
import { faultsPage, PAGE_FILE } from "./page.ts";
import { type RowResult, savedResults, saveResults } from "./results.ts";
import { type Row, rowsOf } from "./rows.ts";

const HELP = `npm run test:faults [-- [F-n ...] [--long] [--write] [--jobs N] [--list] [--help]]

Runs the rows of the fault matrix, each by its cause, and says for each whether it held. Without numbers it runs all.

  --long     causes last as long as they do in life (an API server that is away for a minute)
  --write    keep the results in test/faults/results.json and write docs/faults.md from it
  --jobs N   test files at a time
  --list     print the rows and run nothing
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    long: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
    jobs: { type: "string" },
    list: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

if (values.help) process.stdout.write(HELP);
else if (values.list) for (const { id, fault } of rowsOf(positionals)) console.log(`${id.padEnd(5)} ${fault}`);
else process.exitCode = await run(rowsOf(positionals));

async function run(rows: readonly Row[]): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), "odin-"));
  const file = join(directory, "results.json");
  try {
    const files = [...new Set(rows.flatMap((row) => row.files))];
    const jobs = values.jobs === undefined ? [] : ["--jobs", values.jobs];
    const exitCode = await runner([...files, "--results", file, ...jobs], {
      ...process.env,
      ...(positionals.length === 0 ? {} : { FAULT_ROWS: rows.map(({ id }) => id).join(",") }),
      ...(values.long ? { FAULT_LONG: "1" } : {}),
    });
    // 0 and 1 are verdicts; anything else is a run that was ended early, which says nothing.
    if (exitCode !== 0 && exitCode !== 1) return exitCode ?? 1;
    const results = judgeRows(rows, JSON.parse(readFileSync(file, "utf8")) as FileResult[], {
      date: new Date().toISOString().slice(0, 10),
      long: values.long,
    });
    report(results);
    if (values.write) {
      saveResults(results);
      writeFileSync(PAGE_FILE, faultsPage(savedResults()));
      console.log(`wrote ${PAGE_FILE}`);
    }
    return exitCode === 0 && results.every(({ result }) => result === "passed") ? 0 : 1;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function runner(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number | null> {
  const child = spawn(process.execPath, [join(ROOT, "test/runner/start.js"), ...args], { env, stdio: "inherit" });
  // Ctrl-C reaches the runner as well, which stops what it has started; this process must outlive it.
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  return new Promise((done) => child.on("close", done));
}

function report(results: readonly RowResult[]): void {
  console.log("");
  for (const { row, result, details, seconds } of results) {
    const said = result === "passed" ? `${details.length} case${details.length === 1 ? "" : "s"}` : details.join("; ");
    console.log(`${row.padEnd(5)} ${result.padEnd(8)} ${seconds.toFixed(1).padStart(6)} s  ${said}`);
  }
  const held = results.filter(({ result }) => result === "passed").length;
  console.log(`\n${held} of ${results.length} rows hold`);
}
