import type { Row } from "../panel.ts";
import { BY_REASON, quantiles, timeseries } from "../panel-kinds.ts";

/** What users see of the operator: their runs, and what these wait for. */
export const RUNS: Row = {
  title: "Runs",
  panels: [
    timeseries(
      "Runs by phase",
      "short",
      "Runs whose object is there. PENDING has not been looked at yet: it should not stay.",
      "sum by (phase) (odin_gauge{$of})",
      "{{phase}}",
      { stacked: true },
    ),
    timeseries(
      "Runs that ended, per minute",
      "short",
      "TERMINATED are those that failed, were cancelled or ran out of time.",
      "sum by (phase) (rate(odin_total_count{$of}[$__rate_interval])) * 60",
      "{{phase}}",
    ),
    quantiles("Duration of runs", "From start to end, by phase.", "odin_pipelinerun_duration_seconds", "phase"),
    timeseries(
      "Pods by phase",
      "short",
      "Pods of runs that are there now.",
      "sum by (phase) (odin_pods_gauge{$of})",
      "{{phase}}",
      { stacked: true },
    ),
    timeseries(
      "What tasks wait for",
      "short",
      "Tasks by the reason of their wait; the reference of reasons explains each.",
      "sum by (reason) (odin_pods_waiting{$of})",
      BY_REASON,
      { stacked: true, emptyBecause: "nothing waits" },
    ),
    timeseries(
      "Longest wait",
      "s",
      "For how long one task at least has waited, by reason. Waits for the run's own tasks and limits are left out.",
      "max by (reason) (odin_pods_waiting_longest_seconds{$of})",
      BY_REASON,
      { emptyBecause: "nothing waits" },
    ),
    timeseries(
      "Attempts lost or failed, per minute",
      "short",
      "Those that were followed by another attempt, by reason: Evicted and the like are the cluster's, Error the task's own.",
      "sum by (reason) (rate(odin_pod_restarts_total{$of}[$__rate_interval])) * 60 > 0 or sum(rate(odin_pod_restarts_total{$of}[$__rate_interval])) * 60",
      BY_REASON,
    ),
  ],
};
