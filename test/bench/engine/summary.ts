import { median } from "./distribution.ts";
import { totalOf } from "./figures.ts";
import { sustainedRate } from "./ramp.ts";
import type { Outcome } from "./scenario.ts";

/** The figures of one workload: medians over its repetitions; NaN where it has no such figure. */
export interface Summary {
  repeats: number;
  tasks: number;
  tasksPerSecond: number;
  levelP50Ms: number;
  levelP99Ms: number;
  startP50Ms: number;
  startP99Ms: number;
  requestsPerTask: number;
  getsPerTask: number;
  /** By `verb resource/subresource`. */
  requestsByName: Record<string, number>;
  bodyBytesPerTask: number;
  /** By `verb resource`. */
  bodyBytesByName: Record<string, number>;
  writtenBytesPerTask: number;
  readBytesPerTask: number;
  /** Seconds of processor time for 1,000 tasks. */
  controllerCpu: number;
  apiServerCpu: number;
  othersCpu: number;
  peakRssMb: number;
  rssGrowthMb: number;
  readySeconds: number;
  recoverySeconds: number;
  sustainedRunsPerSecond: number;
  largestRunKb: number;
  /** Sums over all repetitions, for one of them would be one too many. */
  lost: number;
  doubled: number;
  unfinished: number;
}

/** Takes the median of each figure over all repetitions of a workload. */
export function summarize(outcomes: readonly Outcome[]): Summary {
  const of = (figure: (outcome: Outcome) => number | undefined): number =>
    median(outcomes.map(figure).filter((value) => value !== undefined));
  const sum = (figure: (outcome: Outcome) => number): number =>
    outcomes.reduce((total, outcome) => total + figure(outcome), 0);
  const perTask = (figure: (outcome: Outcome) => number): number =>
    of((outcome) => figure(outcome) / outcome.measurement.tasks);
  const cpu = (names: readonly string[]): number =>
    1000 * perTask(({ measurement: { usage } }) => names.reduce((all, name) => all + (usage.cpuSeconds[name] ?? 0), 0));
  return {
    repeats: outcomes.length,
    tasks: of(({ measurement }) => measurement.tasks),
    tasksPerSecond: of(({ measurement }) => measurement.tasksPerSecond),
    levelP50Ms: of(({ measurement }) => measurement.levelUs?.p50) / 1000,
    levelP99Ms: of(({ measurement }) => measurement.levelUs?.p99) / 1000,
    startP50Ms: of(({ measurement }) => measurement.startUs?.p50) / 1000,
    startP99Ms: of(({ measurement }) => measurement.startUs?.p99) / 1000,
    requestsPerTask: perTask(({ measurement }) => totalOf(measurement.requests)),
    getsPerTask: perTask(({ measurement }) => totalOf(only(measurement.requests, (name) => name.startsWith("get ")))),
    requestsByName: byName(outcomes, ({ measurement }) => measurement.requests),
    bodyBytesPerTask: perTask(({ measurement: { usage } }) => totalOf(usage.sentBytes)),
    bodyBytesByName: byName(outcomes, ({ measurement: { usage } }) => usage.sentBytes),
    writtenBytesPerTask: perTask(({ measurement: { usage } }) => usage.writtenBytes),
    readBytesPerTask: perTask(({ measurement: { usage } }) => usage.readBytes),
    controllerCpu: cpu(["controller"]),
    apiServerCpu: cpu(["kube-apiserver"]),
    othersCpu: cpu(["etcd", "kube-scheduler", "kwok"]),
    peakRssMb: of(({ measurement: { usage } }) => usage.peakRss) / 1e6,
    rssGrowthMb: perTask(({ measurement: { usage } }) => usage.rssAfter - usage.rssBefore) / 1000,
    readySeconds: of(({ readySeconds }) => readySeconds),
    recoverySeconds: of(({ recoverySeconds }) => recoverySeconds),
    sustainedRunsPerSecond: of(({ steps }) => (steps === undefined ? undefined : sustainedRate(steps))),
    largestRunKb: of(({ largestRunBytes }) => largestRunBytes) / 1000,
    lost: sum(({ measurement }) => measurement.lost.length),
    doubled: sum(({ measurement }) => measurement.doubled.length),
    unfinished: sum(({ measurement }) => measurement.unfinished.length),
  };
}

function only(counts: Record<string, number>, accept: (name: string) => boolean): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).filter(([name]) => accept(name)));
}

/** For each name the median of how many there were for a task. */
function byName(
  outcomes: readonly Outcome[],
  counts: (outcome: Outcome) => Record<string, number>,
): Record<string, number> {
  const names = new Set(outcomes.flatMap((outcome) => Object.keys(counts(outcome))));
  const entries = [...names].sort().map((name): [string, number] => {
    const values = outcomes.map((outcome) => (counts(outcome)[name] ?? 0) / outcome.measurement.tasks);
    return [name, median(values)];
  });
  return Object.fromEntries(entries.filter(([, value]) => value > 0));
}
