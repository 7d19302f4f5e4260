import { suite } from "uvu";
import * as assert from "uvu/assert";
import { dataView } from "../../../../api/odin/data-view.ts";
import { findResource } from "../../../../api/odin/resource.ts";
import { DEFAULT_PATHS } from "../../../../crds/run-paths.ts";
import { RUN_ID, RUNNING, SampleView, sampleEvent, samplePod, sampleRun } from "./sample.ts";

const test = suite("api resources");
const retried = {
  ...RUNNING,
  tasks: { ...RUNNING.tasks, sst2: { state: "executing", attempt: 2, pod: `${RUN_ID}--sst2-r1` } as const },
};

test("O-220: a run, a task, or a pod of one of its attempts", () => {
  const view = new SampleView(sampleRun(retried));
  assert.is(findResource(view, RUN_ID)?.task, undefined);
  assert.is(findResource(view, `${RUN_ID}--after`)?.task?.name, "after");
  const pod = findResource(view, `${RUN_ID}--sst2-r1`);
  assert.equal([pod?.task?.name, pod?.pod], ["sst2", `${RUN_ID}--sst2-r1`]);
});

test("O-220: a pod of ours with a name of its own, found while it is there", () => {
  const view = new SampleView(sampleRun(RUNNING));
  view.pods = [samplePod("sst2", { name: "odd-name" })];
  assert.is(findResource(view, "odd-name")?.task?.name, "sst2");
  view.pods = [samplePod("sst2", { name: "odd-name", runUid: "another-run-of-the-same-name" })];
  assert.is(findResource(view, "odd-name"), undefined);
});

test("O-220, O-12: everything else is unknown", () => {
  const view = new SampleView(sampleRun(RUNNING));
  view.events = [sampleEvent("coredns-1")];
  for (const id of [
    "coredns-1",
    `${RUN_ID}--nope`,
    `${RUN_ID}--sst2-r1`,
    `${RUN_ID}--`,
    `--${RUN_ID}`,
    "",
    "..",
    "A",
    `${RUN_ID}--sst2--x`,
  ]) {
    assert.is(findResource(view, id), undefined, id);
  }
});

test("names of runs and tasks may hold -- themselves", () => {
  const run = sampleRun(RUNNING, { name: "a--b" });
  const view = new SampleView({ ...run, tasks: [{ name: "c--d", image: "i", command: ["c"] }] });
  assert.is(findResource(view, "a--b--c--d")?.task?.name, "c--d");
  assert.is(findResource(view, "a--b")?.task, undefined);
});

test("O-287: the record of a running pipeline and of its task", () => {
  const run = sampleRun(RUNNING);
  const { success, jobs } = dataView({ run }, DEFAULT_PATHS);
  assert.is(success, true);
  assert.equal([jobs.executed, jobs.executing, jobs.waiting], [[], [`${RUN_ID}--sst2`], [`${RUN_ID}--after`]]);
  assert.equal(jobs.jobs, [`${RUN_ID}--sst2`, `${RUN_ID}--after`]);
  assert.equal([jobs.status, jobs.completion_time, jobs.parent], ["RUNNING", null, null]);
  assert.equal(jobs.submit_time, { $date: Date.parse("2019-08-08T23:32:50.900Z") });
  const found = findResource(new SampleView(run), `${RUN_ID}--sst2`);
  if (found === undefined) throw new Error("the task is known");
  const task = dataView(found, DEFAULT_PATHS).jobs;
  assert.equal(task.args, [
    "--basedir",
    `/data/odin/${RUN_ID}/${RUN_ID}--sst2`,
    "--config",
    "/data/pipelines/sst2/sst2.yml",
  ]);
  assert.equal(
    [task.parent, task.resource_id, task.num_gpus, task.pull_policy],
    [RUN_ID, `${RUN_ID}--sst2`, 1, "IfNotPresent"],
  );
  assert.equal([task.inputs, task.outputs, task.node_selector, task.completion_time], [null, null, null, null]);
});

test("O-68: before the operator has taken a run up its paths are those of its job", () => {
  const found = findResource(new SampleView(sampleRun()), `${RUN_ID}--sst2`);
  if (found === undefined) throw new Error("the task is known");
  assert.is((dataView(found, DEFAULT_PATHS).jobs.args as string[])[3], "/data/pipelines/sst2/sst2.yml");
});

test("O-221: a run that was refused for a text is shown with that text as written", () => {
  const task = { name: "a", image: "i", command: ["c"], args: ["$5", "$$x", "${RUN_PATH}"] };
  const run = { ...sampleRun(), tasks: [task] };
  assert.equal(dataView({ run, task }, DEFAULT_PATHS).jobs.args, [
    "$5",
    "$x",
    `/data/odin/${run.pipeline.metadata.name}`,
  ]);
});

test.run();
