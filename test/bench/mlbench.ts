/**
 * `npm run bench:mlbench`: how fast metrics are posted to the MLBench API, that none is lost, and what reading them takes. `--help` shows the options.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ControlPlane } from "../../local/control-plane.ts";
import { runInterruptibly } from "../../local/interrupt.ts";
import { freePorts } from "../../local/ports.ts";
import { streamProgress } from "../../local/progress.ts";
import { until } from "../support/deadline.ts";
import { OdinProcess } from "../support/odin-process.ts";
import { send, sendJson } from "../unit/api/served.ts";
import { type BenchDatabase, makeDatabase } from "./clockwork/database.ts";
import { startBenchPlane } from "./clockwork/facade.ts";
import { describeMachine, machineText } from "./machine.ts";
import { fillRun, type LargeRead, readLargeRun } from "./mlbench/large-run.ts";
import { MLBENCH_BENCH_HELP, type MlbenchBenchOptions, parseMlbenchBenchOptions } from "./mlbench/options.ts";
import { type PostResult, post, withBareEcho } from "./mlbench/posts.ts";
import { replaceSection } from "./page-section.ts";

const READY_MS = 180_000;
/** The first thousands of posts take two or three times the processor that later ones take, until the code is compiled; both servers get the same. */
const WARM_UP_SECONDS = 5;
const PATH = "/api/metrics/";
/** Points a second that lists have to come to. */
const LEAST_POINTS = 10_000;
const READS = ["", "last_n=10", "summarize=100", "metric_filter=single&summarize=100&last_n=10"];

await runInterruptibly(async (signal) => {
  const options = parseMlbenchBenchOptions(process.argv.slice(2));
  if (options.help) {
    process.stdout.write(MLBENCH_BENCH_HELP);
    return;
  }
  const machine = await describeMachine();
  const directory = await mkdtemp(join(tmpdir(), "odin-bench-"));
  let plane: ControlPlane | undefined;
  let database: BenchDatabase | undefined;
  try {
    database = await makeDatabase(options.store, directory);
    plane = await startBenchPlane(directory, streamProgress(), signal);
    const result = await measure(plane, directory, options, database);
    const text = `${machineText(machine)} Store: ${database.title}. ${options.clients} connections, ${options.seconds} s for each row.\n\n${tableOf(result, options)}`;
    process.stdout.write(`${text}\n`);
    complain(result);
    if (options.write) replaceSection("bench:mlbench", text);
  } finally {
    await plane?.stop();
    await database?.close();
    await rm(directory, { recursive: true, force: true });
  }
});

interface Result {
  single: PostResult;
  bare: PostResult;
  bulk: PostResult;
  /** Points that are stored, those of the warm-up included, and how many were acknowledged. */
  stored: number;
  acknowledged: number;
  errors: number;
  reads: { query: string; ms: number; bytes: number }[];
  large: LargeRead[];
}

async function measure(
  plane: ControlPlane,
  directory: string,
  options: MlbenchBenchOptions,
  database: BenchDatabase,
): Promise<Result> {
  const { clients, seconds } = options;
  const [port = 0] = await freePorts(1);
  const api = new OdinProcess("api", {
    KUBECONFIG: plane.kubeconfig,
    ODIN_NAMESPACE: "bench",
    ODIN_SECRET: "the secret of a measurement, of no use elsewhere",
    ODIN_LISTEN: `127.0.0.1:${port}`,
    ODIN_LOG_LEVEL: "warn",
    ODIN_FS_ROOT: join(directory, "pipelines"),
    ODIN_DATA_PATH: join(directory, "data"),
    ...database.environment,
    MLBENCH_NAMESPACE: "bench",
  });
  try {
    const isReady = async (): Promise<boolean> => (await send(port, "GET", "/api/runs/")).status === 200;
    await until(() => isReady().catch(() => false), READY_MS, { describe: "the API is ready" });
    const run = await makeRun(port, "bench");
    const posts = { path: PATH, clients, run };
    const warmed = await post(port, { ...posts, seconds: WARM_UP_SECONDS, points: 1 });
    const single = await post(port, { ...posts, seconds, points: 1 });
    const bare = await withBareEcho(async (barePort) => {
      await post(barePort, { ...posts, seconds: WARM_UP_SECONDS, points: 1 });
      return await post(barePort, { ...posts, seconds, points: 1 });
    });
    const bulk = await post(port, { ...posts, seconds, points: options.points });
    const stored = await storedOf(port, run);
    const reads: Result["reads"] = [];
    for (const query of READS) {
      const before = performance.now();
      const { text } = await send(port, "GET", `/api/metrics/${run}/?metric_type=run&${query}`);
      reads.push({ query, ms: performance.now() - before, bytes: text.length });
    }
    const large: LargeRead[] = [];
    if (options.entries > 0) {
      const largeRun = await makeRun(port, "large");
      await fillRun(port, largeRun, options.entries);
      large.push(...(await readLargeRun(port, api.pid, largeRun)));
    }
    const acknowledged = warmed.points + single.points + bulk.points;
    const errors = warmed.errors + single.errors + bulk.errors;
    return { single, bare, bulk, stored, acknowledged, errors, reads, large };
  } catch (error) {
    process.stderr.write(api.output.slice(-5_000));
    throw error;
  } finally {
    await api.end("SIGTERM");
  }
}

