import { setTimeout as sleep } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { ScrapeError } from "../../../../api/gpu/scrape.ts";
import { Scraper, type ScraperTimings, type Target } from "../../../../api/gpu/scraper.ts";
import { until, within } from "../../../support/deadline.ts";
import { gpu, memory } from "../../../support/gpu-text.ts";

const test = suite("the loop that asks exporters");
const WAIT_MS = 60_000;
const TEXT = Buffer.from(memory(gpu(0), 1, 2));
const TIMINGS: ScraperTimings = { intervalMs: 60, timeoutMs: 300, backoffMs: { base: 40, cap: 160 }, firstMs: 5 };

/** Exporters that exist in memory, and what was seen of them. */
class World {
  readonly good: string[] = [];
  readonly bad: [string, string][] = [];
  running = 0;
  mostRunning = 0;
  readonly busy = new Map<string, number>();
  mostOnNode = 0;
  readonly startedAt = new Map<string, number[]>();
  readonly scraper: Scraper;
  /** What exporters do, by their key; left out: they answer at once. */
  readonly does = new Map<string, () => Promise<Buffer>>();
  onScraped: (target: Target) => Promise<void> | void = () => undefined;

  constructor(timings: Partial<ScraperTimings> = {}) {
    this.scraper = new Scraper(
      { ...TIMINGS, ...timings },
      {
        onScraped: async (target) => {
          await this.onScraped(target);
          this.good.push(target.key);
        },
        onFailed: (target, error: ScrapeError) => void this.bad.push([target.key, error.result]),
      },
    );
  }

  target(key: string, node = key): Target {
    return { key, node, name: key, open: (signal) => this.#answer(key, node, signal) };
  }

  async #answer(key: string, node: string, signal: AbortSignal): Promise<AsyncIterable<Buffer>> {
    this.startedAt.set(key, [...(this.startedAt.get(key) ?? []), performance.now()]);
    this.running++;
    this.mostRunning = Math.max(this.mostRunning, this.running);
    this.busy.set(node, (this.busy.get(node) ?? 0) + 1);
    this.mostOnNode = Math.max(this.mostOnNode, this.busy.get(node) ?? 0);
    try {
      const text = await Promise.race([this.does.get(key)?.() ?? TEXT, aborted(signal)]);
      return (async function* () {
        yield text;
      })();
    } finally {
      this.running--;
      this.busy.set(node, (this.busy.get(node) ?? 0) - 1);
    }
  }

  count(key: string): number {
    return this.good.filter((entry) => entry === key).length;
  }
}

async function after(ms: number): Promise<Buffer> {
  await sleep(ms);
  return TEXT;
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));
}

const world = async (action: (world: World) => Promise<void>, timings: Partial<ScraperTimings> = {}) => {
  const made = new World(timings);
  try {
    await within(WAIT_MS, () => action(made));
  } finally {
    await made.scraper.stop();
  }
};

test("G-31: every exporter is asked again and again, none twice at a time, at most 16 together", () =>
  world(async (one) => {
    const keys = Array.from({ length: 60 }, (_, index) => `e${index}`);
    for (const key of keys) one.does.set(key, () => after(10));
    one.scraper.setTargets(keys.map((key) => one.target(key)));
    await until(() => keys.every((key) => one.count(key) >= 3), WAIT_MS, { describe: "all are asked three times" });
    assert.is(one.mostRunning, 16);
    assert.is(one.mostOnNode, 1);
    assert.equal(one.bad, []);
  }));

test("G-31: two exporters of one node take turns", () =>
  world(async (one) => {
    for (const key of ["a", "b"]) one.does.set(key, () => after(20));
    one.scraper.setTargets([one.target("a", "node"), one.target("b", "node")]);
    await until(() => one.count("a") >= 3 && one.count("b") >= 3, WAIT_MS, { describe: "both are asked" });
    assert.is(one.mostOnNode, 1);
  }));

test("G-34: one that hangs and one that fails hold up no other", () =>
  world(async (one) => {
    one.does.set("hangs", () => new Promise(() => undefined));
    one.does.set("fails", async () => Promise.reject(new Error("x")));
    one.does.set("empty", async () => Buffer.from(""));
    one.scraper.setTargets(["hangs", "fails", "empty", "good"].map((key) => one.target(key)));
    await until(() => one.count("good") >= 5, WAIT_MS, { describe: "the good one is asked" });
    await until(() => one.bad.some(([key]) => key === "hangs"), WAIT_MS, { describe: "the hanging one is given up" });
    assert.equal(
      new Map(one.bad),
      new Map([
        ["fails", "other"],
        ["empty", "parse"],
        ["hangs", "timeout"],
      ]),
    );
  }));

