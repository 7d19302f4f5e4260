import { suite } from "uvu";
import * as assert from "uvu/assert";
import { RunMemory } from "../../../operator/run-memory.ts";

/** Creations of one run at a time. */
const MOST = 50;

const memories = suite("what is remembered of a run");
const WAITING = { state: "waiting", reason: "QuotaExceeded" } as const;

memories("F-12: a run is among those that hold tasks as long as it holds one", () => {
  const holding = new Set<RunMemory>();
  const memory = new RunMemory("ns/run", "ns", holding);
  memory.hold("a", WAITING, 0, undefined);
  memory.hold("b", WAITING, 0, undefined);
  memory.created("a");
  assert.equal([...holding], [memory]);
  memory.created("b");
  assert.is(holding.size, 0);
});

memories("F-12: held tasks may try again at once when something was freed", () => {
  const memory = new RunMemory("ns/run", "ns", new Set());
  memory.hold("a", WAITING, 0, undefined);
  assert.is(memory.held(1).size, 1);
  memory.wake();
  assert.is(memory.held(1).size, 0);
});

memories("a run that has ended is not among them, even if an attempt of it is refused after that", () => {
  const holding = new Set<RunMemory>();
  const memory = new RunMemory("ns/run", "ns", holding);
  memory.hold("a", WAITING, 0, undefined);
  memory.end();
  assert.is(holding.size, 0);
  memory.hold("b", WAITING, 0, undefined);
  assert.is(holding.size, 0);
});

memories("I-1: what is being created is known with its attempt until the answer, whatever that is", () => {
  const memory = new RunMemory("ns/run", "ns", new Set());
  for (const task of ["made", "refused", "put-off", "failed"]) memory.begin(task, 2);
  assert.equal([...memory.starting.keys()], ["made", "refused", "put-off", "failed"]);
  assert.is(memory.isStarting("made", 2), true);
  assert.is(memory.isStarting("made", 1), false);
  memory.created("made");
  memory.refuse("refused", { state: "terminated", reason: "PodInvalid" });
  memory.hold("put-off", WAITING, 0, undefined);
  memory.fail("failed", new Error("no answer"));
  assert.is(memory.starts, 0);
  assert.equal([...memory.refused.keys()], ["refused"]);
  assert.equal([...memory.held(500).keys()], ["put-off"]);
  assert.instance(memory.failure?.error, Error);
});

memories("P-3: an object whose deletion was taken is not asked to go again for a minute", () => {
  const memory = new RunMemory("ns/run", "ns", new Set());
  assert.is(memory.isDeleted("u", 0), false);
  memory.deleted("u", 1_000);
  assert.equal(
    [1_000, 60_999, 61_000].map((now) => memory.isDeleted("u", now)),
    [true, true, false],
  );
  assert.is(memory.isDeleted("other", 1_000), false);
});

memories("F-12: a start is as late as its first refusal was early, and pauses grow while it is refused", () => {
  const memory = new RunMemory("ns/run", "ns", new Set());
  memory.calledMs = 100;
  memory.begin("a", 1);
  memory.hold("a", WAITING, 200, undefined);
  memory.calledMs = 1_300;
  memory.begin("a", 1);
  memory.hold("a", WAITING, 1_400, undefined);
  assert.is(memory.nextTryMs(1_400), 2_000);
  memory.begin("a", 1);
  assert.is(memory.created("a"), 100);
  assert.is(memory.nextTryMs(1_400), undefined);
});

memories("a status write waits for creations, but not for long, and anew after each write", () => {
  const memory = new RunMemory("ns/run", "ns", new Set());
  assert.is(memory.writePutOffMs(0), 0);
  memory.begin("a", 1);
  assert.is(memory.writePutOffMs(0), 250);
  assert.is(memory.writePutOffMs(249), 1);
  assert.is(memory.writePutOffMs(251), 0);
  memory.writes();
  assert.is(memory.writePutOffMs(252), 250);
  memory.created("a");
  assert.is(memory.writePutOffMs(253), 0);
});

memories("a run is looked at when its creations have been answered, and before where something waits for that", () => {
  const memory = new RunMemory("ns/run", "ns", new Set());
  const tasks = Array.from({ length: 40 }, (_, i) => `t${i}`);
  for (const task of tasks) memory.begin(task, 1);
  memory.created("t0");
  assert.is(memory.isToLook(0, MOST), false);
  memory.isEnding = true;
  assert.is(memory.isToLook(0, MOST), true, "what was made is to be stopped");
  memory.isEnding = false;
  memory.left = 10;
  assert.is(memory.isToLook(0, MOST), false);
  for (const task of tasks.slice(1, 20)) memory.created(task);
  assert.is(memory.isToLook(0, MOST), true, "there is room for more");
  memory.left = 0;
  assert.is(memory.isToLook(0, MOST), false);
  assert.is(memory.isToLook(1_000, MOST), true, "the status has waited long enough");
  for (const task of tasks.slice(20)) memory.created(task);
  assert.is(memory.isToLook(0, MOST), true);
});

memories.run();
