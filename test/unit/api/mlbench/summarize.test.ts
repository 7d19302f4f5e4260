import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Mean } from "../../../../api/mlbench/metrics/mean.ts";
import { summarize } from "../../../../api/mlbench/metrics/summarize.ts";
import { randomSource } from "../../../support/random.ts";

const test = suite("summaries of metrics");

interface Entry {
  date: string;
  value: string;
  cumulative: boolean;
}

function entriesOf(values: readonly number[]): Entry[] {
  return values.map((value, index) => ({
    date: String(index).padStart(6, "0"),
    value: String(value),
    cumulative: index % 2 === 0,
  }));
}

async function summaryOf(values: readonly number[], most: number): Promise<Entry[]> {
  const summary: Entry[] = [];
  for await (const entry of summarize(entriesOf(values), values.length, most)) summary.push(entry);
  return summary;
}

test("M-23: seven entries brought down to three are two, the incomplete bucket is dropped", async () => {
  assert.equal(await summaryOf([1, 2, 3, 4, 5, 6, 7], 3), [
    { date: "000000", value: "2.0", cumulative: true },
    { date: "000003", value: "5.0", cumulative: false },
  ]);
  assert.equal(await summaryOf([0.1, 0.4], 1), [{ date: "000000", value: "0.25", cumulative: true }]);
});

test("M-23: whatever comes in, no more than asked for goes out, in order, each within the bounds of its bucket", async () => {
  const random = randomSource(230);
  for (let round = 0; round < 300; round++) {
    const count = random.integer(2, 200);
    const most = random.integer(1, count - 1);
    const values = Array.from(
      { length: count },
      () => random.integer(-1_000_000, 1_000_000) / random.pick([1, 3, 7e5]),
    );
    const size = Math.ceil(count / most);
    const summary = await summaryOf(values, most);
    assert.is(summary.length, Math.floor(count / size));
    assert.ok(summary.length <= most && summary.length >= 1);
    for (const [index, { date, value }] of summary.entries()) {
      const bucket = values.slice(index * size, (index + 1) * size);
      assert.is(date, String(index * size).padStart(6, "0"));
      assert.ok(Number(value) >= Math.min(...bucket) && Number(value) <= Math.max(...bucket), `${value} of ${bucket}`);
    }
  }
});

test("M-23: means are exact where a plain sum is not, and finite where it is not", () => {
  const mean = (...values: number[]): number => {
    const one = new Mean();
    for (const value of values) one.add(value);
    return one.value;
  };
  assert.is(mean(0.1, 0.1, 0.1), 0.1);
  assert.is(mean(1e100, 1, -1e100, 1), 0.5);
  assert.is(mean(1.5e308, 1.5e308), 1.5e308);
  assert.is(mean(...Array.from({ length: 1000 }, () => 0.1)), 0.1);
});

test.run();