test("G-34: what a listener throws is a failure of that scrape only", () =>
  world(async (one) => {
    one.onScraped = ({ key }) => {
      if (key === "odd") throw new TypeError("no such row");
    };
    one.scraper.setTargets([one.target("odd"), one.target("good")]);
    await until(() => one.count("good") >= 3 && one.bad.length >= 2, WAIT_MS, { describe: "both are asked" });
    assert.equal([...new Set(one.bad.map(([key, result]) => `${key} ${result}`))], ["odd other"]);
  }));

test("G-34: the pauses after failures grow up to a bound; success ends them", () =>
  world(async (one) => {
    let broken = true;
    one.does.set("e", async () => (broken ? Promise.reject(new Error("x")) : TEXT));
    one.scraper.setTargets([one.target("e")]);
    await until(() => one.bad.length >= 6, WAIT_MS, { describe: "six failures" });
    const times = one.startedAt.get("e") ?? [];
    const pauses = times.slice(1).map((time, index) => time - (times[index] ?? 0));
    // Never less than nine tenths of 40, 80, 160, 160, 160 ms; how much more is the machine's affair.
    assert.ok(
      pauses.every((pause, index) => pause >= 0.9 * Math.min(160, 40 * 2 ** index) - 2),
      String(pauses),
    );
    broken = false;
    await until(() => one.count("e") >= 3, WAIT_MS, { describe: "it is asked at the usual rate" });
  }));

test("G-34: a new pod starts without the failures of the old one, at once", () =>
  world(
    async (one) => {
      one.does.set("old", async () => Promise.reject(new Error("x")));
      one.scraper.setTargets([one.target("old", "node")]);
      await until(() => one.bad.length > 0, WAIT_MS, { describe: "the old one fails" });
      one.scraper.setTargets([one.target("new", "node")]);
      // The old one would have been asked again after an hour.
      await until(() => one.count("new") > 0, WAIT_MS, { describe: "the new one is asked" });
    },
    { backoffMs: { base: 3_600_000, cap: 3_600_000 } },
  ));

test("G-31: a target that is gone is let go of in the middle of its scrape, and nobody is told", () =>
  world(
    async (one) => {
      one.does.set("e", () => new Promise(() => undefined));
      one.scraper.setTargets([one.target("e")]);
      await until(() => one.running === 1, WAIT_MS, { describe: "it is asked" });
      one.scraper.setTargets([]);
      await until(() => one.running === 0, WAIT_MS, { describe: "it is let go of" });
      assert.equal([one.good, one.bad], [[], []]);
    },
    { timeoutMs: 60_000 },
  ));

test("G-31: stop ends everything at once, scrapes under way too", async () => {
  const one = new World({ timeoutMs: 60_000 });
  one.does.set("e", () => new Promise(() => undefined));
  one.scraper.setTargets([one.target("e"), one.target("good")]);
  await until(() => one.running === 1 && one.good.length > 0, WAIT_MS, { describe: "both are asked" });
  await within(20_000, () => one.scraper.stop());
  one.scraper.setTargets([one.target("later")]);
  assert.equal([one.running, one.bad, one.startedAt.has("later")], [0, [], false]);
});

test("G-31: exporters that are found together do not stay in step", () =>
  world(
    async (one) => {
      const keys = Array.from({ length: 10 }, (_, index) => `e${index}`);
      one.scraper.setTargets(keys.map((key) => one.target(key)));
      await until(() => keys.every((key) => one.count(key) >= 2), WAIT_MS, { describe: "all are asked twice" });
      const second = keys.map((key) => one.startedAt.get(key)?.[1] ?? 0);
      const spread = Math.max(...second) - Math.min(...second);
      // Ten random moments of an interval of 3 s all within 20 ms: never. A machine that holds them up does so for less than the interval.
      assert.ok(spread > 20, `${spread}`);
    },
    { intervalMs: 3_000 },
  ));

test.run();
