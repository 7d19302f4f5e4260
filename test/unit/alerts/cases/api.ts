import type { AlertCase } from "../alert-case.ts";
import { API, API_UP, buckets, ML, UP } from "../series.ts";

const httpRequests = (code: string, values: string, route = "/v1/pipelines"): Record<string, string> => ({
  [`odin_api_http_request_duration_seconds_count{namespace="ml",method="GET",route="${route}",code="${code}"}`]: values,
});

/** Of the alerts about the REST API. */
export const API_CASES: readonly AlertCase[] = [
  {
    alert: "OdinApiDown",
    when: "the API is gone",
    series: {
      ...UP,
      [`odin_build_info${API}`]: "1x20 stale",
      [`odin_ready${API.replace(',version="1"', "")}`]: "1x20 stale",
    },
    at: "30m",
    fires: [ML],
  },
  {
    alert: "OdinApiDown",
    when: "one of two replicas is not ready",
    series: { ...API_UP, 'odin_ready{namespace="ml",part="api",pod="api-2"}': "0x60" },
    at: "30m",
    fires: [],
  },
  {
    alert: "OdinApiErrors",
    when: "one answer in ten is a server error",
    series: { ...httpRequests("200", "0+90x60"), ...httpRequests("503", "0+10x60") },
    at: "30m",
    fires: [ML],
  },
  {
    alert: "OdinApiErrors",
    when: "callers ask for what is not there, and a probe sees a replica that starts",
    series: {
      ...httpRequests("200", "0+50x60"),
      ...httpRequests("404", "0+50x60"),
      ...httpRequests("503", "0+60x60", "/readyz"),
    },
    at: "30m",
    fires: [],
  },
  {
    alert: "OdinApiSlow",
    when: "reads take seconds",
    series: buckets(
      "odin_api_http_request_duration_seconds",
      'namespace="ml",method="GET",route="/v1/pipelines",code="200"',
      {
        "2.5": "0+5x60",
        "10": "0+10x60",
        "+Inf": "0+10x60",
      },
    ),
    at: "40m",
    fires: [ML],
  },
  {
    alert: "OdinApiSlow",
    when: "somebody follows a log for minutes",
    series: {
      ...buckets(
        "odin_api_http_request_duration_seconds",
        'namespace="ml",method="GET",route="/v1/resources/:id/logs",code="200"',
        { "2.5": "0x60", "+Inf": "0+10x60" },
      ),
      ...buckets("odin_api_http_request_duration_seconds", 'namespace="ml",method="GET",route="/v1/nodes",code="200"', {
        "2.5": "0+10x60",
        "+Inf": "0+10x60",
      }),
    },
    at: "40m",
    fires: [],
  },
  {
    alert: "OdinJobsRepositoryStale",
    when: "the git remote has been away for a quarter of an hour",
    series: { 'odin_jobs_repository_sync_age_seconds{namespace="ml",pod="api-1"}': "0+60x60" },
    at: "20m",
    fires: [ML],
  },
  {
    alert: "OdinJobsRepositoryStale",
    when: "syncs succeed every few seconds",
    series: { 'odin_jobs_repository_sync_age_seconds{namespace="ml",pod="api-1"}': "15x60" },
    at: "20m",
    fires: [],
  },
  {
    alert: "OdinCertificateExpiring",
    when: "it ends in five days",
    series: { 'odin_api_certificate_expiry_timestamp_seconds{namespace="ml",pod="api-1"}': "432000x120" },
    at: "90m",
    fires: [ML],
  },
  {
    alert: "OdinCertificateExpiring",
    when: "it ends in thirty days, or there is none",
    series: { ...API_UP, 'odin_api_certificate_expiry_timestamp_seconds{namespace="ml",pod="api-1"}': "2592000x120" },
    at: "90m",
    fires: [],
  },
];
