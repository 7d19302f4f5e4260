import { Registry } from "prom-client";
import { Logins } from "./auth/logins.ts";
import { gpuMetrics } from "./gpu/gpu-metrics.ts";
import { cacheMetrics, certificateMetrics, httpMetrics, repositoryMetrics, storeMetrics } from "./metrics.ts";
import { messageMetrics } from "./vesta/messages/message-metrics.ts";

/** A registry with the metrics that only the API has, and no values: what the reference page is made from. */
export function facadeMetrics(): Registry {
  const registry = new Registry();
  httpMetrics(registry);
  cacheMetrics(registry, {});
  repositoryMetrics(registry, { syncAgeSeconds: 0 });
  storeMetrics(registry, () => "open");
  certificateMetrics(registry, () => "");
  gpuMetrics(registry, new Map(), 0);
  messageMetrics(registry);
  new Logins({ find: () => undefined }, registry);
  return registry;
}
