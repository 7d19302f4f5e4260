import { Counter, Histogram, type Registry } from "prom-client";

/** What the operator counts; no label names a run, a task or a pod, so that the number of series is bounded. */
export interface Metrics {
  adoptions: Counter;
  runsFinished: Counter<"phase">;
  statusBytes: Histogram;
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
    statusBytes: new Histogram({
      name: "odin_status_patch_bytes",
      help: "Size of the patches that write a run's status.",
      buckets: [256, 1024, 4096, 16384, 65536, 262144, 1048576],
      registers,
    }),
  };
}
