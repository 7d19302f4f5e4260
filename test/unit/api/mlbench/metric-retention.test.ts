import { suite } from "uvu";
import * as assert from "uvu/assert";
import { MetricRetention } from "../../../../api/mlbench/metrics/metric-retention.ts";
import { type MetricOwner, MlbenchMetrics } from "../../../../store/mlbench-metrics.ts";
import { MlbenchPods, type PodRecord } from "../../../../store/mlbench-pods.ts";
import { embeddedStores } from "../../store/store-cases.ts";
import { entryAt } from "./metrics-stage.ts";

const DAY = 24 * 60 * 60 * 1000;
const START = Date.UTC(2026, 0, 1);
const test = suite("retention of metrics");
const stores = embeddedStores(test);
let count = 0;

function stage(podMetricDays = 7) {
  const sql = stores.open(`retention-${count++}.db`);
  const [metrics, pods] = [new MlbenchMetrics(sql), new MlbenchPods(sql)];
  const [runs, present] = [new Set<number>(), new Set<string>()];
  const clock = { now: START };
  const silent = (): void => undefined;
  const retention = new MetricRetention({
    ...{ metrics, pods, podMetricDays },
    hasRun: (id) => runs.has(id),
    presentPods: () => present,
    isActive: () => true,
    logger: { debug: silent, info: silent, warn: silent, error: silent },
    now: () => clock.now,
  });
  const owners = async (): Promise<string[]> => await metrics.owners("", 100);
  const add = (...names: MetricOwner[]): Promise<void> => metrics.add(names.map((owner) => entryAt(1, { owner })));
  return { metrics, pods, runs, present, clock, retention, owners, add };
}

const pod = (uid: string, run: number | null = null): PodRecord => ({
  ...{ uid, name: uid, labels: {}, ip: "", node: "", run, createdAt: START },
});

test("M-64: metrics of a pod without a run stay for so many days after it has gone, those of a run's pods as long as the run", async () => {
  const { pods, runs, clock, retention, owners, add } = stage();
  runs.add(1);
  await pods.upsert([pod("lives"), pod("gone"), pod("of-run", 1)]);
  await add("pod:lives", "pod:gone", "pod:of-run", "run:1");
  await pods.markGone(["gone", "of-run"], START);
  clock.now = START + 7 * DAY;
  assert.is(await retention.sweep(), 0);
  assert.equal(await owners(), ["pod:gone", "pod:lives", "pod:of-run", "run:1"]);
  clock.now = START + 7 * DAY + 1;
  assert.is(await retention.sweep(), 1);
  assert.equal(await owners(), ["pod:lives", "pod:of-run", "run:1"]);
  assert.is(await pods.newest("gone"), undefined, "its record goes, too");
  clock.now = START + 100 * DAY;
  assert.is(await retention.sweep(), 0);
});

test("a pod that is there is not removed, whatever its record says", async () => {
  const { pods, present, clock, retention, owners, add } = stage(0);
  await pods.upsert([pod("a")]);
  await pods.markGone(["a"], START);
  await add("pod:a");
  present.add("a");
  clock.now = START + DAY;
  await retention.sweep();
  assert.equal(await owners(), ["pod:a"]);
});

test("what nobody owns any more goes when its owner has been missing for a day, and not if he comes back", async () => {
  const { pods, runs, present, clock, retention, owners, add } = stage();
  await pods.upsert([pod("of-gone-run", 3), pod("known")]);
  await add("run:1", "run:2", "pod:nobody", "pod:known", "pod:of-gone-run", "pod:there");
  present.add("there");
  assert.is(await retention.sweep(), 0);
  clock.now += DAY - 1;
  assert.is(await retention.sweep(), 0);
  runs.add(2);
  await retention.sweep();
  runs.delete(2);
  clock.now += 1;
  assert.is(await retention.sweep(), 3);
  assert.equal(await owners(), ["pod:known", "pod:there", "run:2"]);
  assert.equal(await pods.ofRun(3), []);
  clock.now += DAY;
  assert.is(await retention.sweep(), 1, "missing since it was seen last");
});

test.run();
