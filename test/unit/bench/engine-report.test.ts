import { suite } from "uvu";
import * as assert from "uvu/assert";
import { verdictOf } from "../../bench/engine/compare.ts";
import { limitText } from "../../bench/engine/limit.ts";
import { parseBenchOptions } from "../../bench/engine/options.ts";
import { processorsOf } from "../../bench/engine/placement.ts";
import { sustainedRate } from "../../bench/engine/ramp.ts";
import { type Summary, summarize } from "../../bench/engine/summary.ts";
import { barChart, cumulative, lineChart } from "../../bench/engine/svg.ts";
import { targetTable } from "../../bench/engine/table.ts";
import { type Summaries, targetRows } from "../../bench/engine/targets.ts";
import { WORKLOAD_IDS, workload } from "../../bench/engine/workloads.ts";

const options = suite("options of the benchmark");

options("without any, every workload runs once and nothing is written into the documentation", () => {
  const { only, repeat, write, scale } = parseBenchOptions([]);
  assert.equal([only, repeat, write, scale], [WORKLOAD_IDS, undefined, false, 1]);
});

options("a wrong one is refused with what is wanted", () => {
  const wrong: [string[], RegExp][] = [
    [["--only", "W1,W77"], /no workload W77/],
    [["--repeat", "0"], /--repeat "0": must be a whole number from 1 to 50/],
    [["--repeat", "1.5"], /whole number/],
    [["--scale", "2"], /--scale "2": must be a number from 0.01 to 1/],
    [["--placement", "moon"], /--placement moon: must be one of/],
    [["--compare", "main", "--write"], /exclude each other/],
    [["--nonsense"], /--help lists the options/],
  ];
  for (const [argv, message] of wrong) assert.throws(() => parseBenchOptions(argv), message);
});

options("the controller gets the last processor, and nobody is bound where there is only one", () => {
  assert.equal(processorsOf("controller", 2), { controller: "1", others: undefined });
  assert.equal(processorsOf("split", 2), { controller: "1", others: "0" });
  assert.equal(processorsOf("split", 8), { controller: "7", others: "0-6" });
  assert.equal(processorsOf("split", 1), { controller: undefined, others: undefined });
  assert.equal(processorsOf("free", 8), { controller: undefined, others: undefined });
});

options("every workload has runs, or makes them itself", () => {
  for (const id of WORKLOAD_IDS) {
    const { runs, ramp } = workload(id, 0.01);
    assert.ok(ramp === true || runs.length > 0, id);
    assert.is(new Set(runs.map(({ name }) => name)).size, runs.length, id);
  }
});

function summary(figures: Partial<Summary>): Summary {
  return { ...summarize([]), lost: 0, doubled: 0, unfinished: 0, ...figures };
}

const targets = suite("targets of the benchmark");

targets("each is met, missed or not measured, and says the value", () => {
  const summaries: Summaries = {
    W0: summary({ levelP50Ms: 15, levelP99Ms: 30.1 }),
    W1: summary({ tasksPerSecond: 61, requestsPerTask: 4, startP50Ms: 100 }),
    Jobs: summary({ tasksPerSecond: 61, requestsPerTask: 7.5 }),
    W5: summary({ tasksPerSecond: 60, startP50Ms: 130 }),
    W7: summary({ recoverySeconds: 1.5, doubled: 1 }),
  };
  const rows = new Map(targetRows(summaries).map((row) => [row.what, row]));
  const met = (what: string): boolean | undefined => {
    const found = [...rows].find(([text]) => text.includes(what));
    assert.ok(found !== undefined, what);
    return found[1].met;
  };
  assert.is(met("burst of one-task runs"), true);
  assert.is(met("beside batch/v1 Jobs in the same"), false, "as fast is not faster");
  assert.is(met("idle (W0), p50"), true, "the bound itself is met");
  assert.is(met("idle (W0), p99"), false);
  assert.is(met("W2, chains"), undefined);
  assert.is(met("W5), p50, beside W1"), false);
  assert.is(met("W5), beside W1"), true);
  assert.is(met("below a batch/v1 Job's"), true);
  assert.is(met("lost or doubled"), false, "one doubled task is one too many");
  const table = targetTable([...rows.values()]);
  assert.match(table, "| P-2 | level overhead idle (W0), p99 | ≤ 30.0 ms | 30.1 ms | **missed** |");
});

