import { suite } from "uvu";
import * as assert from "uvu/assert";
import { RunPace } from "../../../operator/run-pace.ts";

const pace = suite("pace of a run");

pace("the first write and the first pass are due at once", () => {
  const fresh = new RunPace();
  assert.is(fresh.writePauseMs(2_000, 5), 0);
  assert.is(fresh.passPauseMs(5), 0);
});

pace("writes that cost little are 75 ms apart", () => {
  const quick = new RunPace();
  quick.wrote(1_000, 1_005);
  assert.is(quick.writePauseMs(10, 1_005), 75);
  assert.is(quick.writePauseMs(10, 1_080), 0);
});

pace("writes take a fifth of the time at most, and the longest pause is bounded", () => {
  const slow = new RunPace();
  slow.wrote(1_000, 1_100);
  assert.is(slow.writePauseMs(10, 1_100), 400);
  for (let at = 2_000; at < 200_000; at += 20_000) slow.wrote(at, at + 10_000);
  assert.is(slow.writePauseMs(10, 192_000), 3_000);
});

pace("a slow write does not hold the next ones back for ever", () => {
  const once = new RunPace();
  once.wrote(0, 600);
  for (let at = 5_000; at < 25_000; at += 1_000) once.wrote(at, at + 5);
  assert.is(once.writePauseMs(10, 24_005), 75);
});

pace("passes that compute for long leave room for other runs", () => {
  const heavy = new RunPace();
  heavy.passed(0.5, 100);
  assert.is(heavy.passPauseMs(100), 0);
  heavy.passed(5, 100);
  assert.is(heavy.passPauseMs(100), 20);
  assert.is(heavy.passPauseMs(121), 0);
  heavy.passed(5_000, 200);
  assert.is(heavy.passPauseMs(200), 200);
});
pace.run();
