import { Counter, Histogram, type Registry } from "prom-client";

/** What the operator counts; no label names a run, a task or a pod, so that the number of series is bounded. */
export interface Metrics {
  adoptions: Counter;
  runsFinished: Counter<"phase">;
  statusBytes: Histogram;
  archivedLogs: Counter<"outcome">;
}

export function makeMetrics(registry: Registry): Metrics {
  const registers = [registry];
  return {
    adoptions: new Counter({
      name: "odin_adoptions_total",
      help: "Pods that were found instead of created, after a restart.",
      registers,
    }),
    runsFinished: new Counter({
      name: "odin_runs_finished_total",
      help: "Runs that ended, by phase.",
      labelNames: ["phase"],
      registers,
    }),
    archivedLogs: new Counter({
      name: "odin_archived_logs_total",
      help: "Logs that were stored: whole, partial (what was there when the container was stopped), or lost (the reason was stored).",
      labelNames: ["outcome"],
      registers,
    }),
    statusBytes: new Histogram({
      name: "odin_status_patch_bytes",
      help: "Size of the patches that write a run's status.",
      buckets: [256, 1024, 4096, 16384, 65536, 262144, 1048576],
      registers,
    }),
  };
}
