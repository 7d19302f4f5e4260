import { Registry } from "prom-client";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { silentLogger } from "../../../kube/logger.ts";
import { kubeMetrics } from "../../../kube/metrics.ts";
import { WorkQueue } from "../../../kube/queue.ts";
import { until } from "../../support/deadline.ts";

const metrics = suite("metrics");

metrics("a queue shows depth, busy workers, additions, retries and times under its name only", async () => {
  const registry = new Registry();
  let release: () => void = () => undefined;
  let runs = 0;
  const queue = new WorkQueue({
    name: "runs",
    concurrency: 1,
    logger: silentLogger,
    registry,
    handler: async () => {
      runs++;
      if (runs === 1) throw new Error("once");
      await new Promise<void>((resolve) => {
        release = resolve;
      });
    },
  });
  queue.start();
  queue.add("namespace/secret-name");
  queue.add("namespace/second");
  await until(() => runs === 2, 60_000, { describe: "a failure, then a run that lasts" });
  queue.add("namespace/third");
  const text = await registry.metrics();
  assert.match(text, /odin_queue_adds_count\{queue_name="runs"\} 3/);
  assert.match(text, /odin_queue_retries\{queue_name="runs"\} 1/);
  assert.match(text, /odin_workers_busy_count\{queue_name="runs"\} 1/);
  assert.match(text, /odin_queue_depth_gauge\{queue_name="runs"\} [12]/);
  assert.match(text, /odin_queue_duration_count\{queue_name="runs"\} 1/);
  assert.match(text, /odin_queue_longest_running\{queue_name="runs"\} 0\.\d+/);
  assert.not.match(text, /secret-name/);
  const drained = queue.drain(2_000);
  release();
  assert.ok(await drained);
  assert.not.match(await registry.metrics(), /odin_workers_busy_count\{/, "a drained queue is no longer shown");
});

metrics("parts that share a registry share its metrics, and others do not", () => {
  const registry = new Registry();
  assert.is(kubeMetrics(registry), kubeMetrics(registry));
  assert.is.not(kubeMetrics(), kubeMetrics());
});

metrics("every name carries the prefix", async () => {
  const registry = new Registry();
  kubeMetrics(registry);
  const names = registry.getMetricsAsArray().map(({ name }) => name);
  assert.ok(names.length > 15);
  for (const name of names) assert.match(name, /^odin_[a-z0-9_]+$/);
});

metrics.run();