targets("each burst stands beside the bare pods of its measurement", () => {
  const measured: Summaries = {
    W1: summary({ tasksPerSecond: 45, apiServerCpu: 30 }),
    Pods: summary({ tasksPerSecond: 60, apiServerCpu: 15 }),
    W0: summary({ tasksPerSecond: 3, apiServerCpu: 50 }),
  };
  const text =
    "limit is 60.0 bare pods a second, at 15.0 CPU-s of the API server for 1,000. Beside that: W1 75 % of it, at 2.00";
  assert.match(limitText(measured)[0] ?? "", text);
  assert.not.match(limitText(measured)[0] ?? "", "W0");
  assert.equal(limitText({ W1: summary({}) }), []);
});

targets("the sustained rate is the highest that was", () => {
  const step = (runsPerSecond: number, sustained: boolean) => ({ runsPerSecond, startP99Seconds: 1, sustained });
  assert.is(sustainedRate([step(8, true), step(16, true), step(32, false), step(24, true), step(28, false)]), 24);
  assert.is(sustainedRate([step(8, false)]), 0);
});

targets("in a comparison counts may not rise at all, times by a fifth", () => {
  assert.is(verdictOf({ exact: true }, 1.01), "**worse**");
  assert.is(verdictOf({ exact: true }, 1), "");
  assert.is(verdictOf({}, 1.19), "");
  assert.is(verdictOf({}, 1.21), "**worse**");
  assert.is(verdictOf({}, 0.8), "better");
  assert.is(verdictOf({ upwards: true }, 0.8), "**worse**");
  assert.is(verdictOf({ upwards: true }, 1.3), "better");
});

const plots = suite("plots of the benchmark");

/** Every coordinate of the elements that draw. */
function coordinates(svg: string): number[] {
  return [...svg.matchAll(/ (?:x|y|x1|y1|x2|y2|width|height)="([^"]*)"/g)].map(([, value]) => Number(value));
}

plots("are well-formed, stay inside the picture and escape what they are given", () => {
  const bars = barChart("a < b & c", "tasks/s", [
    { name: "W1", value: 60 },
    { name: '"x"', value: 0 },
  ]);
  const lines = lineChart("t", { x: "ms", y: "%", logarithmic: true }, [
    { name: "a", points: cumulative([0, 1, 5, 900]) },
    { name: "nothing", points: [] },
  ]);
  const flat = lineChart("t", { x: "s", y: "MB" }, [{ name: "a", points: [{ x: 0, y: 0 }] }]);
  for (const svg of [bars, lines, flat]) {
    assert.ok(
      coordinates(svg).every((value) => value >= 0 && value <= 720),
      svg,
    );
    assert.not.match(svg, /NaN|Infinity|undefined/);
    const opened = svg.match(/<(?!\/)[a-z]+/g)?.length ?? 0;
    const closed = (svg.match(/<\/[a-z]+>/g)?.length ?? 0) + (svg.match(/\/>/g)?.length ?? 0);
    assert.is(opened, closed);
  }
  assert.match(bars, "a &#60; b &#38; c");
});

plots("show a long measurement with no more points than there are pixels, its last one included", () => {
  const points = Array.from({ length: 10_001 }, (_, x) => ({ x, y: x }));
  const svg = lineChart("t", { x: "s", y: "MB" }, [{ name: "a", points }]);
  const drawn = /points="([^"]*)"/.exec(svg)?.[1]?.split(" ") ?? [];
  assert.is(drawn.length, 600);
  assert.is(drawn.at(-1), "700.0,54.0");
});

plots("a cumulative distribution ends at all of the values", () => {
  assert.equal(cumulative([2, 1]), [
    { x: 1, y: 50 },
    { x: 2, y: 100 },
  ]);
});

options.run();
targets.run();
plots.run();
