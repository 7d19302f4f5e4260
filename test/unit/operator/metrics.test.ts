import { suite } from "uvu";
import * as assert from "uvu/assert";
import { facadeMetrics } from "../../../api/metric-list.ts";
import { METRIC_ORIGINS } from "../../../cli/metric-origins.ts";
import { operatorMetrics } from "../../../operator/metric-list.ts";
import { reasonLabel } from "../../../operator/reason-label.ts";
import { promtoolComplaints } from "../../support/promtool.ts";

/** Every label that a metric may have: each has few values, whatever runs. Nodes are as many as the cluster has. */
const BOUNDED = new Set([
  "cache",
  "cause",
  "code",
  "kind",
  "lane",
  "lease",
  "level",
  "method",
  "model",
  "node",
  "outcome",
  "part",
  "phase",
  "queue_name",
  "reason",
  "resource",
  "result",
  "route",
  "stage",
  "verb",
  "version",
  "what",
  "gpu",
]);

const metrics = suite("metrics of both parts");

metrics("every name carries the prefix, has a help text, and only labels with few values", () => {
  for (const registry of [operatorMetrics(), facadeMetrics()]) {
    for (const metric of registry.getMetricsAsArray() as unknown as {
      name: string;
      help: string;
      labelNames: string[];
    }[]) {
      assert.match(metric.name, /^odin_[a-z0-9_]+$/);
      assert.ok(metric.help.endsWith("."), `${metric.name}: ${metric.help}`);
      for (const label of metric.labelNames) assert.ok(BOUNDED.has(label), `${metric.name} has the label ${label}`);
    }
  }
});

metrics("names that are to be known from elsewhere exist", () => {
  const names = new Set(
    operatorMetrics()
      .getMetricsAsArray()
      .map(({ name }) => name),
  );
  for (const name of Object.keys(METRIC_ORIGINS)) assert.ok(names.has(name), name);
  const wanted =
    "task_start_latency_seconds reconciles_per_pipeline api_requests_total status_bytes adoptions_total pods_waiting log_archive_lag_seconds lease_transitions_total is_leader";
  for (const name of wanted.split(" ")) assert.ok(names.has(`odin_${name}`), name);
});

metrics("reasons that nobody knows are one series", () => {
  assert.is(reasonLabel("QuotaExceeded"), "QuotaExceeded");
  assert.is(reasonLabel("ImagePullBackOff"), "ImagePullBackOff");
  for (const strange of ["MyOwnReason", "__proto__", "constructor", "", "x".repeat(10_000)])
    assert.is(reasonLabel(strange), "Other");
});

metrics("the text is what Prometheus reads; only names that follow others break its rules", async () => {
  const registry = operatorMetrics();
  const text = await registry.metrics();
  for (const line of text.split("\n"))
    assert.match(line, /^(?:# (?:HELP|TYPE) odin_[a-z0-9_]+ .+|odin_[a-z0-9_]+(?:\{[^{}]+\})? [-+0-9.eInfNa]+|)$/);
  const complaints = await promtoolComplaints(text);
  if (complaints === undefined) {
    console.log("promtool is not installed: the text was judged by the rules of this test alone");
    return;
  }
  const ours = complaints.filter((line) => !Object.hasOwn(METRIC_ORIGINS, line.split(" ")[0] ?? ""));
  assert.equal(ours, []);
});
metrics("endings say of which type a metric is, but where a name follows others", () => {
  for (const registry of [operatorMetrics(), facadeMetrics()]) {
    for (const metric of registry.getMetricsAsArray()) {
      if (Object.hasOwn(METRIC_ORIGINS, metric.name)) continue;
      const isCounter = metric.constructor.name === "Counter";
      assert.is(metric.name.endsWith("_total"), isCounter, `${metric.name} is a ${metric.constructor.name}`);
      assert.not.match(metric.name, /_(?:count|sum|bucket)$/);
    }
  }
});
metrics.run();
