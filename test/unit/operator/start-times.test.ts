import { Histogram, Registry } from "prom-client";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { StartTimes } from "../../../operator/start-times.ts";

const times = suite("how long tasks take to start");

/** What was measured of a stage: how often, and the sum in seconds. */
async function measured(
  histogram: Histogram<"stage">,
  stage: string,
): Promise<[number | undefined, number | undefined]> {
  const { values } = await histogram.get();
  const of = (suffix: string): number | undefined =>
    values.find(({ labels, metricName }) => labels.stage === stage && metricName?.endsWith(suffix))?.value;
  return [of("_count"), of("_sum")];
}

function made(): { histogram: Histogram<"stage">; starts: StartTimes } {
  const histogram = new Histogram({ name: "start", help: "h", labelNames: ["stage"], registers: [new Registry()] });
  return { histogram, starts: new StartTimes(histogram) };
}

times("from when it could start to its creation, and from there to when it runs, each once", async () => {
  const { histogram, starts } = made();
  starts.created("a", 1_000, 3_000);
  starts.running("a", 7_000);
  starts.running("a", 9_000);
  assert.equal(await measured(histogram, "created"), [1, 2]);
  assert.equal(await measured(histogram, "running"), [1, 4]);
});

times("an object of which a watch tells that it runs before its creation is answered has run at once", async () => {
  const { histogram, starts } = made();
  starts.running("a", 2_000);
  starts.created("a", 1_000, 3_000);
  starts.running("a", 4_000);
  assert.equal(await measured(histogram, "created"), [1, 2]);
  assert.equal(await measured(histogram, "running"), [1, 0]);
});

times("what this process has not created, and what is gone, is not measured", async () => {
  const { histogram, starts } = made();
  starts.running("other", 2_000);
  starts.created("a", 1_000, 3_000);
  starts.gone("a");
  starts.running("a", 4_000);
  assert.equal(await measured(histogram, "running"), [undefined, undefined]);
});
times.run();
