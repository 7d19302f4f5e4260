import type { Row } from "../panel.ts";
import { BY_REASON, quantiles, stat, timeseries } from "../panel-kinds.ts";

const NO_PROBES = 'route!~"/readyz|/healthz|/metrics",$of';

/** What callers of the REST API get. */
export const API: Row = {
  title: "REST API",
  panels: [
    timeseries(
      "Requests by status",
      "reqps",
      "Probes and scrapes are left out.",
      `sum by (code) (rate(odin_api_http_request_duration_seconds_count{${NO_PROBES}}[$__rate_interval]))`,
      "{{code}}",
      { stacked: true },
    ),
    quantiles(
      "Latency",
      "Logs that are followed and files are counted, too: see the routes.",
      "odin_api_http_request_duration_seconds",
      "",
      NO_PROBES,
    ),
    timeseries(
      "Slowest routes",
      "s",
      "Mean time to answer, of the five slowest.",
      `topk(5, sum by (method, route) (rate(odin_api_http_request_duration_seconds_sum{${NO_PROBES}}[$__rate_interval])) / sum by (method, route) (rate(odin_api_http_request_duration_seconds_count{${NO_PROBES}}[$__rate_interval])))`,
      "{{method}} {{route}}",
    ),
    timeseries(
      "Logins refused, per minute",
      "short",
      "wrong: user or password. limited: too many failures from one address.",
      "sum by (reason) (rate(odin_api_login_failures_total{$of}[$__rate_interval])) * 60",
      BY_REASON,
      { emptyBecause: "no login was ever refused" },
    ),
    timeseries(
      "Objects in memory",
      "short",
      "What the API answers reads from.",
      "sum by (cache) (odin_api_cached_objects{$of})",
      "{{cache}}",
    ),
    timeseries(
      "Age of the jobs repository",
      "s",
      "Time since it was last in step with its git remote.",
      "max(odin_jobs_repository_sync_age_seconds{$of})",
      "age",
    ),
    stat(
      "Certificate ends in",
      "s",
      "Of the certificate that is served now.",
      "min(odin_api_certificate_expiry_timestamp_seconds{$of}) - time()",
      { bad: { below: 7 * 86_400 }, emptyBecause: "the API serves no HTTPS itself" },
    ),
  ],
};
