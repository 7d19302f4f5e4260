import { suite } from "uvu";
import * as assert from "uvu/assert";
import { tenthsOf } from "../../bench/vesta/hour.ts";
import { parseVestaBenchOptions } from "../../bench/vesta/options.ts";

const test = suite("options and figures of the benchmark of the view of GPUs");

test("what is not said has its default", () => {
  const defaults = {
    ...{ exporters: 500, gpus: 8, stores: ["embedded", "postgres"], parts: ["scraping", "requests", "hour"] },
    ...{ clients: 50, rate: 10, seconds: 30, minutes: 60, write: false, help: false },
  };
  assert.equal(parseVestaBenchOptions([]), defaults);
  assert.equal(parseVestaBenchOptions(["--store", "postgres", "--only", "hour,scraping", "--exporters", "20"]), {
    ...{ ...defaults, stores: ["postgres"], parts: ["scraping", "hour"], exporters: 20 },
  });
});

test("what is wrong is named", () => {
  for (const [argv, problem] of [
    [["--exporters", "0"], /--exporters 0: must be a whole number from 1 to 5000/],
    [["--gpus", ""], /--gpus : must be/],
    [["--store", "sqlite"], /--store sqlite: must be embedded, postgres or both/],
    [["--only", "all"], /--only all: must be of scraping, requests, hour/],
    [["--fast"], /--fast/],
  ] as const) {
    assert.throws(() => parseVestaBenchOptions(argv), problem);
  }
});

test("the course of memory is told by the medians of ten parts, or of as many as there are", () => {
  const values = Array.from({ length: 100 }, (_, index) => index);
  assert.equal(tenthsOf(values), [5, 15, 25, 35, 45, 55, 65, 75, 85, 95]);
  assert.equal(tenthsOf([3, 1]), [3, 1]);
  assert.equal(tenthsOf([]), []);
});

test.run();
