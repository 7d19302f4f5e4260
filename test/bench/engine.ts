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
import { comparisonTable, type Pair } from "./engine/compare.ts";
import { BENCH_HELP, type BenchOptions, parseBenchOptions } from "./engine/options.ts";
import { makeReport, type Result, writeFigures, writeReport } from "./engine/report.ts";
import { buildRevision } from "./engine/revision.ts";
import { type Outcome, runScenario } from "./engine/scenario.ts";
import { summaryLine } from "./engine/table.ts";
import { type WorkloadId, workload } from "./engine/workloads.ts";
import { describeMachine, machineText } from "./machine.ts";
import { replaceSection } from "./page-section.ts";

await runInterruptibly(async (signal) => {
  const options = parseBenchOptions(process.argv.slice(2));
  if (options.help) {
    process.stdout.write(BENCH_HELP);
    return;
  }
  const directory = await mkdtemp(join(tmpdir(), "odin-bench-"));
  try {
    if (options.compare === undefined) await measureAll(options, directory, signal);
    else await compareWith(options.compare, options, directory, signal);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

async function measureAll(options: BenchOptions, directory: string, signal: AbortSignal): Promise<void> {
  const machine = await describeMachine();
  const results: Result[] = [];
  for (const { id, repeat } of turns(options)) {
    const outcome = await runOne(id, ROOT, "", options, join(directory, `${id}-${repeat}`), signal);
    if (outcome !== undefined) results.push({ workload: id, repeat, outcome });
  }
  const out = resolve(options.out);
  const report = makeReport(results, options, machine, options.write ? "performance" : ".");
  await writeReport(out, report, { machine, options, results });
  process.stdout.write(`${report.markdown}\nwrote ${out}\n`);
  if (!options.write) return;
  await writeFigures(join(ROOT, "docs/performance"), report, results);
  replaceSection("bench:engine", report.markdown);
}

/** What is run, in that order: all workloads once, then those that are run more often again, so that a change of the machine hits all alike. */
function turns({ only, repeat, scale }: BenchOptions): { id: WorkloadId; repeat: number }[] {
  const times = new Map(only.map((id) => [id, repeat ?? workload(id, scale).repeats]));
  const most = Math.max(...times.values());
  return Array.from({ length: most }, (_, i) => i + 1).flatMap((turn) =>
    only.filter((id) => turn <= (times.get(id) ?? 0)).map((id) => ({ id, repeat: turn })),
  );
}

/** Runs each workload with the other revision and with this checkout in turn; who begins changes each time. */
async function compareWith(
  revision: string,
  options: BenchOptions,
  directory: string,
  signal: AbortSignal,
): Promise<void> {
  const machine = await describeMachine();
  const other = join(directory, "revision");
  const step = streamProgress().step(`Building ${revision}`);
  try {
    await buildRevision(revision, other, signal);
    step.done();
  } catch (error) {
    step.fail("failed");
    throw error;
  }
  const pairs: Pair[] = [];
  for (const { id, repeat } of turns(options).filter((turn) => workload(turn.id, options.scale).system === "odin")) {
    const measured: Partial<Record<"base" | "here", Outcome>> = {};
    for (const side of repeat % 2 === 1 ? (["base", "here"] as const) : (["here", "base"] as const)) {
      const [root, name] = side === "base" ? [other, revision] : [ROOT, "this checkout"];
      const outcome = await runOne(id, root, name, options, join(directory, `${id}-${repeat}-${side}`), signal);
      if (outcome !== undefined) measured[side] = outcome;
    }
    const { base, here } = measured;
    if (base !== undefined && here !== undefined) pairs.push({ workload: id, base, here });
  }
  const out = resolve(options.out);
  await mkdir(out, { recursive: true });
  const text = `${machineText(machine)}\n\n${comparisonTable(revision, pairs)}`;
  await writeFile(join(out, "compare.json"), `${JSON.stringify({ machine, options, pairs }, null, 1)}\n`);
  await writeFile(join(out, "compare.md"), `${text}\n`);
  process.stdout.write(`${text}\nwrote ${out}\n`);
}

/** Runs one workload and prints what it showed; undefined, with a message and a failed exit status, where it could not be run. */
async function runOne(
  id: WorkloadId,
  root: string,
  name: string,
  { placement, scale }: BenchOptions,
  directory: string,
  signal: AbortSignal,
): Promise<Outcome | undefined> {
  const wanted = workload(id, scale);
  const step = streamProgress().step(`${id}${name === "" ? "" : `, ${name}`}: ${wanted.title}`);
  try {
    const outcome = await runScenario(wanted, { root, directory, placement, scale, step, signal });
    step.done();
    process.stdout.write(`${summaryLine(id, outcome)}\n`);
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
