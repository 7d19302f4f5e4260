import { Registry } from "prom-client";
import { kubeMetrics } from "../kube/metrics.ts";
import { makeLogger } from "../settings/logger.ts";
import { processMetrics } from "../settings/process-metrics.ts";
import { makeArchiveMetrics } from "./act/archive-metrics.ts";
import { makeMetrics } from "./metrics.ts";
import { registerRunGauges } from "./run-gauges.ts";

const NOTHING = { list: (): never[] => [] };

/** A registry with every metric of the operator and no values: what the reference page is made from. */
export function operatorMetrics(): Registry {
  const registry = new Registry();
  makeLogger({ name: "", logLevel: "silent", logFormat: "json", registry });
  processMetrics(registry, "operator", () => true);
  kubeMetrics(registry);
  makeMetrics(registry);
  makeArchiveMetrics(registry, { logs: () => undefined, runs: () => undefined });
  registerRunGauges(registry, { runs: NOTHING, pods: NOTHING }, () => true);
  return registry;
}
