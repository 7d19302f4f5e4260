/**
 * `npm run soak`: ten thousand short runs through one operator process on simulated nodes, and whether anything grows or stays behind. `--help`
 * shows the options.
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { runInterruptibly } from "../../local/interrupt.ts";
import { silentProgress, streamProgress } from "../../local/progress.ts";
import { ROOT } from "../support/documents.ts";
import { startBenchCluster } from "./engine/cluster.ts";
import { tasksOf } from "./engine/graphs.ts";
import { OdinSystem } from "./engine/odin-system.ts";
import { processUsage } from "./engine/process-usage.ts";
import { lineChart } from "./engine/svg.ts";
import { describeMachine, machineText } from "./machine.ts";
import { replaceSection } from "./page-section.ts";
import { parseSoakOptions, SOAK_HELP, type SoakOptions } from "./soak/options.ts";
import { complaintsOf, operatorProbe } from "./soak/probes.ts";
import { processorTime, rest } from "./soak/rests.ts";
import { type SoakCheck, type SoakLeg, type SoakRest, type SoakSample, soakChecks } from "./soak/samples.ts";
import { RunStream, soakRuns } from "./soak/stream.ts";

/** Short, so that what is measured is the operator and not waiting. */
const TASK_MS = [20, 60] as const;
const LOG_LINES = 50;
/** Ended runs stay that long; then the operator deletes them. */
const TTL_SECONDS = 10;
/** Parts of the soak; behind each of them the operator has a rest. */
const LEGS = 4;
/** Lets the operator be told to collect its garbage. */
const COLLECTS_WHEN_TOLD = ["--expose-gc", "--import", join(import.meta.dirname, "soak/collect.js")];

/** All that a soak gives. */
interface SoakResult {
  samples: SoakSample[];
  /** Before the first run. */
  before: SoakRest;
  legs: SoakLeg[];
  checks: SoakCheck[];
}

