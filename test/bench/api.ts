/**
 * `npm run bench:api`: how fast the REST API lists runs. Starts an API server, puts 2,000 runs with statuses into it, starts the
 * facade in a process of its own and loads GET /v1/pipelines with 200 keep-alive clients, beside a bare Koa server that returns
 * the same number of bytes. Writes the numbers into docs/performance.md. Exit status 1 if a target is missed.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { KubeConfig } from "@kubernetes/client-node";
import { KubeClient } from "../../kube/client.ts";
import { run } from "../../local/command.ts";
import { type ControlPlane, startControlPlane } from "../../local/control-plane.ts";
import { runInterruptibly } from "../../local/interrupt.ts";
import { freePorts } from "../../local/ports.ts";
import { streamProgress } from "../../local/progress.ts";
import { until } from "../support/deadline.ts";
import { ROOT } from "../support/documents.ts";
import { OdinProcess } from "../support/odin-process.ts";
import { installDefinitions } from "./definitions.ts";
import { type LoadResult, load, withBareServer } from "./load.ts";
import { benchRun, createRuns, writeStatus } from "./many-runs.ts";
import { type Measured, writeTable } from "./performance-page.ts";
import { requestsByFacade } from "./requests-by-facade.ts";

const RUNS = 2000;
const CLIENTS = 200;
const SECONDS = 10;
const WARM_UP_SECONDS = 2;
const CHANGES_PER_SECOND = 20;
const NAMESPACE = "bench";
const READY_MS = 120_000;
/** The 99th percentile of the event loop's delay must stay below this. */
const MOST_LOOP_DELAY_MS = 50;

const SCENARIOS = [
  { name: "every run (`?q=bench-`, 1,000 of 2,000 in the reply)", query: "?q=bench-", changes: 0 },
  {
    name: `every run, while ${CHANGES_PER_SECOND} runs a second change`,
    query: "?q=bench-",
    changes: CHANGES_PER_SECOND,
  },
  { name: "one run (`?q=<id>`)", query: `?q=${benchRun(1234)}`, changes: 0 },
];

await runInterruptibly(async (signal) => {
  const directory = await mkdtemp(join(tmpdir(), "odin-bench-"));
  let plane: ControlPlane | undefined;
  try {
    plane = await startControlPlane({
      dir: join(directory, "api"),
      progress: streamProgress(),
      auditLog: true,
      signal,
    });
    const measured = await measureAll(plane, directory, signal);
    writeTable(measured, { runs: RUNS, clients: CLIENTS, processors: cpus().length });
    report(measured);
  } finally {
    await plane?.stop();
    await rm(directory, { recursive: true, force: true });
  }
});

async function measureAll(plane: ControlPlane, directory: string, signal: AbortSignal): Promise<Measured[]> {
  await prepare(plane, signal);
  const client = clientOf(plane);
  const [port = 0] = await freePorts(1);
  const facade = new OdinProcess("api", {
    KUBECONFIG: plane.kubeconfig,
    ODIN_NAMESPACE: NAMESPACE,
    ODIN_SECRET: "the secret of a measurement, of no use elsewhere",
    ODIN_LISTEN: `127.0.0.1:${port}`,
    ODIN_LOG_LEVEL: "warn",
    ODIN_FS_ROOT: join(directory, "pipelines"),
    ODIN_DATA_PATH: join(directory, "data"),
  });
  try {
    const ready = async (): Promise<boolean> => (await fetch(`http://127.0.0.1:${port}/readyz`)).ok;
    await until(ready, READY_MS, { describe: "the facade is ready" });
    const before = await requestsByFacade(plane.auditLog ?? "");
    const measured: Measured[] = [];
    for (const scenario of SCENARIOS) measured.push(await measure(client, port, scenario));
    const after = await requestsByFacade(plane.auditLog ?? "");
    return measured.map((one) => ({ ...one, readsOfApiServer: after - before }));
  } catch (error) {
    process.stderr.write(facade.output.slice(-5000));
    throw error;
  } finally {
    await facade.end("SIGTERM");
    client.close();
  }
}

