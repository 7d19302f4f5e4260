/**
 * `npm run bench`: how fast the operator is and what it costs, measured from outside. Each workload gets a fresh API server with simulated nodes;
 * the figures come from the API server's audit log and from the kernel's counters. `--help` shows the options.
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { runInterruptibly } from "../../local/interrupt.ts";
import { silentProgress, streamProgress } from "../../local/progress.ts";
import { ROOT } from "../support/documents.ts";
import { type BenchCluster, startBenchCluster } from "./engine/cluster.ts";
import { JobsSystem } from "./engine/jobs-system.ts";
import { type Measurement, measure } from "./engine/measure.ts";
import { OdinSystem } from "./engine/odin-system.ts";
import { BENCH_HELP, type BenchOptions, parseBenchOptions } from "./engine/options.ts";
import { summaryLine } from "./engine/table.ts";
import { type Workload, workload } from "./engine/workloads.ts";

const TASK_MS = [200, 400] as const;
const TIMEOUT_MS = 300_000;

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
  const results: { workload: string; repeat: number; measurement: Measurement }[] = [];
  for (let repeat = 1; repeat <= options.repeat; repeat++) {
    for (const id of options.only) {
      const wanted = workload(id, options.scale);
      const measurement = await runOne(wanted, options, join(directory, `${id}-${repeat}`), signal);
      results.push({ workload: id, repeat, measurement });
      process.stdout.write(`${summaryLine(id, measurement)}\n`);
    }
  }
  const out = resolve(options.out);
  await mkdir(out, { recursive: true });
  await writeFile(join(out, "engine.json"), `${JSON.stringify({ options, results }, null, 1)}\n`);
  process.stdout.write(`wrote ${join(out, "engine.json")}\n`);
}

async function runOne(
  wanted: Workload,
  options: BenchOptions,
  directory: string,
  signal: AbortSignal,
): Promise<Measurement> {
  const step = streamProgress().step(`${wanted.id}: ${wanted.title}`);
  let cluster: BenchCluster | undefined;
  try {
    step.update("starting a cluster");
    cluster = await startBenchCluster({
      directory,
      root: ROOT,
      taskMs: TASK_MS,
      placement: options.placement,
      ...(wanted.system === "jobs" ? { controller: "kube-controller-manager" as const } : {}),
      progress: silentProgress,
      signal,
    });
    const system = wanted.system === "jobs" ? new JobsSystem(cluster) : await OdinSystem.start(cluster, { root: ROOT });
    try {
      const measurement = await measure(cluster, system, wanted.runs, {
        atOnce: wanted.atOnce,
        timeoutMs: TIMEOUT_MS,
        signal,
        onProgress: (pods) => step.update(`${pods} pods have ended`),
      });
      step.done();
      return measurement;
    } finally {
      await system.stop();
    }
  } catch (error) {
    step.fail("failed");
    throw error;
  } finally {
    await cluster?.stop();
  }
}
