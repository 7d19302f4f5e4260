import { Registry } from "prom-client";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { processMetrics } from "../../../settings/process-metrics.ts";
import { textOf } from "../../support/documents.ts";

const metrics = suite("what each process tells of itself");

metrics("its part, its version, and whether it is ready now", async () => {
  const registry = new Registry();
  let ready = false;
  processMetrics(registry, "operator", () => ready);
  const { version } = JSON.parse(textOf("package.json"));
  assert.match(await registry.metrics(), `odin_build_info{part="operator",version="${version}"} 1\n`);
  assert.match(await registry.metrics(), 'odin_ready{part="operator"} 0\n');
  ready = true;
  assert.match(await registry.metrics(), 'odin_ready{part="operator"} 1\n');
});

metrics.run();
