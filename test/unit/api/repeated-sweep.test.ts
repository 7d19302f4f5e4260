import { suite } from "uvu";
import * as assert from "uvu/assert";
import { RepeatedSweep } from "../../../api/repeated-sweep.ts";

const test = suite("a sweep that is repeated");

test("M-64, V-67: it sweeps a minute after the start, then at its interval, sooner after a failure, which is told once, and not while another process does", async () => {
  const told: string[] = [];
  const pauses: number[] = [];
  const results: (number | Error)[] = [3, new Error("no store"), new Error("no store"), 0, 2];
  let turns = 0;
  const sweep = new RepeatedSweep({
    everyMs: 3_600_000,
    sweep: async () => {
      const result = results.shift() ?? 0;
      if (result instanceof Error) throw result;
      return result;
    },
    isActive: () => turns++ !== 1,
    onRemoved: (removed) => told.push(`removed ${removed}`),
    onFailed: (error) => told.push(String(error)),
    pause: async (ms, signal) => {
      pauses.push(ms);
      if (pauses.length < 8) return;
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
    },
  });
  sweep.start();
  sweep.start();
  while (pauses.length < 8) await new Promise((resolve) => setImmediate(resolve));
  assert.not(sweep.isStopping);
  await sweep.stop();
  assert.ok(sweep.isStopping);
  assert.equal(told, ["removed 3", "Error: no store", "removed 2"]);
  const [first, second, third, again, later, fifth, ...rest] = pauses;
  assert.equal([first, second, third, fifth, ...rest], [60_000, 3_600_000, 3_600_000, 3_600_000, 3_600_000, 3_600_000]);
  for (const pause of [again, later]) assert.ok((pause ?? 0) >= 1_000 && (pause ?? 0) <= 600_000, String(pauses));
  assert.is(turns, 7, "nothing is done after the stop");
});

test.run();
