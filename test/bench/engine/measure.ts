import { setTimeout as delay } from "node:timers/promises";
import { POD } from "../../../kube/core-resources.ts";
import { isKubeError } from "../../../kube/errors.ts";
import { collectionPath, type KubeObject } from "../../../kube/resource.ts";
import { Interrupted } from "../../../local/local-error.ts";
import { AuditTail } from "./audit-tail.ts";
import { type BenchCluster, NAMESPACE } from "./cluster.ts";
import { figuresOf, isNodeReport, isPodCreation, type LogFigures } from "./figures.ts";
import { type BenchRun, podsNeeded } from "./graphs.ts";
import { type ProcessUsage, processUsage } from "./process-usage.ts";
import type { System } from "./system.ts";

/** What the processes used for one load; what is the controller's is NaN where the benchmark itself was in its place. */
export interface Usage {
  /** Processor seconds by process, the controller under test as `controller`. */
  cpuSeconds: Record<string, number>;
  /** Resident memory of the controller before and after the load, and the most it ever had, in bytes. */
  rssBefore: number;
  rssAfter: number;
  peakRss: number;
  /** What the controller wrote and read, in bytes: sockets with TLS and headers, its log, watches included. */
  writtenBytes: number;
  readBytes: number;
  /** Bytes of request bodies by `verb resource`, as the controller counts them. */
  sentBytes: Record<string, number>;
  /** Resident memory of the controller over time. */
  rssSamples: { seconds: number; bytes: number }[];
}

/** One load that was put on one system. */
export interface Measurement extends LogFigures {
  usage: Usage;
  /** Runs that did not end well before the deadline. */
  unfinished: string[];
}

/** When runs are submitted: so many side by side, each when the one before it has ended, or so many a second. */
export type Pace = { atOnce: number } | "one after the other" | { perSecond: number };

/** How a load is put on the system. */
export interface LoadOptions {
  pace: Pace;
  timeoutMs: number;
  signal: AbortSignal;
  /** Called about ten times a second with the number of pods that were created and that have ended. */
  onProgress?: (pods: { created: number; ended: number }) => Promise<void> | void;
}

const LOOK_EVERY_MS = 100;
/** An API server that is killed takes the last lines of its log with it; then the runs themselves are asked, this often. */
const ASK_EVERY_MS = 3_000;
const CONTROL_PLANE = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok"];

/** Submits the runs, waits until they have ended, and reads what it cost. */
export async function measure(
  cluster: BenchCluster,
  system: System,
  runs: readonly BenchRun[],
  o: LoadOptions,
): Promise<Measurement> {
  const tail = new AuditTail(cluster.auditLog);
  try {
    await tail.read();
    const first = tail.events.length;
    const before = await cluster.client.listAll<KubeObject>(collectionPath(POD, NAMESPACE));
    const earlier = new Set(before.items.map(({ metadata }) => metadata.name));
    const usage = await UsageMeter.begin(cluster, system);
    const watch = new PodCount(tail);
    const unfinished = await put(system, runs, watch, usage, o);
    const used = await usage.end();
    const pods = await cluster.client.listAll<KubeObject>(collectionPath(POD, NAMESPACE));
    await tail.read();
    const existing = pods.items.map(({ metadata }) => metadata.name).filter((name) => !earlier.has(name));
    return { ...figuresOf(tail.events.slice(first), runs, system, existing), usage: used, unfinished };
  } finally {
    await tail.close();
  }
}

/** Counts in the audit log how many pods were created and how many have ended: the second thing that a simulated node says of one. */
class PodCount {
  created = 0;
  ended = 0;
  readonly #reports = new Map<string, number>();
  readonly #tail: AuditTail;

  constructor(tail: AuditTail) {
    this.#tail = tail;
  }

