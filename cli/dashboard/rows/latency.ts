import type { Row } from "../panel.ts";
import { quantiles, timeseries } from "../panel-kinds.ts";

/** How long the engine takes for what it does. */
export const LATENCY: Row = {
  title: "Latency",
  panels: [
    quantiles(
      "Start of tasks",
      "created: what odin adds between two tasks. running: what the scheduler, the node and the image add.",
      "odin_task_start_latency_seconds",
      "stage",
    ),
    quantiles(
      "One look at a run",
      "Time of one pass over a run, by queue; several writes to the API server at most.",
      "odin_queue_duration",
      "queue_name",
    ),
    timeseries(
      "Looks per run",
      "short",
      "Passes that a run took from start to end, on average. It grows with its tasks.",
      "sum(rate(odin_reconciles_per_pipeline_sum{$of}[$__rate_interval])) / sum(rate(odin_reconciles_per_pipeline_count{$of}[$__rate_interval]))",
      "mean",
    ),
  ],
};
