import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Pipeline, Task, TaskStatus } from "../../../crds/generated/types.ts";
import {
  MAX_EVENTS,
  MAX_LABEL,
  MAX_MESSAGE,
  MAX_OBJECT_BYTES,
  MAX_RESULT_BYTES,
  MAX_TASKS,
} from "../../../crds/limits.ts";
import { PIPELINE_KIND } from "../../../crds/pipeline.ts";
import { REASONS } from "../../../crds/reasons.ts";
import {
  FRAME_BYTES,
  LEAST_TEXT_BYTES,
  MOST_OBJECT_BYTES,
  READY_TIME_BYTES,
  RECORD_BYTES,
  runSizeOf,
} from "../../../crds/run-size.ts";
import type { TaskView } from "../../../operator/decide/run.ts";
import { withinBudget } from "../../../operator/decide/status-size.ts";
import { randomSource } from "../../support/random.ts";

const size = suite("how large a run's object can become");
const TIME = "2026-01-01T00:00:00.000Z";
const LONGEST_REASON = Math.max(...Object.keys(REASONS).map(({ length }) => length));

/** Every field of a record at its longest. A new field of the schema must be added here, and may make the record too large. */
const LONGEST: Required<TaskStatus> = {
  state: "terminated",
  reason: "R".repeat(LONGEST_REASON),
  message: "",
  attempt: 31,
  lost: 20,
  pod: "",
  startTime: "2026-01-01T00:00:00Z",
  completionTime: TIME,
  exitCode: 137,
  readyTime: TIME,
  retryTime: TIME,
  result: "",
};

const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

size("F-26: what is counted for a record is what the longest one takes, with every field that the schema has", () => {
  const { properties } = PIPELINE_KIND.status.properties?.tasks?.additionalProperties ?? {};
  assert.equal(Object.keys(properties ?? {}).sort(), Object.keys(LONGEST).sort());
  const { message: _m, result: _r, readyTime, retryTime: _t, ...ended } = LONGEST;
  // The key with its quotes, the colon and the comma.
  const around = bytesOf({ "": 0 }) - 3 + 1;
  assert.ok(bytesOf(ended) + around <= RECORD_BYTES, `${bytesOf(ended) + around} bytes`);
  assert.ok(bytesOf({ readyTime }) <= READY_TIME_BYTES);
  // While it waits for its next attempt it has no completion time.
  const { message: _a, result: _b, readyTime: _c, completionTime: _d, ...waiting } = LONGEST;
  assert.ok(bytesOf(waiting) + around <= RECORD_BYTES);
  const text = "x".repeat(MAX_MESSAGE);
  const event = {
    id: "odin-99999",
    type: "Warning",
    reason: "R".repeat(32),
    task: "t".repeat(63),
    message: text,
    source: "kubelet,".padEnd(72, "n"),
    time: TIME,
    count: 1000,
  };
  const run = {
    message: "x".repeat(1000),
    conditions: Array.from({ length: 4 }, () => ({ message: "x".repeat(1000) })),
  };
  assert.ok(MAX_EVENTS * bytesOf(event) + bytesOf(run) + 4096 <= FRAME_BYTES, "events, conditions and metadata");
});

const tasksOf = (count: number, more: Partial<Task> = {}, digits = 5): Task[] =>
  Array.from({ length: count }, (_, n) => ({
    name: `t${String(n).padStart(digits, "0")}`,
    image: "busybox:1",
    command: ["true"],
    ...more,
  }));
const runOf = (name: string, spec: Pipeline["spec"]): Pick<Pipeline, "metadata" | "spec"> => ({
  metadata: { name, namespace: "n", uid: "u", resourceVersion: "1" },
  spec,
});

size(
  "F-26: the most tasks fit, in a Job with the longest names and inline with dependencies; too much text is refused in bytes",
  () => {
    const job = tasksOf(MAX_TASKS, { timeout: 60 }, 62);
    assert.is(runSizeOf(runOf("r".repeat(60), { job: "x" }), job).kind, "fits");
    const inline = tasksOf(MAX_TASKS, { depends: ["t00001", "t00002"] });
    const fits = runSizeOf(runOf("random-dag", { tasks: inline }), inline);
    assert.ok(fits.kind === "fits" && fits.textBytes > 200_000, JSON.stringify(fits));
    const wordy = tasksOf(MAX_TASKS, { args: ["x".repeat(400)] });
    const refused = runSizeOf(runOf("wordy", { tasks: wordy }), wordy);
    assert.ok(refused.kind === "tooLarge" && refused.bytes > MOST_OBJECT_BYTES, JSON.stringify(refused));
  },
);

const view = (task: Task, record: TaskStatus): TaskView => ({ task, record });

size(
  "F-26: whatever becomes of its tasks, the object stays within the bound, and what is written stays as it is",
  () => {
    for (let seed = 1; seed <= 6; seed++) {
      const random = randomSource(seed);
      const tasks = tasksOf(
        random.pick([300, 1000, 2000]),
        seed % 2 === 0 ? { timeout: 60 } : {},
        random.pick([5, 40]),
      );
      const run = runOf("a-run-with-a-name", seed % 3 === 0 ? { job: "x" } : { tasks });
      const room = runSizeOf(run, tasks);
      if (room.kind !== "fits") throw new Error("it does not fit");
      let before: Record<string, TaskStatus> = {};
      for (let round = 0; round < 6; round++) {
        const records = tasks.map((task): TaskView => {
          const last = before[task.name];
          if (last?.state === "terminated" || last?.state === "executed") return view(task, last);
          const pod = `${run.metadata.name}--${task.name}`.slice(0, MAX_LABEL);
          const text = random.pick(["x", "é", "…", "漢"]).repeat(random.integer(0, MAX_MESSAGE));
          const message = text === "" ? {} : { message: text };
          const { readyTime, ...common } = LONGEST;
          const {
            message: _m,
            result: _r,
            retryTime: _t,
            ...ended
          } = task.timeout === undefined ? common : { ...common, readyTime };
          const choice = random.integer(0, 4);
          if (choice === 0) return view(task, { state: "waiting", reason: "Dependencies", ...message });
          if (choice === 1) return view(task, { ...ended, pod, ...message });
          if (choice === 2)
            return view(task, {
              ...ended,
              state: "executed",
              pod,
              result: JSON.stringify({ x: '"'.repeat(random.integer(0, MAX_RESULT_BYTES / 2 - 20)) }),
            });
          return view(task, last ?? { state: "waiting" });
        });
        const after = withinBudget(records, before, room.textBytes);
        const total = bytesOf(run.spec) + bytesOf(after) + FRAME_BYTES;
        assert.ok(
          total <=
            Math.max(MAX_OBJECT_BYTES, MOST_OBJECT_BYTES * Number(room.textBytes <= tasks.length * LEAST_TEXT_BYTES)),
          `seed ${seed}, round ${round}: ${total} bytes`,
        );
        for (const { task, record } of records) {
          const last = before[task.name];
          if (last?.state === "terminated" || last?.state === "executed") assert.equal(after[task.name], last);
          assert.is(after[task.name]?.state, record.state);
        }
        const again = withinBudget(records, after, room.textBytes);
        assert.equal(again, after, `seed ${seed}, round ${round}: a second look changes nothing`);
        before = after;
      }
    }
  },
);

size("records of a run with room for everything are left alone", () => {
  const [task] = tasksOf(1);
  if (task === undefined) throw new Error("no task");
  const record: TaskStatus = { state: "terminated", message: "x".repeat(200) };
  assert.is(withinBudget([view(task, record)], undefined, undefined)[task.name], record);
});
size.run();
