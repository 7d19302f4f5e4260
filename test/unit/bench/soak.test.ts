import { suite } from "uvu";
import * as assert from "uvu/assert";
import { tasksOf } from "../../bench/engine/graphs.ts";
import { parseSoakOptions } from "../../bench/soak/options.ts";
import { floorOf, growthOfSecondHalf, type SoakEnd, type SoakSample, soakChecks } from "../../bench/soak/samples.ts";
import { soakRuns } from "../../bench/soak/stream.ts";

const CLEAN: SoakEnd = {
  leftInCluster: { pods: 0 },
  leftInCaches: { pods: 0 },
  unfinished: 0,
  sameProcess: true,
  complaints: [],
};

/** A heap that fills and is collected every 7 seconds, over a floor that the caller gives. */
function soaked(floorMb: (seconds: number) => number, sockets: (seconds: number) => number = () => 18): SoakSample[] {
  return Array.from({ length: 320 }, (_, seconds) => ({
    seconds,
    finished: seconds * 30,
    heapMb: floorMb(seconds) + 6 * (seconds % 7),
    rssMb: 150,
    sockets: sockets(seconds),
    cached: 200,
  }));
}

function missed(samples: readonly SoakSample[], end: SoakEnd = CLEAN): string[] {
  return soakChecks(samples, end)
    .filter(({ ok }) => ok === false)
    .map(({ what }) => what);
}

const verdict = suite("verdict of the soak");

verdict("a heap that fills and is collected is flat, also if it rose while the caches filled", () => {
  assert.equal(missed(soaked(() => 40)), []);
  assert.equal(missed(soaked((seconds) => 40 + Math.min(seconds, 100) / 2)), []);
});

verdict("a heap whose floor rises is not, however little of its noise that is", () => {
  assert.equal(missed(soaked((seconds) => 40 + seconds / 30)), ["growth of the heap over the second half"]);
});

verdict("one window without a collection tilts nothing", () => {
  const samples = soaked((seconds) => (seconds > 280 && seconds < 300 ? 90 : 40));
  assert.equal(missed(samples), []);
});

verdict("sockets that are not closed are seen", () => {
  const samples = soaked(
    () => 40,
    (seconds) => 18 + Math.floor(seconds / 20),
  );
  assert.equal(missed(samples), ["growth of the number of sockets over the second half"]);
});

verdict("whatever is left or went wrong is named", () => {
  const end = {
    leftInCluster: { pods: 2, configmaps: 0 },
    leftInCaches: { pods: 1 },
    unfinished: 1,
    sameProcess: false,
    complaints: ["boom"],
  };
  const checks = soakChecks(
    soaked(() => 40),
    end,
  );
  assert.is(checks.filter(({ ok }) => !ok).length, 5);
  assert.is(checks.find(({ what }) => what.includes("in the cluster"))?.measured, "2 pods");
});

verdict("a soak of a few runs says nothing about growth", () => {
  const short = soaked((seconds) => 40 + seconds).slice(0, 60);
  const checks = soakChecks(short, CLEAN);
  assert.equal(checks.map(({ ok }) => ok).slice(0, 3), [undefined, undefined, true]);
});

verdict("the floor is the least of each window, and growth is that of the second half", () => {
  const floor = floorOf(
    soaked(() => 40),
    ({ heapMb }) => heapMb,
  );
  assert.is(floor.length, 16);
  assert.ok(floor.every(({ y }) => y === 40));
  const line = Array.from({ length: 10 }, (_, x) => ({ x, y: 3 * x }));
  assert.is(growthOfSecondHalf(line), 12);
});

verdict("sends as many runs as it was asked to, some of them longer, the same each time", () => {
  const runs = soakRuns(200);
  assert.is(runs.length, 200);
  assert.is(tasksOf(runs), 240);
  assert.equal(soakRuns(200), runs);
  assert.is(runs.flatMap(({ tasks }) => tasks).filter(({ failsOnce }) => failsOnce).length, 12);
});

verdict("a wrong option is refused with what is wanted", () => {
  assert.throws(() => parseSoakOptions(["--runs", "many"]), /--runs "many": must be a whole number from 10 to 1000000/);
  assert.throws(() => parseSoakOptions(["--nonsense"]), /--help lists the options/);
  assert.is(parseSoakOptions([]).runs, 10_000);
});
verdict.run();
