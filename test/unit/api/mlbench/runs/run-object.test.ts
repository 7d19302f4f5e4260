import { suite } from "uvu";
import * as assert from "uvu/assert";
import { runObject } from "../../../../../api/mlbench/runs/run-object.ts";
import { newPipeline, planOf, type RunPlan, type StoredPipeline } from "../../../../../api/mlbench/runs/run-spec.ts";
import type { PipelineStatus } from "../../../../../crds/generated/types.ts";

const PLAN: RunPlan = {
  name: "Worn-Mouse",
  workers: 3,
  image: "example/image:1",
  template: "/run  {rank} {{}}",
  backend: "gloo",
  allRanks: true,
  launcher: false,
  gpus: 0,
  lightTarget: true,
  cpu: "500m",
  egressMbits: 7,
};

function stored(status?: PipelineStatus): StoredPipeline {
  const made = newPipeline(7, "default", PLAN, "dpressel") as unknown as StoredPipeline;
  const metadata = { ...made.metadata, uid: "u", resourceVersion: "1", creationTimestamp: "2026-01-01T00:00:00Z" };
  return { ...made, metadata, ...(status === undefined ? {} : { status }) };
}

const object = suite("a run and its Pipeline");

object("M-34: the object, its keys in order", () => {
  assert.is(
    JSON.stringify(runObject(stored())),
    '{"id":7,"name":"Worn-Mouse","created_at":"2026-01-01T00:00:00Z","finished_at":null,"state":"initialized","job_id":"u","job_metadata":{},"num_workers":3}',
  );
});

object("M-34, M-43: states, and finished_at of both ends", () => {
  const shown = (status: PipelineStatus): unknown[] => {
    const found = runObject(stored(status));
    return [found?.state, found?.finished_at];
  };
  const completionTime = "2026-01-01T00:01:02.345Z";
  assert.equal(shown({ phase: "BUILDING" }), ["initialized", null]);
  assert.equal(shown({ phase: "RUNNING", startTime: completionTime }), ["started", null]);
  assert.equal(shown({ phase: "DONE", completionTime }), ["finished", completionTime]);
  assert.equal(shown({ phase: "TERMINATED", completionTime: "2026-01-01T00:01:02.000Z" }), [
    "failed",
    "2026-01-01T00:01:02Z",
  ]);
});

object("M-42: a Pipeline says everything that the run was posted with", () => {
  const run = stored();
  assert.equal(planOf(run), PLAN);
  assert.is(run.metadata.name, "mlbench-7j");
  assert.equal(run.metadata.labels, { "odin.io/view": "mlbench", "odin.io/mlbench-run": "7" });
  assert.equal(run.metadata.finalizers, ["odin.io/mlbench"]);
  assert.is(run.spec.managedBy, "odin.io/mlbench");
  assert.is(run.spec.tasks?.[0]?.name, "run");
});

object("M-43: one written by hand may leave out what has a default, and cannot be anything", () => {
  const metadata = { ...stored().metadata, name: "by-hand" };
  const tasks = [{ name: "x", image: "i", command: ["a", "b"], args: ["{rank}"], resourceType: "Workers" as const }];
  assert.equal(planOf({ metadata, spec: { tasks } }), {
    name: "by-hand",
    workers: 1,
    image: "i",
    template: "a b {rank}",
    backend: "mpi",
    allRanks: false,
    launcher: true,
    gpus: 0,
    lightTarget: false,
  });
  const problem = (spec: StoredPipeline["spec"]): unknown => "problem" in planOf({ metadata, spec });
  assert.ok(problem({}));
  assert.ok(problem({ tasks: [...tasks, ...tasks] }));
  assert.ok(problem({ tasks: [{ name: "x", image: "i", command: ["a"] }] }));
  assert.ok(problem({ tasks: tasks.map((task) => ({ ...task, args: ["{x}"] })) }));
  assert.ok(problem({ tasks, runName: "a.b" }));
});

object.run();
