/**
 * `npm run bench`: how fast the operator is and what it costs, measured from outside. Each workload gets a fresh API server with simulated nodes;
 * the figures come from the API server's audit log and from the kernel's counters. `--help` shows the options.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { runInterruptibly } from "../../local/interrupt.ts";
import { streamProgress } from "../../local/progress.ts";
import { ROOT } from "../support/documents.ts";
import { BENCH_HELP, type BenchOptions, parseBenchOptions } from "./engine/options.ts";
import { makeReport, type Result, writePlots, writeReport } from "./engine/report.ts";
import { type Outcome, runScenario } from "./engine/scenario.ts";
import { summaryLine } from "./engine/table.ts";
import { type Workload, workload } from "./engine/workloads.ts";
import { describeMachine } from "./machine.ts";
import { replaceSection } from "./page-section.ts";

await runInterruptibly(async (signal) => {
  const options = parseBenchOptions(process.argv.slice(2));
  if (options.help) {
    process.stdout.write(BENCH_HELP);
    return;
  }
  const directory = await mkdtemp(join(tmpdir(), "odin-bench-"));
  try {
    await runAll(options, directory, signal);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

async function runAll(options: BenchOptions, directory: string, signal: AbortSignal): Promise<void> {
  const machine = await describeMachine();
  const results: Result[] = [];
  for (let repeat = 1; repeat <= options.repeat; repeat++) {
    for (const id of options.only) {
      const wanted = workload(id, options.scale);
      const outcome = await runOne(wanted, options, join(directory, `${id}-${repeat}`), signal);
      if (outcome === undefined) continue;
      results.push({ workload: id, repeat, outcome });
      process.stdout.write(`${summaryLine(id, outcome)}\n`);
    }
  }
  const out = resolve(options.out);
  const report = makeReport(results, options, machine, options.write ? "performance" : ".");
  await writeReport(out, report, { machine, options, results });
  process.stdout.write(`${report.markdown}\nwrote ${out}\n`);
  if (!options.write) return;
  await writePlots(join(ROOT, "docs/performance"), report.plots);
  replaceSection("bench:engine", report.markdown);
}

async function runOne(
  wanted: Workload,
  { placement, scale }: BenchOptions,
  directory: string,
  signal: AbortSignal,
): Promise<Outcome | undefined> {
  const step = streamProgress().step(`${wanted.id}: ${wanted.title}`);
  try {
    const outcome = await runScenario(wanted, { root: ROOT, directory, placement, scale, step, signal });
    step.done();
    return outcome;
  } catch (error) {
    step.fail("failed");
    if (signal.aborted) throw error;
    // What the others show is worth having all the same; the report says what is missing.
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
    return undefined;
  }
}
