/**
 * `npm run bench:vesta`: what it takes to watch many GPU nodes: processor time, answers meanwhile, and an hour of history. `--help` shows the options.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { KubeConfig } from "@kubernetes/client-node";
import { KubeClient } from "../../kube/client.ts";
import type { ControlPlane } from "../../local/control-plane.ts";
import { runInterruptibly } from "../../local/interrupt.ts";
import { streamProgress } from "../../local/progress.ts";
import { GpuWorld } from "../integration/api/gpu-world.ts";
import { until } from "../support/deadline.ts";
import { send } from "../unit/api/served.ts";
import { type BenchDatabase, makeDatabase } from "./clockwork/database.ts";
import { startBenchPlane } from "./clockwork/facade.ts";
import { describeMachine, machineText } from "./machine.ts";
import { replaceSection } from "./page-section.ts";
import { startWatching, type WatchingFacade } from "./vesta/facade.ts";
import { familyUsage } from "./vesta/family.ts";
import { type FleetProcess, startFleet } from "./vesta/fleet-process.ts";
import { historySize, moveIntoThePast, spansOf } from "./vesta/history.ts";
import { watchMemory } from "./vesta/hour.ts";
import { parseVestaBenchOptions, SPEED, VESTA_BENCH_HELP, type VestaBenchOptions } from "./vesta/options.ts";
import { askSteadily } from "./vesta/paced.ts";
import { type StoreResult, storeText } from "./vesta/table.ts";

const NAMESPACE = "bench";
const WARM_UP_SECONDS = 2;
const THINNED_MS = 600_000;
const DAY_MS = 86_400_000;
/** Beyond this the memory of an hour counts as growing: an eighth of a GB is what the garbage collector leaves lying about between two looks. */
const MOST_LATE_GROWTH_MB = 128;

/** What everything is measured with. */
interface Stage {
  plane: ControlPlane;
  directory: string;
  fleet: FleetProcess;
  world: string;
  options: VestaBenchOptions;
  signal: AbortSignal;
}

await runInterruptibly(async (signal) => {
  const options = parseVestaBenchOptions(process.argv.slice(2));
  if (options.help) {
    process.stdout.write(VESTA_BENCH_HELP);
    return;
  }
  const machine = await describeMachine();
  const directory = await mkdtemp(join(tmpdir(), "odin-bench-"));
  let plane: ControlPlane | undefined;
  let fleet: FleetProcess | undefined;
  try {
    plane = await startBenchPlane(directory, streamProgress(), signal);
    fleet = await startFleet(options.exporters, options.gpus);
    const world = await makeNodes(plane, fleet, options);
    const parts = [
      `${machineText(machine)} ${options.exporters} exporters of ${options.gpus} GPUs, ${options.clients} connections that ask ${options.rate} times a second together, ${options.seconds} s for each number.`,
    ];
    for (const kind of options.stores) {
      const database = await makeDatabase(kind, directory);
      try {
        const result = await measure({ plane, directory, fleet, world, options, signal }, database);
        complain(result, options);
        parts.push(storeText(result));
        process.stdout.write(`${parts.at(-1)}\n`);
      } finally {
        await database.close();
      }
    }
    const text = parts.join("\n\n");
    process.stdout.write(`${text}\n`);
    if (options.write) replaceSection("bench:vesta", text);
  } finally {
    await fleet?.stop();
    await plane?.stop();
    await rm(directory, { recursive: true, force: true });
  }
});

async function makeNodes(plane: ControlPlane, fleet: FleetProcess, { gpus }: VestaBenchOptions): Promise<string> {
  const step = streamProgress().step(`Making ${fleet.addresses.length} nodes`);
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromFile(plane.kubeconfig);
  const client = new KubeClient({ kubeConfig, userAgent: "odin-bench" });
  try {
    // Nobody else makes it where no controllers run, and no pod is taken without it.
    const account = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "default" } };
    await client.create(`/api/v1/namespaces/${NAMESPACE}/serviceaccounts`, account);
    const world = new GpuWorld(client, NAMESPACE);
    await world.createFleet(fleet.addresses, gpus);
    step.done();
    return world.id;
  } finally {
    client.close();
  }
}

async function measure(stage: Stage, database: BenchDatabase): Promise<StoreResult> {
  const { parts } = stage.options;
  const result: StoreResult = { title: database.title };
  if (parts.includes("scraping") || parts.includes("requests")) {
    const facade = await start(stage, database, {});
    try {
      if (parts.includes("scraping")) result.scraping = await measureScraping(stage, facade);
      if (parts.includes("requests")) result.requests = await measureRequests(stage, facade);
    } finally {
      await facade.stop();
    }
  }
  if (parts.includes("hour")) result.hour = await measureHour(stage, database);
  return result;
}

