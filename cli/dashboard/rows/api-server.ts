import type { Row } from "../panel.ts";
import { quantiles, timeseries } from "../panel-kinds.ts";

/** The work queue, and what the API server is asked for. */
export const SERVER: Row = {
  title: "Queue and API server",
  panels: [
    quantiles(
      "Wait in the queue",
      "From when something happened to when it is looked at.",
      "odin_queue_latency",
      "queue_name",
    ),
    timeseries(
      "Keys that wait",
      "short",
      "Depth of the queue, and workers that are busy.",
      "sum by (queue_name) (odin_queue_depth_gauge{$of})",
      "{{queue_name}} waiting",
      {
        queries: [
          { expr: "sum by (queue_name) (odin_queue_depth_gauge{$of})", legend: "{{queue_name}} waiting" },
          { expr: "sum by (queue_name) (odin_workers_busy_count{$of})", legend: "{{queue_name}} busy" },
        ],
      },
    ),
    timeseries(
      "Failed looks, per minute",
      "short",
      "Passes that failed and are tried again, by cause.",
      "sum by (cause) (rate(odin_error_count{$of}[$__rate_interval])) * 60",
      "{{cause}}",
    ),
    timeseries(
      "Requests",
      "reqps",
      "Requests to the API server, by verb.",
      "sum by (verb) (rate(odin_api_requests_total{$of}[$__rate_interval]))",
      "{{verb}}",
      { stacked: true },
    ),
    timeseries(
      "Requests that failed",
      "percentunit",
      "Share without an answer or with a server's error, and share that was turned away (429).",
      "",
      "",
      {
        queries: [
          {
            expr: '(sum(rate(odin_api_requests_total{code=~"0|5..",$of}[$__rate_interval])) or vector(0)) / sum(rate(odin_api_requests_total{$of}[$__rate_interval]))',
            legend: "failed",
          },
          {
            expr: '(sum(rate(odin_api_requests_total{code="429",$of}[$__rate_interval])) or vector(0)) / sum(rate(odin_api_requests_total{$of}[$__rate_interval]))',
            legend: "turned away",
          },
        ],
      },
    ),
    quantiles(
      "Latency of the API server",
      "By verb, as the operator and the API see it.",
      "odin_k8s_request_duration_seconds",
      "verb",
    ),
    quantiles(
      "Waiting for a slot",
      "Time that requests waited in the process itself, by lane: more than milliseconds means that the API server is the limit.",
      "odin_client_rate_limiter_latency_seconds",
      "lane",
    ),
    timeseries("Requests in flight", "short", "Sent and not yet answered, and how many may be.", "", "", {
      queries: [
        { expr: "sum(odin_k8s_requests_in_flight{$of})", legend: "in flight" },
        { expr: "sum(odin_k8s_concurrency_limit{$of})", legend: "limit" },
      ],
    }),
    timeseries(
      "Silence of watches",
      "s",
      "Time since each watch last brought something. The server gives a sign of life about once a minute.",
      "max by (resource) (odin_informer_last_event_age_seconds{$of})",
      "{{resource}}",
    ),
    timeseries(
      "Full lists, per hour",
      "short",
      "Lists of whole collections, by reason; each costs the API server much. A few at start are in order.",
      "sum by (resource, reason) (increase(odin_informer_relists_total{$of}[1h]))",
      "{{resource}} {{reason}}",
    ),
    timeseries(
      "Missing rights",
      "short",
      "Requests that were refused for want of a right.",
      "sum by (verb, resource) (odin_missing_rights{$of}) or vector(0)",
      "{{verb}} {{resource}}",
    ),
    timeseries(
      "Largest run",
      "bytes",
      "Size of the largest run's object. 1 MiB is the most.",
      "max(odin_largest_run_bytes{$of})",
      "largest",
    ),
  ],
};
