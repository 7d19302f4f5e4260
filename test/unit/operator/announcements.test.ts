import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Pipeline, PipelineStatus, TaskStatus } from "../../../crds/generated/types.ts";
import { Announcements } from "../../../operator/announcements.ts";
import { isAnnouncement } from "../../../operator/decide/announcement.ts";
import { planOf } from "../../../operator/decide/plan.ts";
import { type StatusInput, statusOf } from "../../../operator/decide/status.ts";

const due = suite("when announcements are written");

/** How long each of some that come up at the same time waits, in milliseconds. */
function waits(announcements: Announcements, count: number, nowMs: number): number[] {
  return Array.from({ length: count }, () => announcements.turn(undefined, false, nowMs).dueMs - nowMs);
}

due("P-8: those of a few runs are written at once, those of a burst take turns, five a second", () => {
  assert.equal(waits(new Announcements(), 13, 5_000), [...Array.from({ length: 10 }, () => 0), 200, 400, 600]);
});

due("I-4: none waits longer than five seconds while no task runs, and than three from when one does", () => {
  const announcements = new Announcements();
  assert.is(waits(announcements, 300, 0).at(-1), 5_000);
  const pending = announcements.turn(undefined, false, 0);
  const running = announcements.turn(pending, true, 2_000);
  assert.is(running.dueMs, 5_000);
  assert.is(announcements.turn(running, true, 2_500), running, "it is not put off again");
  assert.is(announcements.turn(pending, true, 4_500).dueMs, 7_500);
});

due("I-4: one whose turn comes is not put off because its task has begun to run", () => {
  const announcements = new Announcements();
  waits(announcements, 15, 0);
  const pending = announcements.turn(undefined, false, 0);
  assert.is(pending.dueMs, 1_200);
  assert.is(announcements.turn(pending, true, 300).dueMs, 1_200);
});

due("soon after a burst, however large, a lone run's is written at once again", () => {
  const announcements = new Announcements();
  waits(announcements, 1_000, 0);
  assert.equal(waits(announcements, 1, 9_000), [0]);
  assert.equal(waits(announcements, 1, 60_000), [0]);
});

due("where writes are slow there are fewer turns", () => {
  const announcements = new Announcements();
  for (let i = 0; i < 100; i++) announcements.wrote(100);
  const [eleventh = 0, twelfth = 0] = waits(announcements, 12, 0).slice(10);
  assert.ok(Math.abs(eleventh - 1_000) < 1 && Math.abs(twelfth - 2_000) < 1, `${eleventh} ${twelfth}`);
});

due("P-8: writes that become slower in the middle of a burst do not make it larger", () => {
  const announcements = new Announcements();
  assert.equal(
    waits(announcements, 10, 0),
    Array.from({ length: 10 }, () => 0),
  );
  for (let i = 0; i < 20; i++) announcements.wrote(60);
  const [next = 0, ...later] = waits(announcements, 10, 0);
  assert.ok(next > 500, `the eleventh waits ${next} ms`);
  assert.is(Math.min(...later) > next, true, `${later}`);
});

const NOW = "2026-01-01T00:00:05.000Z";
const task = { name: "a", image: "i", command: ["c"] };
const child = { ...task, name: "b", depends: ["a"] };
const RUNS: TaskStatus = { state: "executing", attempt: 1, pod: "r-a", startTime: "2026-01-01T00:00:04Z" };
const WAITS: TaskStatus = { state: "waiting", reason: "Dependencies", message: "waiting for a" };

function input(
  records: [TaskStatus, TaskStatus],
  more: { spec?: object; status?: PipelineStatus; input?: Partial<StatusInput> } = {},
): StatusInput {
  const run = {
    metadata: { name: "r", uid: "u", resourceVersion: "1", generation: 1 },
    spec: { tasks: [task, child], ...more.spec },
    ...(more.status === undefined ? {} : { status: more.status }),
  } as Pipeline;
  return {
    run,
    plan: planOf({ tasks: [task, child], files: [], failFast: false }),
    controls: { suspend: false, stop: false, cancel: false },
    tasks: [task, child].map((each, i) => ({ task: each, record: records[i] ?? WAITS })),
    warnings: [],
    now: NOW,
    ...more.input,
  };
}

