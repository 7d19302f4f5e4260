import { Gauge, type Registry } from "prom-client";
import type { CachedRun } from "./cached-run.ts";
import type { CachedPod } from "./kinds/pod-state.ts";
import { LargestRun } from "./largest-run.ts";
import { reasonLabel } from "./reason-label.ts";
import { WaitTimes } from "./wait-times.ts";

/** A picture is good for so long: all gauges of one scrape show the same. */
const GOOD_FOR_MS = 500;

/** What is counted. */
export interface Counted {
  runs: { list(): Iterable<CachedRun> };
  pods: { list(): Iterable<CachedPod> };
}

interface Picture {
  runs: Map<string, number>;
  pods: Map<string, number>;
  waiting: Map<string, number>;
  longestWaits: ReadonlyMap<string, number>;
  largestRunBytes: number;
}

/** What is remembered from one picture to the next. */
interface Memory {
  waits: WaitTimes;
  largest: LargestRun;
}

/**
 * Gauges of what is there now: runs and pods by phase, and what tasks wait for, counted from the caches when they are scraped. Each process counts the
 * runs that it acts on, so that sums over all processes are right.
 */
export function registerRunGauges(registry: Registry, caches: Counted, owns: (run: string) => boolean): void {
  const memory: Memory = { waits: new WaitTimes(), largest: new LargestRun() };
  let picture: Picture | undefined;
  let takenMs = Number.NEGATIVE_INFINITY;
  const look = (): Picture => {
    if (picture === undefined || performance.now() - takenMs > GOOD_FOR_MS) {
      picture = pictureOf(caches, owns, memory);
      takenMs = performance.now();
    }
    return picture;
  };
  const gauge = <L extends string>(
    name: string,
    help: string,
    labelNames: L[],
    read: (gauge: Gauge<L>) => void,
  ): void => {
    new Gauge<L>({
      name: `odin_${name}`,
      help,
      labelNames,
      registers: [registry],
      collect() {
        this.reset();
        read(this);
      },
    });
  };
  gauge("gauge", "Runs by phase; `PENDING` has not been looked at yet.", ["phase"], (shown) => {
    for (const [phase, count] of look().runs) shown.set({ phase }, count);
  });
  gauge("running_pipelineruns", "Runs that go on.", [], (shown) => shown.set(look().runs.get("RUNNING") ?? 0));
  gauge("pods_gauge", "Pods of runs by phase.", ["phase"], (shown) => {
    for (const [phase, count] of look().pods) shown.set({ phase }, count);
  });
  gauge("pods_waiting", "Tasks that wait, or whose pod does, by reason.", ["reason"], (shown) => {
    for (const [reason, count] of look().waiting) shown.set({ reason }, count);
  });
  gauge(
    "pods_waiting_longest_seconds",
    "Seconds for which the task that waits longest has been seen to, by reason; reasons that the run itself or a limit of odin's own gives are left out.",
    ["reason"],
    (shown) => {
      for (const [reason, seconds] of look().longestWaits) shown.set({ reason }, seconds);
    },
  );
  gauge("largest_run_bytes", "Size of the object of the run with the most tasks of those that go on.", [], (shown) =>
    shown.set(look().largestRunBytes),
  );
  gauge("running_taskruns_throttled_by_quota", "Tasks that a ResourceQuota holds back.", [], (shown) =>
    shown.set(look().waiting.get("QuotaExceeded") ?? 0),
  );
  gauge("running_taskruns_throttled_by_node", "Tasks whose pod no node can take.", [], (shown) =>
    shown.set(look().waiting.get("Unschedulable") ?? 0),
  );
}

function pictureOf(caches: Counted, owns: (run: string) => boolean, { waits, largest }: Memory): Picture {
  const runs = new Map<string, number>();
  const pods = new Map<string, number>();
  const waiting = new Map<string, number>();
  const add = (counts: Map<string, number>, key: string): void => {
    counts.set(key, (counts.get(key) ?? 0) + 1);
  };
  const nowMs = performance.now();
  waits.begin(nowMs);
  largest.begin();
  for (const { metadata, active, phase } of caches.runs.list()) {
    if (!owns(`${metadata.namespace}/${metadata.name}`)) continue;
    add(runs, phase ?? "PENDING");
    if (active === undefined) continue;
    largest.look(active);
    for (const [task, { state, reason, attempt }] of Object.entries(active.status?.tasks ?? {}))
      if (reason !== undefined && (state === "waiting" || state === "executing")) {
        const label = reasonLabel(reason);
        add(waiting, label);
        waits.seen(label, `${metadata.uid} ${task} ${attempt ?? 1}`);
      }
  }
  for (const { metadata, run, state } of caches.pods.list())
    if (run !== undefined && owns(`${metadata.namespace}/${run.name}`)) add(pods, state.phase);
  return { runs, pods, waiting, longestWaits: waits.longestSeconds(), largestRunBytes: largest.bytes() };
}
