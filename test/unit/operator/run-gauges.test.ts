import { Registry } from "prom-client";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Pipeline, TaskStatus } from "../../../crds/generated/types.ts";
import type { CachedRun } from "../../../operator/cached-run.ts";
import { LargestRun } from "../../../operator/largest-run.ts";
import { registerRunGauges } from "../../../operator/run-gauges.ts";
import { WaitTimes } from "../../../operator/wait-times.ts";

function run(name: string, tasks: Record<string, TaskStatus>, resourceVersion = "1"): Pipeline {
  const total = Object.keys(tasks).length;
  return {
    apiVersion: "odin.io/v1",
    kind: "Pipeline",
    metadata: { name, namespace: "ml", uid: `uid-${name}`, resourceVersion },
    spec: { tasks: [] },
    status: { phase: "RUNNING", tasks, counts: { total, executed: 0, executing: 0, waiting: total, failed: 0 } },
  } as unknown as Pipeline;
}

const waits = suite("how long tasks have been waiting");

waits("the longest wait of each reason counts, from when the task was first seen to wait for it", () => {
  const times = new WaitTimes();
  times.begin(0);
  times.seen("ImagePullBackOff", "a");
  times.begin(60_000);
  times.seen("ImagePullBackOff", "a");
  times.seen("ImagePullBackOff", "b");
  times.seen("Unschedulable", "c");
  assert.equal(Object.fromEntries(times.longestSeconds()), { ImagePullBackOff: 60, Unschedulable: 0 });
});

waits("another reason and a gap begin anew; what ended is forgotten", () => {
  const times = new WaitTimes();
  times.begin(0);
  times.seen("Unschedulable", "a");
  times.begin(10_000);
  times.seen("ImagePullBackOff", "a");
  times.begin(20_000);
  times.seen("Unschedulable", "a");
  assert.equal(Object.fromEntries(times.longestSeconds()), { Unschedulable: 0 });
  times.begin(30_000);
  assert.is(times.longestSeconds().size, 0);
});

waits("what the run itself or a limit of ours holds back is not counted", () => {
  const times = new WaitTimes();
  times.begin(0);
  for (const reason of ["Dependencies", "Suspended", "RunParallelism", "Retrying"]) times.seen(reason, "a");
  assert.is(times.longestSeconds().size, 0);
});

const sizes = suite("the largest run");

sizes("is the one with the most tasks, measured again when it has changed", () => {
  const largest = new LargestRun();
  const look = (...runs: Pipeline[]): number => {
    largest.begin();
    for (const one of runs) largest.look(one);
    return largest.bytes();
  };
  const small = run("small", { a: { state: "waiting" } });
  const large = run("large", { a: { state: "waiting" }, b: { state: "waiting" } });
  assert.is(look(small, large), Buffer.byteLength(JSON.stringify(large)));
  const grown = run("large", { a: { state: "waiting", message: "é".repeat(50) }, b: { state: "waiting" } }, "2");
  assert.is(look(grown, small), Buffer.byteLength(JSON.stringify(grown)));
  assert.is(look(), 0);
});

const gauges = suite("gauges of runs");

gauges("tell of the runs that this process acts on, and of no other", async () => {
  const registry = new Registry();
  const cached = (one: Pipeline): CachedRun => ({
    metadata: one.metadata as CachedRun["metadata"],
    active: one,
    phase: "RUNNING",
  });
  const waiting: TaskStatus = { state: "executing", reason: "ImagePullBackOff", attempt: 1 };
  const runs = [cached(run("ours", { a: waiting })), cached(run("theirs", { a: waiting, b: waiting }))];
  registerRunGauges(registry, { runs: { list: () => runs }, pods: { list: () => [] } }, (key) => key === "ml/ours");
  const text = await registry.metrics();
  assert.match(text, /^odin_pods_waiting\{reason="ImagePullBackOff"\} 1$/m);
  assert.match(text, /^odin_pods_waiting_longest_seconds\{reason="ImagePullBackOff"\} 0$/m);
  const bytes = Number(/^odin_largest_run_bytes (\d+)$/m.exec(text)?.[1]);
  assert.is(bytes, Buffer.byteLength(JSON.stringify(runs[0]?.active)));
});

waits.run();
sizes.run();
gauges.run();