function start(
  { plane, directory, world, options }: Stage,
  database: BenchDatabase,
  environment: Record<string, string>,
): Promise<WatchingFacade> {
  const fleet = { world, exporters: options.exporters, gpus: options.gpus };
  return startWatching(plane, directory, fleet, { ...database.environment, ...environment });
}

async function measureScraping(
  { fleet, options, signal }: Stage,
  facade: WatchingFacade,
): Promise<NonNullable<StoreResult["scraping"]>> {
  // No less than four rounds, or chance would say how many scrapes are among them.
  const wanted = Math.max(60, options.seconds);
  const before = { own: familyUsage(facade.pid), fleet: familyUsage(fleet.pid), scrapes: await scrapesOf(facade) };
  const begin = performance.now();
  await sleep(wanted * 1000, undefined, { signal });
  const seconds = (performance.now() - begin) / 1000;
  const own = familyUsage(facade.pid);
  return {
    seconds,
    cpuSeconds: own.cpuSeconds - before.own.cpuSeconds,
    fleetCpuSeconds: familyUsage(fleet.pid).cpuSeconds - before.fleet.cpuSeconds,
    scrapes: (await scrapesOf(facade)) - before.scrapes,
    residentMb: own.residentMb,
  };
}

/** Good scrapes so far, by the API's own counters. */
async function scrapesOf({ port }: WatchingFacade): Promise<number> {
  const { text } = await send(port, "GET", "/metrics");
  const counts = text.matchAll(/^odin_gpu_scrapes_total\{[^}]*result="ok"[^}]*\} (\d+)/gm);
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}

async function measureRequests(
  { options }: Stage,
  { port, pid }: WatchingFacade,
): Promise<NonNullable<StoreResult["requests"]>> {
  const [host = ""] = Object.keys((await send(port, "GET", "/states/")).json);
  const questions = [
    ["all hosts", "/states/"],
    ["the table", "/?term=true"],
    ["the details", "/?term=true&detail=true"],
    ["the page", "/"],
    ["one host's history", `/states/${host}/?fetch_num=-1`],
  ] as const;
  const found: { title: string; path: string; cpuMs: number; result: Awaited<ReturnType<typeof askSteadily>> }[] = [];
  for (const [title, path] of questions) {
    await askSteadily(port, path, { ...options, seconds: WARM_UP_SECONDS });
    const before = familyUsage(pid).cpuSeconds;
    const result = await askSteadily(port, path, options);
    const cpuMs = (1000 * (familyUsage(pid).cpuSeconds - before)) / Math.max(1, result.requests);
    found.push({ title, path: path.replace(host, "<host>"), cpuMs, result });
  }
  return found;
}

/** Plays so many minutes, then moves what they left into the past and waits until it is thinned out. */
async function measureHour(stage: Stage, database: BenchDatabase): Promise<NonNullable<StoreResult["hour"]>> {
  const { options, signal } = stage;
  const fast = { ODIN_GPU_INTERVAL: String(15 / SPEED), VESTA_SAVE_INTERVAL: String(60 / SPEED) };
  const facade = await start(stage, database, fast);
  const course = await watchMemory(facade.pid, (60 * options.minutes) / SPEED, signal).finally(() => facade.stop());
  const now = Date.now();
  const played = await historySize(database.sql, now);
  await moveIntoThePast(database.sql, now);
  // The newest row of a host always stays, whatever it is beside.
  const most = (await spansOf(database.sql, now - DAY_MS)) + options.exporters;
  const later = await start(stage, database, {});
  try {
    const thinned = await until(() => historySize(database.sql, now - DAY_MS), THINNED_MS, {
      describe: "the history is thinned out",
      accept: ({ rows }) => rows <= most,
      everyMs: 2_000,
    });
    return { minutes: options.minutes, course, played, thinned };
  } finally {
    await later.stop();
  }
}

function complain({ title, requests = [], hour }: StoreResult, { exporters }: VestaBenchOptions): void {
  const complaints = requests
    .filter(({ result }) => result.errors > 0 || result.requests === 0)
    .map(({ path, result }) => `${path}: ${result.errors} requests were refused or broke off`);
  if (hour !== undefined && hour.course.lateGrowthMb > MOST_LATE_GROWTH_MB)
    complaints.push(`memory grew by ${hour.course.lateGrowthMb.toFixed(0)} MB in the second half of the time`);
  if (hour !== undefined && hour.played.rows < exporters) complaints.push(`only ${hour.played.rows} rows were written`);
  for (const complaint of complaints) process.stderr.write(`missed: ${title}: ${complaint}\n`);
  if (complaints.length > 0) process.exitCode = 1;
}
