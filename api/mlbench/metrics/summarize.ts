import { metricNumber } from "../../../store/metric-number.ts";
import { Mean } from "./mean.ts";
import { pythonFloat } from "./python-float.ts";

/**
 * Brings the `count` entries of a metric, all of them finite numbers, down to at most `most` (M-23): buckets of ceil(count / most) consecutive entries, each
 * with the date and everything else of its first one and the mean of its values; an incomplete last bucket is dropped.
 */
export async function* summarize<T extends { value: string }>(
  entries: AsyncIterable<T> | Iterable<T>,
  count: number,
  most: number,
): AsyncGenerator<T, void> {
  const size = Math.ceil(count / most);
  let first: T | undefined;
  let mean = new Mean();
  for await (const entry of entries) {
    first ??= entry;
    mean.add(metricNumber(entry.value) ?? Number.NaN);
    if (mean.count < size) continue;
    yield { ...first, value: pythonFloat(mean.value) };
    first = undefined;
    mean = new Mean();
  }
}
