import type { Row } from "../panel.ts";
import { timeseries } from "../panel-kinds.ts";

/** What is kept of ended runs, and what is not kept yet. */
export const ARCHIVE: Row = {
  title: "Archive",
  panels: [
    timeseries(
      "Age of the oldest log that waits",
      "s",
      "0: all logs of ended tasks are stored.",
      "max(odin_log_archive_lag_seconds{$of})",
      "lag",
    ),
    timeseries(
      "Waiting for the store",
      "short",
      "Logs and ended runs that are not stored yet.",
      "sum by (what) (odin_archive_waiting{$of})",
      "{{what}}",
    ),
    timeseries(
      "Logs stored, per minute",
      "short",
      "partial: what was there when the container was stopped. lost: deleted before it could be read.",
      "sum by (outcome) (rate(odin_archived_logs_total{$of}[$__rate_interval])) * 60",
      "{{outcome}}",
    ),
    timeseries(
      "Runs stored, per minute",
      "short",
      "lost: deleted before it could be stored.",
      "sum by (outcome) (rate(odin_archived_runs_total{$of}[$__rate_interval])) * 60",
      "{{outcome}}",
    ),
    timeseries(
      "Refusals of the store, per minute",
      "short",
      "By what was in the way.",
      "sum by (kind) (rate(odin_archive_errors_total{$of}[$__rate_interval])) * 60",
      "{{kind}}",
    ),
  ],
};
