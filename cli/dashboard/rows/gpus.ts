import type { Row } from "../panel.ts";
import { timeseries } from "../panel-kinds.ts";

const NO_GPUS = { emptyBecause: "no GPU exporter runs in the cluster" };

/** What the exporters say of the GPUs. */
export const GPUS: Row = {
  title: "GPUs",
  panels: [
    timeseries(
      "Utilisation",
      "percentunit",
      "Mean of a node's GPUs.",
      "max by (node) (odin_gpu_utilisation{$of})",
      "{{node}}",
      NO_GPUS,
    ),
    timeseries("Held and there", "short", "GPUs that pods hold, of those that there are.", "", "", {
      queries: [
        { expr: "sum(max by (node) (odin_gpu_allocated{$of}))", legend: "held" },
        { expr: "sum(max by (node) (odin_gpu_devices{$of}))", legend: "there" },
      ],
      ...NO_GPUS,
    }),
    timeseries(
      "Power",
      "watt",
      "Of a node's GPUs together.",
      "max by (node) (odin_gpu_power_watts{$of})",
      "{{node}}",
      NO_GPUS,
    ),
    timeseries(
      "Age of readings",
      "s",
      "Twice the interval at most while the exporter answers.",
      "min by (node) (odin_gpu_data_age_seconds{$of})",
      "{{node}}",
      NO_GPUS,
    ),
    timeseries(
      "Scrapes of exporters, per minute",
      "short",
      "By result; all but ok are failures.",
      "sum by (result) (rate(odin_gpu_scrapes_total{$of}[$__rate_interval])) * 60",
      "{{result}}",
      NO_GPUS,
    ),
  ],
};
