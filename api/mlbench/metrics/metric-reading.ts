import type { MetricEntry, MetricOwner, MetricRange, MlbenchMetrics } from "../../../store/mlbench-metrics.ts";
import type { MetricQuery } from "./metric-query.ts";
import { summarize } from "./summarize.ts";

/** What is read; without dates everything. */
export type ReadQuery = Omit<MetricQuery, "since"> & MetricRange;

/** The metrics of an owner that a query asks for, ascending by name, each with its entries; some may have none. */
export async function* readMetrics(
  metrics: MlbenchMetrics,
  owner: MetricOwner,
  query: ReadQuery,
): AsyncGenerator<{ name: string; entries: AsyncGenerator<MetricEntry, void> }, void> {
  for await (const name of query.metric === undefined ? metrics.names(owner) : [query.metric]) {
    yield { name, entries: readMetric(metrics, owner, name, query) };
  }
}

/** The entries of one metric: first brought down, then cut to the last (M-22, M-23). */
export async function* readMetric(
  metrics: MlbenchMetrics,
  owner: MetricOwner,
  name: string,
  { since, until, summarize: most, last }: ReadQuery,
): AsyncGenerator<MetricEntry, void> {
  const range = { ...(since === undefined ? {} : { since }), ...(until === undefined ? {} : { until }) };
  if (most !== undefined) {
    const { count, finite, newestId } = await metrics.count(owner, name, range);
    if (count > most && finite) {
      const summary = summarize(metrics.entries(owner, name, { ...range, upTo: newestId }), count, most);
      const kept = Math.floor(count / Math.ceil(count / most));
      yield* last === undefined ? summary : skipping(summary, kept - last);
      return;
    }
  }
  yield* last === undefined ? metrics.entries(owner, name, range) : metrics.lastEntries(owner, name, last, range);
}

async function* skipping<T>(items: AsyncIterable<T>, count: number): AsyncGenerator<T, void> {
  let left = count;
  for await (const item of items) {
    if (left <= 0) yield item;
    left -= 1;
  }
}