async function prepare(plane: ControlPlane, signal: AbortSignal): Promise<void> {
  await installDefinitions(plane, ROOT, signal);
  await run(plane.kubectl, ["create", "namespace", NAMESPACE], {
    env: { ...process.env, KUBECONFIG: plane.kubeconfig },
    signal,
  });
  const client = clientOf(plane);
  process.stdout.write(`Creating ${RUNS} runs\n`);
  await createRuns(client, NAMESPACE, RUNS);
  client.close();
}

function clientOf(plane: ControlPlane): KubeClient {
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromFile(plane.kubeconfig);
  return new KubeClient({ kubeConfig, userAgent: "odin-bench" });
}

async function measure(client: KubeClient, port: number, scenario: (typeof SCENARIOS)[number]): Promise<Measured> {
  const path = `/v1/pipelines${scenario.query}`;
  const bytes = (await (await fetch(`http://127.0.0.1:${port}${path}`)).arrayBuffer()).byteLength;
  process.stdout.write(`${scenario.name}: ${bytes} bytes\n`);
  await load(port, path, CLIENTS, WARM_UP_SECONDS);
  // Reading the metrics begins a new measurement of the event loop's delay.
  const before = await ownMetrics(port);
  const stopChanges = keepChanging(client, scenario.changes);
  const facade = await load(port, path, CLIENTS, SECONDS);
  const after = await ownMetrics(port);
  await stopChanges();
  const bare = await withBareServer(bytes, async (barePort) => {
    await load(barePort, "/", CLIENTS, WARM_UP_SECONDS);
    return await load(barePort, "/", CLIENTS, SECONDS);
  });
  return {
    name: scenario.name,
    bytes,
    facade: checked(facade),
    bare: checked(bare),
    loopDelayMs: after.loopDelayMs,
    cpuMs: (1000 * (after.cpuSeconds - before.cpuSeconds)) / facade.requests,
  };
}

function checked(result: LoadResult): LoadResult {
  if (result.errors > 0 || result.requests === 0) throw new Error(`the clients failed: ${JSON.stringify(result)}`);
  return result;
}

/** What the facade tells of itself: processor time so far, and the 99th percentile of its event loop's delay since the last call. */
async function ownMetrics(port: number): Promise<{ loopDelayMs: number; cpuSeconds: number }> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const metric = (name: string): number => {
    const value = new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1];
    if (value === undefined) throw new Error(`the facade's metrics have no ${name}`);
    return Number(value);
  };
  return {
    loopDelayMs: 1000 * metric("nodejs_eventloop_lag_p99_seconds"),
    cpuSeconds: metric("process_cpu_seconds_total"),
  };
}

/** Writes statuses at a steady rate until the returned function is called. */
function keepChanging(client: KubeClient, perSecond: number): () => Promise<void> {
  if (perSecond === 0) return async () => {};
  const writes: Promise<void>[] = [];
  const timer = setInterval(() => {
    const index = writes.length % RUNS;
    writes.push(writeStatus(client, NAMESPACE, index, `change ${writes.length}`));
  }, 1000 / perSecond);
  return async () => {
    clearInterval(timer);
    await Promise.all(writes);
  };
}

function report(measured: readonly Measured[]): void {
  for (const { name, loopDelayMs: delay, readsOfApiServer } of measured) {
    if (delay >= MOST_LOOP_DELAY_MS) {
      process.exitCode = 1;
      process.stdout.write(
        `missed: ${name}: event loop delay p99 ${delay.toFixed(1)} ms, must be < ${MOST_LOOP_DELAY_MS}\n`,
      );
    }
    if (readsOfApiServer !== 0) {
      process.exitCode = 1;
      process.stdout.write(`missed: ${readsOfApiServer} reads reached the API server, must be 0\n`);
    }
  }
}