  async look(): Promise<void> {
    for (const event of await this.#tail.read()) {
      if (isPodCreation(event)) this.created += 1;
      if (!isNodeReport(event)) continue;
      const reports = (this.#reports.get(event.name) ?? 0) + 1;
      this.#reports.set(event.name, reports);
      if (reports === 2) this.ended += 1;
    }
  }
}

/** Returns the runs that have not ended well when time is up; none, normally. */
async function put(
  system: System,
  runs: readonly BenchRun[],
  watch: PodCount,
  usage: UsageMeter,
  o: LoadOptions,
): Promise<string[]> {
  const deadline = performance.now() + o.timeoutMs;
  const untilEnded = async (submitted: readonly BenchRun[]): Promise<string[]> => {
    const wanted = podsNeeded(submitted);
    let askAgainAt = performance.now() + ASK_EVERY_MS;
    for (let ended = -1; ; ) {
      if (o.signal.aborted) throw new Interrupted();
      system.check();
      await watch.look();
      usage.sample();
      await o.onProgress?.(watch);
      const now = performance.now();
      if (watch.ended !== ended) askAgainAt = now + ASK_EVERY_MS;
      ended = watch.ended;
      if (ended >= wanted || now > askAgainAt || now > deadline) {
        const left = await unfinishedOf(system, submitted);
        if (left.length === 0 || now > deadline) return left;
        if (ended < wanted) askAgainAt = performance.now() + ASK_EVERY_MS;
      }
      await delay(LOOK_EVERY_MS);
    }
  };
  if (o.pace === "one after the other") {
    for (const [index, run] of runs.entries()) {
      await system.submit(run);
      const left = await untilEnded(runs.slice(0, index + 1));
      if (left.length > 0) return left;
    }
    return [];
  }
  const [left] = await Promise.all([untilEnded(runs), submitAll(system, runs, o.pace)]);
  return left;
}

/** While the API server is away nothing is known to have ended. */
async function unfinishedOf(system: System, runs: readonly BenchRun[]): Promise<string[]> {
  try {
    return await system.unfinished(runs);
  } catch (error) {
    if (!isKubeError(error)) throw error;
    return runs.map(({ name }) => name);
  }
}

async function submitAll(system: System, runs: readonly BenchRun[], pace: Exclude<Pace, string>): Promise<void> {
  if ("perSecond" in pace) {
    const beganAt = performance.now();
    const submitted = runs.map(async (run, index) => {
      await delay(beganAt + (1000 * index) / pace.perSecond - performance.now());
      await system.submit(run);
    });
    await Promise.all(submitted);
    return;
  }
  let next = 0;
  const workers = Array.from({ length: pace.atOnce }, async () => {
    for (let run = runs[next++]; run !== undefined; run = runs[next++]) await system.submit(run);
  });
  await Promise.all(workers);
}

/** The difference of the kernel's counters between two moments; a process that was restarted in between counts from its start. */
class UsageMeter {
  readonly #cluster: BenchCluster;
  readonly #system: System;
  readonly #before: Map<string, { pid: number; usage: ProcessUsage | undefined }>;
  readonly #sentBefore: Map<string, number>;
  readonly #samples: { seconds: number; bytes: number }[] = [];
  readonly #beganAt = performance.now();
  /** Last counters of each process of the controller, so that one that was killed is not forgotten. */
  readonly #controllers = new Map<number, ProcessUsage>();

  private constructor(cluster: BenchCluster, system: System, sent: Map<string, number>) {
    this.#cluster = cluster;
    this.#system = system;
    this.#sentBefore = sent;
    this.#before = new Map(this.#pids().map(([name, pid]) => [name, { pid, usage: processUsage(pid) }]));
  }

  static async begin(cluster: BenchCluster, system: System): Promise<UsageMeter> {
    return new UsageMeter(cluster, system, await system.sentBytes());
  }

  sample(): void {
    const pid = this.#system.pid();
    const usage = pid === undefined ? undefined : processUsage(pid);
    if (pid === undefined || usage === undefined) return;
    this.#controllers.set(pid, usage);
    this.#samples.push({ seconds: (performance.now() - this.#beganAt) / 1000, bytes: usage.rssBytes });
  }

  async end(): Promise<Usage> {
    this.sample();
    const cpuSeconds: Record<string, number> = {};
    for (const [name, pid] of this.#pids()) {
      const before = this.#before.get(name);
      const start = before?.pid === pid ? (before.usage?.cpuSeconds ?? 0) : 0;
      cpuSeconds[name] = (processUsage(pid)?.cpuSeconds ?? Number.NaN) - start;
    }
    const before = this.#before.get("controller");
    const used = [...this.#controllers].map(([pid, usage]) => ({
      usage,
      start: before?.pid === pid ? before.usage : undefined,
    }));
    const sum = (of: (usage: ProcessUsage) => number): number =>
      used.length === 0
        ? Number.NaN
        : used.reduce((total, { usage, start }) => total + of(usage) - (start === undefined ? 0 : of(start)), 0);
    cpuSeconds.controller = sum((usage) => usage.cpuSeconds);
    const sent = await this.#system.sentBytes();
    return {
      cpuSeconds,
      rssBefore: before?.usage?.rssBytes ?? Number.NaN,
      rssAfter: this.#samples.at(-1)?.bytes ?? Number.NaN,
      peakRss: used.length === 0 ? Number.NaN : Math.max(...used.map(({ usage }) => usage.peakRssBytes)),
      writtenBytes: sum((usage) => usage.writtenBytes),
      readBytes: sum((usage) => usage.readBytes),
      sentBytes: Object.fromEntries([...sent].map(([key, bytes]) => [key, bytes - (this.#sentBefore.get(key) ?? 0)])),
      rssSamples: this.#samples,
    };
  }

  #pids(): [string, number][] {
    const plane = CONTROL_PLANE.map((name): [string, number] => [name, this.#cluster.component(name).pid]);
    const pid = this.#system.pid();
    return pid === undefined ? plane : [...plane, ["controller", pid]];
  }
}
