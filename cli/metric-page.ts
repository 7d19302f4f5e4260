import type { Registry } from "prom-client";
import { METRIC_ORIGINS } from "./metric-origins.ts";

/** A metric as the library keeps it. */
interface Registered {
  name: string;
  help: string;
  labelNames?: readonly string[];
}

const TYPES = new Map([
  ["Counter", "counter"],
  ["Gauge", "gauge"],
  ["Histogram", "histogram"],
  ["Summary", "summary"],
]);

/** A table of the metrics on a registry, in the order of their names. */
export function metricTable(registry: Registry): string {
  const metrics = registry.getMetricsAsArray() as unknown as Registered[];
  const rows = [...metrics]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((metric) => {
      const { name, help, labelNames = [] } = metric;
      const type = TYPES.get(metric.constructor.name) ?? "";
      const labels = labelNames.map((label) => `\`${label}\``).join(", ");
      return `| \`${name}\` | ${type} | ${labels} | ${help.replaceAll("|", "\\|")} | ${METRIC_ORIGINS[name] ?? ""} |`;
    });
  return `| name | type | labels | meaning | others call it |\n|---|---|---|---|---|\n${rows.join("\n")}`;
}
