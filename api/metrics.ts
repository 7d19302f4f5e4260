import { Gauge, Histogram, type Registry } from "prom-client";

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
