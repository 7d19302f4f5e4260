import type { MetricEntry } from "../../../store/mlbench-metrics.ts";
import { downloadDate, shortDate } from "../dates.ts";

/** Metrics with their entries, as they are read. */
export type ReadMetrics = AsyncIterable<{ name: string; entries: AsyncIterable<MetricEntry> }>;

/** The JSON text of an object with a list for each metric that has entries (M-19, M-21), piece by piece. */
export async function* metricsJson(
  metrics: ReadMetrics,
  textOf: (entry: MetricEntry) => string,
): AsyncGenerator<string, void> {
  yield "{";
  let between = "";
  for await (const { name, entries } of metrics) {
    let isFirst = true;
    for await (const entry of entries) {
      yield isFirst ? `${between}${JSON.stringify(name)}:[${textOf(entry)}` : `,${textOf(entry)}`;
      isFirst = false;
    }
    if (isFirst) continue;
    yield "]";
    between = ",";
  }
  yield "}";
}

/** An entry in the lists of all metrics, and in the answer to a post (M-19, M-29). */
export function fullEntry({ name, value, date, metadata, cumulative }: MetricEntry): object {
  return { name, value, date, metadata, cumulative };
}

/** An entry of one run or pod (M-21). */
export function shortEntry({ date, value, cumulative }: MetricEntry): object {
  return { date: shortDate(date), value, cumulative };
}

/** The text of a list in a download, indented by four (M-28), piece by piece. */
export async function* downloadJson(entries: AsyncIterable<MetricEntry>): AsyncGenerator<string, void> {
  let between = "[";
  for await (const { date, value, cumulative } of entries) {
    const text = JSON.stringify({ date: downloadDate(date), value, cumulative }, undefined, 4);
    yield `${between}\n${text.replace(/^/gm, "    ")}`;
    between = ",";
  }
  yield between === "[" ? "[]" : "\n]";
}
