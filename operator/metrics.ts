import { Counter, Histogram, type Registry } from "prom-client";
import { REASONS } from "../crds/reasons.ts";
import { StartTimes } from "./start-times.ts";

/** Seconds that an object takes to be created, from a millisecond to as long as a quota holds it back. */
const START_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 1800];
const RUN_BUCKETS = [1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 12 * 3600, 24 * 3600, 7 * 24 * 3600];
const PASS_BUCKETS = [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096];
const BYTE_BUCKETS = [256, 1024, 4096, 16384, 65536, 262144, 1048576];

/** What the operator counts; no label names a run, a task or a pod, so that the number of series is bounded. */
export interface Metrics {
  adoptions: Counter;
  /** Runs that ended, in all the ways that dashboards ask for. */
  runsFinished: Counter<"phase">;
  completed: Counter;
  failed: Counter;
  runSeconds: Histogram<"phase">;
  passesOfRun: Histogram;
  statusBytes: Histogram;
  podPhases: Counter<"phase">;
  podWaits: Counter<"reason">;
  podsMissing: Counter;
  attemptsRepeated: Counter<"reason">;
  starts: StartTimes;
  archivedLogs: Counter<"outcome">;
}

export function makeMetrics(registry: Registry): Metrics {
  const registers = [registry];
  const counter = <L extends string = never>(name: string, help: string, labelNames: L[] = []): Counter<L> =>
    new Counter<L>({ name: `odin_${name}`, help, labelNames, registers });
  const histogram = <L extends string = never>(
    name: string,
    help: string,
    buckets: number[],
    labelNames: L[] = [],
  ): Histogram<L> => new Histogram<L>({ name: `odin_${name}`, help, labelNames, buckets, registers });
  const metrics: Metrics = {
    adoptions: counter("adoptions_total", "Objects that were found instead of created, after a restart."),
    runsFinished: counter("total_count", "Runs that ended, by phase.", ["phase"]),
    completed: counter("completed_total", "Runs that ended well."),
    failed: counter("failed_total", "Runs that ended otherwise."),
    runSeconds: histogram("pipelinerun_duration_seconds", "Time from a run's start to its end.", RUN_BUCKETS, [
      "phase",
    ]),
    passesOfRun: histogram("reconciles_per_pipeline", "Looks at a run until its end, by this process.", PASS_BUCKETS),
    statusBytes: histogram("status_bytes", "Size of the patches that write a run's status.", BYTE_BUCKETS),
    podPhases: counter("pods_total_count", "Times that a pod came into a phase.", ["phase"]),
    podWaits: counter("pod_pending_count", "Times that a pod began to wait, by reason.", ["reason"]),
    podsMissing: counter(
      "pod_missing",
      "Pods that a status records and that were not there when they were looked for.",
    ),
    attemptsRepeated: counter(
      "pod_restarts_total",
      "Attempts that were lost or failed and were followed by another, by reason.",
      ["reason"],
    ),
    starts: new StartTimes(
      histogram(
        "task_start_latency_seconds",
        "Stage created: from when a task could start to when its object exists. Stage running: from there to when it runs.",
        START_BUCKETS,
        ["stage"],
      ),
    ),
    archivedLogs: counter(
      "archived_logs_total",
      "Logs that were stored: whole, partial (what was there when the container was stopped), or lost (the reason was stored).",
      ["outcome"],
    ),
  };
  beginAtZero(metrics);
  return metrics;
}

/** A rate is seen only between two values: what is alerted on has its series from the start, so that the first of them counts. */
function beginAtZero({ attemptsRepeated, archivedLogs, runsFinished }: Metrics): void {
  for (const [reason, { class: kind }] of Object.entries(REASONS))
    if (kind === "lost") attemptsRepeated.inc({ reason }, 0);
  for (const outcome of ["whole", "partial", "lost"]) archivedLogs.inc({ outcome }, 0);
  for (const phase of ["DONE", "TERMINATED"]) runsFinished.inc({ phase }, 0);
}
