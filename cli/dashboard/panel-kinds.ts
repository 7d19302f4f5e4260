import type { Panel } from "./panel.ts";

/** Legend of lines that are told apart by a reason. */
export const BY_REASON = "{{reason}}";

/** Lines over time, of one query unless `more` has others. */
export function timeseries(
  title: string,
  unit: string,
  description: string,
  expr: string,
  legend: string,
  more: Partial<Panel> = {},
): Panel {
  return { kind: "timeseries", title, unit, description, queries: [{ expr, legend }], ...more };
}

/** One number, as it is now. */
export function stat(title: string, unit: string, description: string, expr: string, more: Partial<Panel> = {}): Panel {
  return { kind: "stat", title, unit, description, queries: [{ expr, legend: "" }], ...more };
}

/** The median and the 99th percentile of a histogram, by a label if one is given. */
export function quantiles(title: string, description: string, name: string, by = "", selection = "$of"): Panel {
  const labels = by === "" ? "le" : `le, ${by}`;
  const queries = [0.5, 0.99].map((quantile) => ({
    expr: `histogram_quantile(${quantile}, sum by (${labels}) (rate(${name}_bucket{${selection}}[$__rate_interval])))`,
    legend: `p${quantile * 100}${by === "" ? "" : ` {{${by}}}`}`,
  }));
  return { kind: "timeseries", title, unit: "s", description, queries };
}
