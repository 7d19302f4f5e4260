import type { Row } from "../panel.ts";
import { timeseries } from "../panel-kinds.ts";

/** Each process by itself. */
export const PROCESSES: Row = {
  title: "Processes",
  panels: [
    timeseries(
      "Memory",
      "bytes",
      "Resident memory of each process.",
      "process_resident_memory_bytes{$of} * on (namespace, job, instance) group_left (part) odin_build_info{$of}",
      "{{part}} {{pod}}",
    ),
    timeseries(
      "Processor time",
      "percentunit",
      "1 is one core, which is the most that one process can use for its own work.",
      "rate(process_cpu_seconds_total{$of}[$__rate_interval]) * on (namespace, job, instance) group_left (part) odin_build_info{$of}",
      "{{part}} {{pod}}",
    ),
    timeseries(
      "Lag of the event loop",
      "s",
      "Above a tenth of a second the process is overloaded or gets too little processor time.",
      "nodejs_eventloop_lag_p99_seconds{$of} * on (namespace, job, instance) group_left (part) odin_build_info{$of}",
      "{{part}} {{pod}}",
    ),
    timeseries(
      "Restarts, per hour",
      "short",
      "Starts of each process within the last hour, besides the first.",
      "changes(process_start_time_seconds{$of}[1h]) * on (namespace, job, instance) group_left (part) odin_build_info{$of}",
      "{{part}} {{pod}}",
    ),
    timeseries(
      "Log lines, per minute",
      "short",
      "By level. error needs a person.",
      "sum by (level) (rate(odin_log_messages{$of}[$__rate_interval])) * 60",
      "{{level}}",
    ),
  ],
};
