/**
 * `npm run bench`: how fast the operator is and what it costs, measured from outside. Each workload gets a fresh API server with simulated nodes;
 * the figures come from the API server's audit log and from the kernel's counters. `--help` shows the options.
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { runInterruptibly } from "../../local/interrupt.ts";
import { streamProgress } from "../../local/progress.ts";
import { ROOT } from "../support/documents.ts";
import { BENCH_HELP, type BenchOptions, parseBenchOptions } from "./engine/options.ts";
import { type Outcome, runScenario } from "./engine/scenario.ts";
import { summaryLine } from "./engine/table.ts";
import { type Workload, workload } from "./engine/workloads.ts";

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
  const results: { workload: string; repeat: number; outcome: Outcome }[] = [];
  for (let repeat = 1; repeat <= options.repeat; repeat++) {
    for (const id of options.only) {
      const wanted = workload(id, options.scale);
      const outcome = await runOne(wanted, options, join(directory, `${id}-${repeat}`), signal);
      results.push({ workload: id, repeat, outcome });
      process.stdout.write(`${summaryLine(id, outcome)}\n`);
    }
  }
  const out = resolve(options.out);
  await mkdir(out, { recursive: true });
  await writeFile(join(out, "engine.json"), `${JSON.stringify({ options, results }, null, 1)}\n`);
  process.stdout.write(`wrote ${join(out, "engine.json")}\n`);
}

async function runOne(
  wanted: Workload,
  { placement, scale }: BenchOptions,
  directory: string,
  signal: AbortSignal,
): Promise<Outcome> {
  const step = streamProgress().step(`${wanted.id}: ${wanted.title}`);
  try {
    const outcome = await runScenario(wanted, { root: ROOT, directory, placement, scale, step, signal });
    step.done();
    return outcome;
  } catch (error) {
    step.fail("failed");
    throw error;
  }
}
