import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parseMlbenchBenchOptions } from "../../bench/mlbench/options.ts";

const test = suite("options of the MLBench benchmark");

test("what is not said has its default", () => {
  const defaults = {
    clients: 50,
    seconds: 10,
    points: 1000,
    entries: 1_000_000,
    store: "embedded",
    write: false,
    help: false,
  };
  assert.equal(parseMlbenchBenchOptions([]), defaults);
  assert.equal(parseMlbenchBenchOptions(["--seconds", "3", "--points", "10000", "--write"]), {
    ...{ ...defaults, seconds: 3, points: 10_000, write: true },
  });
});

test("what is wrong is named", () => {
  for (const [argv, problem] of [
    [["--points", "10001"], /--points "10001": must be a whole number from 2 to 10000/],
    [["--clients", "many"], /--clients "many"/],
    [["--seconds", "0"], /--seconds "0"/],
    [["--store", "disk"], /--store disk: must be embedded or postgres/],
    [["--fast"], /--fast/],
  ] as const) {
    assert.throws(() => parseMlbenchBenchOptions(argv), problem);
  }
});

test.run();
