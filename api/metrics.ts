import { X509Certificate } from "node:crypto";
import { Gauge, Histogram, type Registry } from "prom-client";
import type { StoreState } from "./store-watch.ts";

/** Buckets in seconds: reads come from memory, launches wait for the API server, logs take as long as they do. */
const BUCKETS = [0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 10, 30];

/** Records one answered request. `route` is the route's pattern, so that the number of series stays bounded. */
export type ObserveRequest = (method: string, route: string, status: number, seconds: number) => void;

/** Metrics of the HTTP side. */
export function httpMetrics(registry: Registry): ObserveRequest {
  const histogram = new Histogram({
    name: "odin_api_http_request_duration_seconds",
    help: "Time to answer a request, by method, route pattern and status code.",
    labelNames: ["method", "route", "code"],
    buckets: BUCKETS,
    registers: [registry],
  });
  return (method, route, status, seconds) => {
    histogram.observe({ method, route, code: String(status) }, seconds);
  };
}

/** Number of objects in each cache, read when the metrics are. */
export function cacheMetrics(registry: Registry, caches: Readonly<Record<string, { readonly size: number }>>): void {
  new Gauge({
    name: "odin_api_cached_objects",
    help: "Objects in the API's caches, by cache.",
    labelNames: ["cache"],
    registers: [registry],
    collect() {
      for (const [cache, { size }] of Object.entries(caches)) this.set({ cache }, size);
    },
  });
}

/** How long ago the jobs repository was last in step with its remote, read when the metrics are. */
export function repositoryMetrics(registry: Registry, repository: { readonly syncAgeSeconds: number }): void {
  new Gauge({
    name: "odin_jobs_repository_sync_age_seconds",
    help: "Seconds since the last sync of the jobs repository, with its remote where it has one, that succeeded.",
    registers: [registry],
    collect() {
      this.set(repository.syncAgeSeconds);
    },
  });
}

/** Whether the store can be read, as the last look at it says; for a process that has one. */
export function storeMetrics(registry: Registry, state: () => StoreState): void {
  new Gauge({
    name: "odin_api_store_open",
    help: "1 if the API could read the store of ended runs and logs when it last looked, within half a minute; else 0. Without a store it is not there.",
    registers: [registry],
    collect() {
      this.set(state() === "open" ? 1 : 0);
    },
  });
}

/** When the certificate ends that is served now. `current` is asked for its PEM text when the metrics are read; without HTTPS there is no such metric. */
export function certificateMetrics(registry: Registry, current: () => string): void {
  new Gauge({
    name: "odin_api_certificate_expiry_timestamp_seconds",
    help: "When the certificate of the API ends that is served now; not there without HTTPS.",
    registers: [registry],
    collect() {
      this.set(Date.parse(new X509Certificate(current()).validTo) / 1_000);
    },
  });
}