await runInterruptibly(async (signal) => {
  const options = parseSoakOptions(process.argv.slice(2));
  if (options.help) {
    process.stdout.write(SOAK_HELP);
    return;
  }
  const machine = await describeMachine();
  const directory = await mkdtemp(join(tmpdir(), "odin-soak-"));
  try {
    const result = await soak(options, directory, signal);
    const seconds = result.legs.reduce((sum, leg) => sum + leg.seconds, 0);
    const text = [
      `${machineText(machine)} ${options.runs} runs, ${options.inFlight} under way at a time, in ${Math.round(seconds)} s and ${LEGS} parts.`,
      checkTable(result.checks),
      legTable(result),
    ].join("\n\n");
    await writeResult(options, result, text);
    if (result.checks.some(({ ok }) => ok === false)) process.exitCode = 1;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

async function soak(
  { runs: count, inFlight }: SoakOptions,
  directory: string,
  signal: AbortSignal,
): Promise<SoakResult> {
  const log = join(directory, "log");
  await writeFile(log, logText());
  const step = streamProgress().step(`${count} runs`);
  const cluster = await startBenchCluster({
    directory: join(directory, "cluster"),
    root: ROOT,
    pods: { taskMs: TASK_MS, log },
    placement: "controller",
    progress: silentProgress,
    signal,
  });
  try {
    const operator = await OdinSystem.start(cluster, {
      root: ROOT,
      flags: ["--retry-pause=1", `--run-ttl=${TTL_SECONDS}`, `--store=${join(directory, "store.db")}`],
      nodeFlags: COLLECTS_WHEN_TOLD,
    });
    const pid = operator.pid();
    const stream = await RunStream.start(cluster, operator);
    const probe = operatorProbe(operator);
    const samples: SoakSample[] = [];
    const sample = async (): Promise<void> => {
      const now = await probe(stream.finished);
      samples.push(now);
      const { finished, heapMb, rssMb, sockets } = now;
      step.update(
        `${finished} ended; heap ${heapMb.toFixed(0)} MB, resident ${rssMb.toFixed(0)} MB, ${sockets} sockets`,
      );
    };
    const atRest = async (): Promise<SoakRest> => {
      step.update(`${stream.finished} ended; at rest`);
      return await rest(cluster, operator, probe, stream.finished, signal);
    };
    const before = await atRest();
    const legs: SoakLeg[] = [];
    for (const runs of parts(soakRuns(count), LEGS)) {
      const usedBefore = processorTime(cluster, operator);
      const beganAt = performance.now();
      await stream.send(runs, inFlight, signal, sample);
      const seconds = (performance.now() - beganAt) / 1000;
      const left = await atRest();
      const used = processorTime(cluster, operator);
      legs.push({
        runs: runs.length,
        tasks: tasksOf(runs),
        seconds,
        operatorCpu: used.operator - usedBefore.operator,
        apiServerCpu: used.apiServer - usedBefore.apiServer,
        rest: left,
      });
    }
    await stream.stop();
    step.done();
    const end = {
      unfinished: count - stream.finished + stream.failed.length,
      sameProcess: operator.pid() === pid && processUsage(pid) !== undefined,
      complaints: await complaintsOf(join(directory, "cluster/logs/operator.log")),
    };
    return { samples, before, legs, checks: soakChecks(legs, end) };
  } catch (error) {
    step.fail("failed");
    throw error;
  } finally {
    await cluster.stop();
  }
}

/** The elements in so many parts of the same size, as far as that goes; none is empty. */
function parts<T>(all: readonly T[], count: number): T[][] {
  const size = Math.ceil(all.length / count);
  return Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size));
}

/** What each container has written, as a container runtime keeps it. */
function logText(): string {
  const lines = Array.from(
    { length: LOG_LINES },
    (_, i) => `2026-01-02T03:04:05.${String(i).padStart(9, "0")}Z stdout F epoch ${i}: loss 0.25`,
  );
  return `${lines.join("\n")}\n`;
}

async function writeResult(options: SoakOptions, result: SoakResult, text: string): Promise<void> {
  const { samples } = result;
  const line = (name: string, value: (sample: SoakSample) => number) => ({
    name,
    points: samples.map((sample) => ({ x: sample.finished, y: value(sample) })),
  });
  const plot = lineChart("One operator process over the soak", { x: "runs that have ended", y: "MB, sockets" }, [
    line("resident memory, MB", ({ rssMb }) => rssMb),
    line("heap in use, MB", ({ heapMb }) => heapMb),
    line("sockets", ({ sockets }) => sockets),
  ]);
  const out = resolve(options.out);
  await mkdir(out, { recursive: true });
  await writeFile(join(out, "soak.json"), `${JSON.stringify({ options, ...result }, null, 1)}\n`);
  await writeFile(join(out, "soak.svg"), plot);
  process.stdout.write(`${text}\nwrote ${out}\n`);
  if (!options.write) return;
  await mkdir(join(ROOT, "docs/performance"), { recursive: true });
  await writeFile(join(ROOT, "docs/performance/soak.svg"), plot);
  replaceSection("soak", `${text}\n\n![memory and sockets over the soak](performance/soak.svg)`);
}

function checkTable(checks: readonly SoakCheck[]): string {
  const rows = checks.map(({ what, wanted, measured, ok }) => `| ${what} | ${wanted} | ${measured} | ${verdict(ok)} |`);
  return ["| | wanted | measured | |", "|---|---|---|---|", ...rows].join("\n");
}

/** What each part took, and what the operator held at rest behind it. */
function legTable({ before, legs }: SoakResult): string {
  const held = ({ heapMb, rssMb, sockets }: SoakRest): string =>
    `${heapMb.toFixed(1)} MB | ${rssMb.toFixed(0)} MB | ${sockets}`;
  const rows = legs.map(({ runs, tasks, seconds, operatorCpu, apiServerCpu, rest: left }) => {
    const perThousand = (cpu: number): string => `${((1000 * cpu) / tasks).toFixed(1)} s`;
    const rates = `${(runs / seconds).toFixed(1)} | ${(tasks / seconds).toFixed(1)}`;
    return `| ${left.finished} | ${rates} | ${perThousand(operatorCpu)} | ${perThousand(apiServerCpu)} | ${held(left)} |`;
  });
  const head =
    "| runs ended | runs/s | tasks/s | operator CPU per 1,000 tasks | API server CPU per 1,000 tasks | heap at rest | resident at rest | sockets at rest |";
  return [head, "|---|---|---|---|---|---|---|---|", `| 0 | | | | | ${held(before)} |`, ...rows].join("\n");
}

function verdict(ok: boolean | undefined): string {
  if (ok === undefined) return "too few runs to tell";
  return ok ? "met" : "**missed**";
}
