import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Pipeline, TaskStatus } from "../../../crds/generated/types.ts";
import { kindFactsOf } from "../../../crds/task-kinds.ts";
import { ownFailures } from "../../../operator/decide/own-failures.ts";
import type { ObservedObject, TaskView } from "../../../operator/decide/run.ts";

const run: Pipeline = {
  apiVersion: "odin.io/v1",
  kind: "Pipeline",
  metadata: { name: "run", namespace: "default", uid: "u", resourceVersion: "1", generation: 1 },
  spec: {},
};

function view(name: string, record: TaskStatus): TaskView {
  const object: ObservedObject = {
    resource: kindFactsOf({}).resources[0],
    name: `run--${name}`,
    uid: `uid-${name}`,
    task: name,
    attempt: 1,
    createdAt: "2026-01-01T00:00:00Z",
    phase: "Running",
    deleting: true,
    gone: false,
  };
  return { task: { name, image: "i", command: ["c"] }, record, object };
}

const own = suite("failures of a task's own");

for (const reason of ["Timeout", "PendingTimeout"]) {
  own(`a task whose time is over has failed by itself although its pod was asked to go (${reason})`, () => {
    const tasks = [
      view("late", { state: "terminated", reason }),
      view("lost", { state: "terminated", reason: "PodDeleted" }),
    ];
    assert.equal([...ownFailures(run, tasks, new Set(["uid-late", "uid-lost"]))], ["late"]);
  });
}

own("once a failure is recorded, whatever goes was stopped", () => {
  const recorded = { ...run, status: { tasks: { bad: { state: "terminated" as const, reason: "Error" } } } };
  const tasks = [view("late", { state: "terminated", reason: "Timeout" })];
  assert.equal([...ownFailures(recorded, tasks, new Set(["uid-late"]))], []);
});

own.run();
