import { Registry } from "prom-client";
import { Logins } from "./auth/logins.ts";
import { gpuMetrics } from "./gpu/gpu-metrics.ts";
import { cacheMetrics, httpMetrics } from "./metrics.ts";

/** A registry with the metrics that only the API has, and no values: what the reference page is made from. */
export function facadeMetrics(): Registry {
  const registry = new Registry();
  httpMetrics(registry);
  cacheMetrics(registry, {});
  gpuMetrics(registry, new Map(), 0);
  new Logins({ find: () => undefined }, registry);
  return registry;
}
