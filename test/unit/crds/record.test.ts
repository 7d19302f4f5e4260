import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Pipeline, Task, TaskStatus } from "../../../crds/generated/types.ts";
import { recordValue, runRecord, taskRecord } from "../../../crds/record.ts";

const test = suite("records");
const TASK: Task = {
  name: "train",
  image: "image:1",
  command: ["python", "train.py"],
  args: ["--out", "${TASK_PATH}", "^select.outputs.best"],
  outputs: { model: "/data/model", log: "/data/log" },
};
const NAMES = ["train", "after"];

function run(status?: TaskStatus, more: Partial<Pipeline["status"]> = {}): Pipeline {
  return {
    apiVersion: "odin.io/v1",
    kind: "Pipeline",
    metadata: { name: "r-1j", uid: "uid-1", resourceVersion: "1", creationTimestamp: "2026-01-01T00:00:00Z" },
    spec: { job: "team/r", version: "f".repeat(40) },
    ...(status === undefined ? {} : { status: { phase: "RUNNING", tasks: { train: status }, ...more } }),
  };
}

const executed = (result?: unknown, message?: string): TaskStatus => ({
  state: "executed",
  attempt: 1,
  pod: "r-1j--train",
  startTime: "2026-01-01T00:00:01Z",
  completionTime: "2026-01-01T00:01:00Z",
  ...(result === undefined ? {} : { result: typeof result === "string" ? result : JSON.stringify(result) }),
  ...(message === undefined ? {} : { message }),
});

test("O-68: a task's record has all of its keys before anything happened, null where nothing is known", () => {
  const record = taskRecord(run(), TASK, NAMES);
  const { _id, ...rest } = record as { _id: { $oid: string } };
  assert.match(_id.$oid, /^[0-9a-f]{24}$/);
  assert.equal(rest, {
    label: "r-1j--train",
    parent: "r-1j",
    name: "train",
    command: "python train.py",
    image: "image:1",
    args: ["--out", "/data/odin/r-1j/train", "^select.outputs.best"],
    resource_type: "Pod",
    node_selector: null,
    pull_policy: "IfNotPresent",
    num_gpus: 0,
    inputs: null,
    outputs: { model: "/data/model", log: "/data/log" },
    resource_id: null,
    submit_time: null,
    completion_time: null,
    error_message: null,
    request_early_exit: null,
  });
});

test("O-68: a run's record has all of its keys; its tasks are sorted into three lists by their ids", () => {
  const tasks = ["a", "b", "c", "d"].map((name) => ({ name, image: "i", command: ["c"] }));
  const states = { a: "executed", b: "executing", c: "terminated" } as const;
  const records = Object.fromEntries(Object.entries(states).map(([name, state]) => [name, { state }]));
  const ended = { ...run(), status: { phase: "TERMINATED", message: "task c: bad", tasks: records } } as Pipeline;
  const { _id, ...record } = runRecord(ended, tasks);
  assert.match((_id as { $oid: string }).$oid, /^[0-9a-f]{24}$/);
  assert.equal(record, {
    label: "r-1j",
    job: "team/r",
    version: "f".repeat(40),
    status: "TERMINATED",
    submit_time: { $date: Date.parse("2026-01-01T00:00:00Z") },
    completion_time: null,
    executed: ["r-1j--a"],
    executing: ["r-1j--b", "r-1j--c"],
    waiting: ["r-1j--d"],
    jobs: ["r-1j--a", "r-1j--b", "r-1j--c", "r-1j--d"],
    error_message: "task c: bad",
    parent: null,
  });
  assert.is(runRecord(run(), tasks).status, "BUILDING");
});

test("O-13, O-68: a record keeps its id, and no two have the same", () => {
  const ids = [
    runRecord(run(), [TASK]),
    taskRecord(run(), TASK, NAMES),
    taskRecord(run(), { ...TASK, name: "b" }, NAMES),
  ];
  assert.is(new Set(ids.map(({ _id }) => JSON.stringify(_id))).size, 3);
  assert.equal(taskRecord(run(executed()), TASK, NAMES)._id, taskRecord(run(), TASK, NAMES)._id);
});

test("O-205: outputs are merged key by key, other keys are added", () => {
  const record = taskRecord(
    run(executed({ outputs: { log: "/elsewhere", best: "m7" }, request_early_exit: true, accuracy: 0.9, tags: ["x"] })),
    TASK,
    NAMES,
  );
  assert.equal(record.outputs, { model: "/data/model", log: "/elsewhere", best: "m7" });
  assert.equal([record.request_early_exit, record.accuracy, record.tags], [true, 0.9, ["x"]]);
});

test("O-205: what a record says of itself a task cannot change", () => {
  const lies = {
    ...{ _id: 1, label: "x", parent: "x", name: "x", command: "x", image: "x", args: ["x"], resource_type: "x" },
    ...{ node_selector: "x", pull_policy: "x", num_gpus: 9, inputs: "x", resource_id: "x", submit_time: 1 },
    ...{ completion_time: 1, error_message: "x", outputs: "no object" },
  };
  const honest = taskRecord(run(executed()), TASK, NAMES);
  assert.equal(taskRecord(run(executed(lies)), TASK, NAMES), honest);
});

test("O-205: keys that every object has are data like any other", () => {
  const result = '{"__proto__": {"polluted": true}, "constructor": 1, "outputs": {"__proto__": "p", "toString": "t"}}';
  const record = taskRecord(run(executed(result)), TASK, NAMES);
  assert.is(({} as { polluted?: boolean }).polluted, undefined);
  assert.is(record.constructor as unknown, 1);
  assert.is(recordValue(record, ["outputs", "toString"]), "t");
  assert.is(recordValue(record, ["outputs", "hasOwnProperty"]), undefined);
  assert.match(JSON.stringify(record), '"__proto__":{"polluted":true}');
});

test("O-205: what is no JSON object is the message, and what failed hands nothing back", () => {
  assert.is(taskRecord(run(executed(undefined, "all good")), TASK, NAMES).message, "all good");
  assert.not.ok("message" in taskRecord(run(executed({ accuracy: 1 })), TASK, NAMES));
  const failed: TaskStatus = {
    ...executed({ accuracy: 1 }),
    state: "terminated",
    reason: "Error",
    message: "exit code 1",
  };
  const { result: _, ...withoutResult } = failed;
  const record = taskRecord(run(withoutResult), TASK, NAMES);
  assert.equal([record.error_message, record.accuracy, "message" in record], ["exit code 1", undefined, false]);
});

test("O-205: a result that is damaged in the store is no result", () => {
  for (const result of ["{", "[1]", "null", '"text"', "1"])
    assert.equal(taskRecord(run(executed(result)), TASK, NAMES), taskRecord(run(executed()), TASK, NAMES), result);
});

test.run();