const words = suite("what an announcement is");

words("a first task that runs is one; told once, it is none any more", () => {
  assert.is(isAnnouncement(input([RUNS, WAITS])), true);
  assert.is(isAnnouncement(input([RUNS, WAITS], { status: statusOf(input([RUNS, WAITS])) })), false);
});

words("a task that follows another is one once the end of the other is written", () => {
  const ended: TaskStatus = { ...RUNS, state: "executed", completionTime: NOW, exitCode: 0 };
  const next: TaskStatus = { ...RUNS, pod: "r-b" };
  assert.is(isAnnouncement(input([ended, next], { status: statusOf(input([RUNS, WAITS])) })), false);
  assert.is(isAnnouncement(input([ended, next], { status: statusOf(input([ended, WAITS])) })), true);
});

words("I-4: whatever is in trouble, over, or asked for is told at once", () => {
  const told: Record<string, StatusInput> = {
    "an end": input([{ ...RUNS, state: "executed", exitCode: 0 }, WAITS]),
    "a failure": input([{ ...RUNS, state: "terminated", reason: "ExitCode" }, WAITS]),
    "a pod that waits": input([{ ...RUNS, reason: "Unschedulable" }, WAITS]),
    "a task that cannot start": input([{ state: "waiting", reason: "QuotaExceeded" }, WAITS]),
    "a second attempt": input([{ state: "waiting", retryTime: NOW, attempt: 1 }, WAITS]),
    "a lost attempt": input([{ ...RUNS, lost: 1 }, WAITS]),
    "a suspension": input([RUNS, WAITS], { input: { controls: { suspend: true, stop: false, cancel: false } } }),
    "a stop": input([RUNS, WAITS], { input: { controls: { suspend: false, stop: true, cancel: false } } }),
    "a cancellation": input([RUNS, WAITS], { input: { controls: { suspend: false, stop: false, cancel: true } } }),
    "a warning": input([RUNS, WAITS], {
      input: {
        warnings: [{ id: "w", task: "a", reason: "R", message: "m", source: "kubelet", time: NOW, count: 1 }],
      },
    }),
    "the end of a trouble": input([RUNS, WAITS], {
      status: statusOf(input([{ ...RUNS, reason: "Unschedulable" }, WAITS])),
    }),
    "a control that was read": input([RUNS, WAITS], { status: { phase: "BUILDING", observedGeneration: 0 } }),
  };
  for (const [what, each] of Object.entries(told)) assert.is(isAnnouncement(each), false, what);
});

words(
  "O-187: a run of a job whose definition is not in the object yet is told at once, so that it stays the one it runs",
  () => {
    const spec = { tasks: undefined, job: "j" };
    assert.is(isAnnouncement(input([RUNS, WAITS], { spec })), false);
    assert.is(isAnnouncement(input([RUNS, WAITS], { spec: { ...spec, snapshot: "s" } })), true);
    assert.is(isAnnouncement(input([RUNS, WAITS], { spec, status: { phase: "RUNNING" } })), true);
  },
);

words("O-183: a status that is written late has the times of what it tells", () => {
  const ended: TaskStatus = { ...RUNS, state: "executed", completionTime: NOW, exitCode: 0 };
  const begunAt = "2026-01-01T00:00:04.250Z";
  const { startTime, events = [] } = statusOf(
    input([ended, { ...RUNS, pod: "r-b", startTime: NOW }], { input: { begunAt } }),
  );
  assert.is(startTime, begunAt);
  assert.equal(
    events.map(({ reason, task: of, time }) => [reason, of, time]),
    [
      ["Started", undefined, begunAt],
      ["TaskStarted", "a", begunAt],
      ["TaskSucceeded", "a", NOW],
      ["TaskStarted", "b", NOW],
    ],
  );
});

due.run();
words.run();
