import { suite } from "uvu";
import * as assert from "uvu/assert";
import { tasksOf } from "../../bench/engine/graphs.ts";
import { parseSoakOptions } from "../../bench/soak/options.ts";
import { growth, type SoakEnd, type SoakLeg, soakChecks } from "../../bench/soak/samples.ts";
import { soakRuns } from "../../bench/soak/stream.ts";

const CLEAN: SoakEnd = { unfinished: 0, sameProcess: true, complaints: [] };

/** Parts of 2,500 runs behind which the operator holds what the caller says. */
function soaked(heapMb: readonly number[], sockets: readonly number[] = heapMb.map(() => 9), runs = 2500): SoakLeg[] {
  return heapMb.map((mb, i) => ({
    ...{ runs, tasks: runs, seconds: 100, operatorCpu: 10, apiServerCpu: 40 },
    rest: {
      ...{ finished: (i + 1) * runs, heapMb: mb, rssMb: 150, sockets: sockets[i] ?? 0 },
      ...{ leftInCluster: { pods: 0 }, leftInCaches: { pods: 0 } },
    },
  }));
}

function missed(legs: readonly SoakLeg[], end: SoakEnd = CLEAN): string[] {
  return soakChecks(legs, end)
    .filter(({ ok }) => ok === false)
    .map(({ what }) => what);
}

const verdict = suite("verdict of the soak");

verdict("a heap that is the same at each rest is flat, with the noise that it has", () => {
  assert.equal(missed(soaked([30, 31, 30.5, 31.5])), []);
});

verdict("a heap that holds more at each rest is not", () => {
  assert.equal(missed(soaked([30, 32, 34, 36])), ["growth of the heap from the first rest to the last"]);
});

verdict("a single rest tilts nothing", () => {
  assert.equal(missed(soaked([30, 45, 30.5, 31])), []);
  assert.is(
    growth(
      soaked([30, 31, 32, 33]).map(({ rest }) => rest),
      ({ heapMb }) => heapMb,
    ),
    3,
  );
});

verdict("sockets that are not closed are seen", () => {
  const legs = soaked([30, 30, 30, 30], [9, 10, 11, 12]);
  assert.equal(missed(legs), ["growth of the number of sockets from the first rest to the last"]);
  assert.equal(missed(soaked([30, 30, 30, 30], [9, 10, 9, 10])), []);
});

verdict("whatever is left or went wrong is named", () => {
  const legs = soaked([30, 30]);
  const last = legs.at(-1);
  if (last !== undefined) {
    last.rest.leftInCluster = { pods: 2, configmaps: 0 };
    last.rest.leftInCaches = { pods: 1 };
  }
  const checks = soakChecks(legs, { unfinished: 1, sameProcess: false, complaints: ["boom"] });
  assert.is(checks.filter(({ ok }) => !ok).length, 5);
  assert.is(checks.find(({ what }) => what.includes("in the cluster"))?.measured, "2 pods");
});

verdict("a soak of a few runs says nothing about growth", () => {
  const checks = soakChecks(soaked([30, 40, 50, 60], [9, 20, 30, 40], 50), CLEAN);
  assert.equal(checks.map(({ ok }) => ok).slice(0, 3), [undefined, undefined, true]);
});

verdict("sends as many runs as it was asked to, some of them longer, the same each time", () => {
  const runs = soakRuns(200);
  assert.is(runs.length, 200);
  assert.is(tasksOf(runs), 240);
  assert.equal(soakRuns(200), runs);
  assert.is(runs.flatMap(({ tasks }) => tasks).filter(({ failsOnce }) => failsOnce).length, 12);
});

verdict("each tenth of the runs is as much work as any other", () => {
  const runs = soakRuns(10_000);
  for (let i = 0; i < 10; i++) {
    const tasks = tasksOf(runs.slice(i * 1000, (i + 1) * 1000));
    assert.ok(tasks > 1120 && tasks < 1280, `runs ${i * 1000} and on have ${tasks} tasks`);
  }
});

verdict("a wrong option is refused with what is wanted", () => {
  assert.throws(() => parseSoakOptions(["--runs", "many"]), /--runs "many": must be a whole number from 10 to 1000000/);
  assert.throws(() => parseSoakOptions(["--nonsense"]), /--help lists the options/);
  assert.is(parseSoakOptions([]).runs, 10_000);
});
verdict.run();
