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
import { OdinSystem } from "./engine/odin-system.ts";
import { lineChart } from "./engine/svg.ts";
import { describeMachine, machineText } from "./machine.ts";
import { replaceSection } from "./page-section.ts";
import { parseSoakOptions, SOAK_HELP, type SoakOptions } from "./soak/options.ts";
import { remains, sampler } from "./soak/probes.ts";
import { type SoakCheck, type SoakSample, soakChecks } from "./soak/samples.ts";
import { RunStream, soakRuns } from "./soak/stream.ts";

/** Short, so that what is measured is the operator and not waiting. */
const TASK_MS = [20, 60] as const;
const LOG_LINES = 50;
/** Ended runs stay that long; then the operator deletes them. */
const TTL_SECONDS = 10;

await runInterruptibly(async (signal) => {
  const options = parseSoakOptions(process.argv.slice(2));
  if (options.help) {
    process.stdout.write(SOAK_HELP);
    return;
  }
  const machine = await describeMachine();
  const directory = await mkdtemp(join(tmpdir(), "odin-soak-"));
  try {
    const { samples, checks } = await soak(options, directory, signal);
    const text = [
      `${machineText(machine)} ${options.runs} runs, ${options.inFlight} under way at a time, in ${Math.round(samples.at(-1)?.seconds ?? 0)} s.`,
      table(checks),
    ].join("\n\n");
    await writeResult(options, samples, checks, text);
    if (checks.some(({ ok }) => ok === false)) process.exitCode = 1;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

async function soak(
  { runs, inFlight }: SoakOptions,
  directory: string,
  signal: AbortSignal,
): Promise<{ samples: SoakSample[]; checks: SoakCheck[] }> {
  const log = join(directory, "log");
  await writeFile(log, logText());
  const step = streamProgress().step(`${runs} runs`);
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
    });
    const pid = operator.pid();
    const stream = new RunStream(cluster, operator);
    const sample = sampler(operator, () => stream.finished);
    await stream.send(soakRuns(runs), inFlight, signal, async () => {
      const { finished, heapMb, rssMb, sockets } = await sample.take();
      step.update(
        `${finished} ended; heap ${heapMb.toFixed(0)} MB, resident ${rssMb.toFixed(0)} MB, ${sockets} sockets`,
      );
    });
    step.update("looking what is left");
    const left = await remains(cluster, operator, directory, signal);
    step.done();
    return {
      samples: sample.samples,
      checks: soakChecks(sample.samples, {
        ...left,
        unfinished: runs - stream.finished + stream.failed.length,
        sameProcess: operator.pid() === pid && left.isRunning,
      }),
    };
  } catch (error) {
    step.fail("failed");
    throw error;
  } finally {
    await cluster.stop();
  }
}

/** What each container has written, as a container runtime keeps it. */
function logText(): string {
  const lines = Array.from(
    { length: LOG_LINES },
    (_, i) => `2026-01-02T03:04:05.${String(i).padStart(9, "0")}Z stdout F epoch ${i}: loss 0.25`,
  );
  return `${lines.join("\n")}\n`;
}

async function writeResult(
  options: SoakOptions,
  samples: readonly SoakSample[],
  checks: readonly SoakCheck[],
  text: string,
): Promise<void> {
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
  await writeFile(join(out, "soak.json"), `${JSON.stringify({ options, checks, samples }, null, 1)}\n`);
  await writeFile(join(out, "soak.svg"), plot);
  process.stdout.write(`${text}\nwrote ${out}\n`);
  if (!options.write) return;
  await mkdir(join(ROOT, "docs/performance"), { recursive: true });
  await writeFile(join(ROOT, "docs/performance/soak.svg"), plot);
  replaceSection("soak", `${text}\n\n![memory and sockets over the soak](performance/soak.svg)`);
}

function table(checks: readonly SoakCheck[]): string {
  const rows = checks.map(({ what, wanted, measured, ok }) => `| ${what} | ${wanted} | ${measured} | ${verdict(ok)} |`);
  return ["| | wanted | measured | |", "|---|---|---|---|", ...rows].join("\n");
}

function verdict(ok: boolean | undefined): string {
  if (ok === undefined) return "too few runs to tell";
  return ok ? "met" : "**missed**";
}