async function makeRun(port: number, name: string): Promise<number> {
  const created = await sendJson(port, "POST", "/api/runs/", {
    ...{ name, num_workers: 1, num_cpus: 0, image_name: "custom_image" },
    ...{ custom_image_name: "example/image:1", custom_image_command: "/run" },
  });
  if (created.status !== 201) throw new Error(`the run was not made: ${created.text}`);
  return Number(created.json.id);
}

/** Counts the entries of both metrics in one answer, which is how anybody would find them. */
async function storedOf(port: number, run: number): Promise<number> {
  const { json } = await send(port, "GET", `/api/metrics/${run}/?metric_type=run`);
  return Object.values(json).reduce<number>((sum, entries) => sum + (entries as unknown[]).length, 0);
}

function tableOf(
  { single, bare, bulk, stored, acknowledged, reads, large }: Result,
  { points, entries }: MlbenchBenchOptions,
): string {
  const row = (what: string, { postsPerSecond, pointsPerSecond, p50Ms, p99Ms }: PostResult): string =>
    `| ${what} | ${Math.round(postsPerSecond)} | ${Math.round(pointsPerSecond)} | ${p50Ms.toFixed(1)} / ${p99Ms.toFixed(1)} |`;
  const share = Math.round((100 * single.postsPerSecond) / bare.postsPerSecond);
  return `| posts | posts/s | points/s | p50 / p99 ms |
|---|---|---|---|
${row("one point each", single)}
${row("the same to a bare Koa server", bare)}
${row(`${points} points each`, bulk)}

Single posts reach ${share} % of the bare server's rate. Of ${acknowledged} points that were acknowledged ${stored} are stored.

| reading ${stored} points | ms | KB |
|---|---|---|
${reads.map(({ query, ms, bytes }) => `| ${query === "" ? "all" : `\`${query}\``} | ${Math.round(ms)} | ${(bytes / 1024).toFixed(1)} |`).join("\n")}${large.length === 0 ? "" : largeTable(large, entries)}`;
}

function largeTable(large: readonly LargeRead[], entries: number): string {
  return `

| one run of ${entries} entries | MB | s | API's memory before / most, MB | answers to others meanwhile | p95 / slowest, ms |
|---|---|---|---|---|---|
${large
  .map(
    ({ what, megabytes, seconds, beforeMb, mostMb, others }) =>
      `| ${what} | ${megabytes.toFixed(1)} | ${seconds.toFixed(1)} | ${Math.round(beforeMb)} / ${Math.round(mostMb)} | ${others.count} | ${Math.round(others.p95Ms)} / ${Math.round(others.mostMs)} |`,
  )
  .join("\n")}`;
}

function complain({ bulk, stored, acknowledged, errors }: Result): void {
  if (stored !== acknowledged) process.stderr.write(`acknowledged ${acknowledged}, stored ${stored}\n`);
  if (errors > 0) process.stderr.write(`${errors} posts were refused or broke off\n`);
  if (bulk.pointsPerSecond < LEAST_POINTS) process.stderr.write(`fewer than ${LEAST_POINTS} points a second\n`);
  if (stored !== acknowledged || errors > 0 || bulk.pointsPerSecond < LEAST_POINTS) process.exitCode = 1;
}
