import { suite } from "uvu";
import * as assert from "uvu/assert";
import { pipelineView } from "../../../../api/odin/pipeline-view.ts";
import { eventTime, statusTime } from "../../../../api/odin/time.ts";
import type { PipelineStatus } from "../../../../crds/generated/types.ts";
import { RUN_ID, RUNNING, SST2_TASKS, sampleRun, VERSION } from "./sample.ts";

const test = suite("api pipeline view");

test("O-286: a running pipeline, exactly", () => {
  assert.equal(pipelineView(sampleRun(RUNNING)), {
    id: RUN_ID,
    name: RUN_ID,
    job: "sst2",
    version: VERSION,
    status: "RUNNING",
    submitTime: "2019-08-08T23:32:50.900000",
    tasks: [
      {
        id: `${RUN_ID}--sst2`,
        task: `${RUN_ID}--sst2`,
        name: "sst2",
        command: "mead-train",
        image: "meadml/mead2-gpu:latest",
        status: "executing",
        resourceType: "Pod",
        resourceId: `${RUN_ID}--sst2`,
        submitTime: "2019-08-08T23:32:51.244000",
      },
      {
        id: `${RUN_ID}--after`,
        task: `${RUN_ID}--after`,
        name: "after",
        command: "odin-chores",
        image: "interactions/odin-ml:latest",
        status: "waiting",
        resourceType: "Pod",
        message: "waiting for sst2",
      },
    ],
  });
});

test("O-64, O-180: before the operator has taken it up a run is BUILDING and its tasks wait, with a reason (O-185)", () => {
  const view = pipelineView(sampleRun());
  assert.is(view.status, "BUILDING");
  assert.is(view.job, "sst2");
  assert.equal(
    view.tasks.map(({ name, status, message }) => [name, status, message]),
    [
      ["sst2", "waiting", "waiting for the operator to take the run up"],
      ["after", "waiting", "waiting for sst2"],
    ],
  );
});

test("O-64: executed tasks first, then executing or terminated ones, then waiting ones", () => {
  const tasks = ["w1", "r1", "e1", "t1", "w2", "e2"].map((name) => ({ name, image: "i", command: ["c", "-x"] }));
  const states = { w: "waiting", r: "executing", e: "executed", t: "terminated" } as const;
  const status: PipelineStatus = {
    phase: "RUNNING",
    tasks: Object.fromEntries(tasks.map(({ name }) => [name, { state: states[name[0] as keyof typeof states] }])),
  };
  const view = pipelineView({ ...sampleRun(status), tasks });
  assert.equal(
    view.tasks.map(({ name }) => name),
    ["e1", "e2", "r1", "t1", "w1", "w2"],
  );
  assert.is(view.tasks[0]?.command, "c -x");
});

test("O-64: message is the first failure, completionTime is there once it has ended", () => {
  const failed: PipelineStatus = {
    ...RUNNING,
    phase: "TERMINATED",
    message: "task sst2: exit code 1",
    completionTime: "2019-08-09T00:00:00Z",
    counts: { total: 2, waiting: 1, executing: 0, executed: 0, terminated: 1 },
  };
  const view = pipelineView(sampleRun(failed));
  assert.is(view.message, "task sst2: exit code 1");
  assert.is(view.completionTime, "2019-08-09T00:00:00.000000");
  assert.is(
    pipelineView(
      sampleRun({ ...RUNNING, message: "task a: failed", counts: { ...RUNNING.counts, terminated: 1 } as never }),
    ).message,
    "task a: failed",
  );
});

test("O-9: what is not known is left out, id, status and tasks never are", () => {
  const run = { ...sampleRun(), tasks: [] };
  assert.equal(pipelineView({ pipeline: { ...run.pipeline, spec: {} }, tasks: [] }), {
    id: RUN_ID,
    name: RUN_ID,
    status: "BUILDING",
    submitTime: "2019-08-08T23:32:50.900000",
    tasks: [],
  });
  const unknown = { name: "lost", image: "", command: [] };
  const [task] = pipelineView({ ...run, tasks: [unknown] }).tasks;
  assert.not.ok("image" in (task ?? {}));
  assert.not.ok("command" in (task ?? {}));
});

test("a task called constructor is a task like others", () => {
  const run = { ...sampleRun(RUNNING), tasks: [{ ...SST2_TASKS[0], name: "constructor", image: "i", command: ["c"] }] };
  assert.is(pipelineView(run).tasks[0]?.status, "waiting");
});

test("O-7: times are UTC, whatever the zone they were written in", () => {
  assert.is(statusTime("2019-08-08T23:32:50Z"), "2019-08-08T23:32:50.000000");
  assert.is(statusTime("2019-08-09T08:32:50+09:00"), "2019-08-08T23:32:50.000000");
  assert.is(statusTime("2019-08-08T23:32:50.123456Z"), "2019-08-08T23:32:50.123000");
  assert.is(eventTime("2019-08-16T06:24:10.999Z"), "2019-08-16T06:24:10+00:00");
});

test.run();
