import { setTimeout as pause } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { keepPurging, purgeJobs } from "../../../../../api/clockwork/jobs/purge.ts";

const DAY_S = 24 * 3600;
const NOW_S = 400 * DAY_S;
const purging = suite("removal of old jobs");

/** A store with so many old jobs, which takes so long to remove each; notes what it was asked for. */
function storeOf(old: number, eachMs = 0) {
  const asked: [before: number, batch: number][] = [];
  let left = old;
  const purge = async (before: number, batch: number): Promise<number> => {
    asked.push([before, batch]);
    const some = Math.min(left, batch);
    left -= some;
    if (eachMs > 0) await pause(some * eachMs);
    return some;
  };
  return { asked, purge };
}

purging("C-80, C-85: what ended before the time of keeping goes, batch after batch", async () => {
  const store = storeOf(1_200);
  assert.is(await purgeJobs(store, 180, NOW_S * 1000, new AbortController().signal), 1_200);
  assert.ok(store.asked.length >= 3);
  for (const [before, batch] of store.asked) {
    assert.is(before, NOW_S - 180 * DAY_S);
    assert.ok(batch <= 500);
  }
});

purging("C-85: where removal is slow, few jobs go at once", async () => {
  const store = storeOf(60, 20);
  assert.is(await purgeJobs(store, 180, NOW_S * 1000, new AbortController().signal), 60);
  const [first, second] = store.asked.map(([, batch]) => batch);
  assert.ok(first !== undefined && first <= 50);
  assert.ok(second !== undefined && second <= 2, `${second}`);
});

purging(
  "C-85: a removal that fails is tried again after seconds, then ever more seldom, and after a good one every hour",
  async () => {
    const outcomes = [undefined, undefined, undefined, 7, 0, undefined];
    const pauses: number[] = [];
    const stopped = new Error("stopped");
    const all = keepPurging(
      async () => outcomes.shift(),
      async (ms) => {
        pauses.push(ms);
        if (outcomes.length === 0) throw stopped;
      },
    );
    assert.is(await all.catch((error: unknown) => error), stopped);
    const [first = 0, second = 0, third = 0, fourth, fifth, last = 0] = pauses;
    assert.ok(first >= 1_000 && first <= 2_000, `${first}`);
    assert.ok(second >= 2_000 && second <= 4_000, `${second}`);
    assert.ok(third >= 4_000 && third <= 8_000, `${third}`);
    assert.equal([fourth, fifth], [3_600_000, 3_600_000]);
    assert.ok(last <= 2_000, `${last}`);
  },
);

purging("C-80: no days stand for ever", async () => {
  const store = storeOf(10);
  assert.is(await purgeJobs(store, 0, NOW_S * 1000, new AbortController().signal), 0);
  assert.equal(store.asked, []);
});

purging("C-85: a removal that is under way ends with the program", async () => {
  const store = storeOf(Number.MAX_SAFE_INTEGER);
  const stopping = new AbortController();
  const under = purgeJobs(store, 1, NOW_S * 1000, stopping.signal).then(
    () => "all",
    () => "stopped",
  );
  stopping.abort();
  assert.is(await under, "stopped");
  assert.ok(store.asked.length < 5);
});

purging.run();
