import { suite } from "uvu";
import * as assert from "uvu/assert";
import { TASK_KIND_FACTS } from "../../../crds/task-kinds.ts";
import type { ObservedObject } from "../../../operator/decide/run.ts";
import { speakerOf, withMembers } from "../../../operator/kinds/members.ts";

const members = suite("objects with pods");
const MASTER = /^master-0$/;

function observed(name: string, more: Partial<ObservedObject> = {}): ObservedObject {
  return {
    resource: TASK_KIND_FACTS.PyTorchJob.resources[0],
    name,
    uid: `uid-${name}`,
    task: "train",
    attempt: 1,
    createdAt: "2026-01-01T00:00:00Z",
    phase: "Running",
    deleting: false,
    gone: false,
    ...more,
  };
}

const pod = (suffix: string, more: Partial<ObservedObject> = {}): ObservedObject =>
  observed(`run--train-${suffix}`, { resource: TASK_KIND_FACTS.Pod.resources[0], ...more });
const train = (more: Partial<ObservedObject> = {}): ObservedObject => observed("run--train", more);

members("O-174: no pods are no error, and pods do not say how far the object has come", () => {
  assert.equal(withMembers(train(), [], MASTER), train());
  const ended = [pod("master-0", { phase: "Succeeded" }), pod("worker-0", { phase: "Failed" })];
  assert.is(withMembers(train(), ended, MASTER).phase, "Running");
});

members("O-205: the result is that of the pod that speaks for the task, even if it is gone by now", () => {
  const pods = [
    pod("worker-0", { phase: "Succeeded", ended: { terminationMessage: "worker" } }),
    pod("master-0", { phase: "Succeeded", gone: true, ended: { exitCode: 0, terminationMessage: "master" } }),
  ];
  const object = train({ phase: "Succeeded", ended: { at: "2026-01-01T00:01:00Z" } });
  assert.equal(withMembers(object, pods, MASTER).ended, {
    exitCode: 0,
    terminationMessage: "master",
    at: "2026-01-01T00:01:00Z",
  });
  assert.is(speakerOf(object, pods.slice(0, 1), MASTER), undefined);
  // Of a Job's equal pods it is the latest that succeeded.
  const batch = [
    pod("aaaaa", { phase: "Failed", createdAt: "2026-01-01T00:00:01Z" }),
    pod("bbbbb", { phase: "Succeeded", createdAt: "2026-01-01T00:00:02Z" }),
    pod("ccccc", { phase: "Failed", createdAt: "2026-01-01T00:00:03Z" }),
  ];
  assert.is(speakerOf(object, batch, undefined)?.name, "run--train-bbbbb");
});

members("O-183: of pods that work together the first to fail is to blame, of a Job's pods the last", () => {
  const first = { phase: "Failed", ended: { exitCode: 3, at: "2026-01-01T00:00:10Z" } } as const;
  const later = { phase: "Failed", ended: { exitCode: 143, at: "2026-01-01T00:00:11Z" } } as const;
  const pods = [
    pod("master-0", { ...later, createdAt: "2026-01-01T00:00:02Z" }),
    pod("worker-0", { ...first, createdAt: "2026-01-01T00:00:01Z" }),
  ];
  const object = train({ phase: "Failed", ended: { reason: "PyTorchJobFailed", message: "1 replica failed" } });
  assert.equal(
    [withMembers(object, pods, MASTER).ended?.exitCode, withMembers(object, pods, MASTER).ended?.pod],
    [3, "run--train-worker-0"],
  );
  const job = { ...object, resource: TASK_KIND_FACTS.Job.resources[0] };
  assert.is(withMembers(job, pods, undefined).ended?.exitCode, 143);
  // Without a pod that failed the object speaks for itself.
  assert.is(withMembers(object, [pod("master-0")], MASTER).ended, object.ended);
});

members(
  "pods that still run when their object has ended are to be removed, those that go by themselves are not",
  () => {
    const waits = pod("worker-0");
    const pods = [
      pod("master-0", { phase: "Succeeded" }),
      waits,
      pod("worker-1", { deleting: true }),
      pod("worker-2", { gone: true }),
      pod("worker-3", { phase: "Failed" }),
    ];
    for (const phase of ["Succeeded", "Failed"] as const)
      assert.equal(withMembers(train({ phase }), pods, MASTER).leftovers, [waits], phase);
    assert.is(withMembers(train(), pods, MASTER).leftovers, undefined);
  },
);

members("O-185: the first pod in trouble gives the reason, its name in the message", () => {
  const stuck = { phase: "Pending", waiting: { reason: "ImagePullBackOff", message: "no such image" } } as const;
  const pods = [pod("worker-1", stuck), pod("worker-0", stuck), pod("master-0")];
  assert.equal(withMembers(train(), pods, MASTER).waiting, {
    reason: "ImagePullBackOff",
    message: "pod run--train-worker-0: no such image",
  });
  assert.is(
    withMembers(train(), [pod("worker-0", { ...stuck, gone: true }), pod("master-0")], MASTER).waiting,
    undefined,
  );
});

members("O-185: between two pods of a Job it is told how the last one ended", () => {
  const failed = pod("aaaaa", { phase: "Failed", ended: { reason: "OOMKilled", exitCode: 137 } });
  assert.equal(withMembers(train(), [failed], undefined).waiting, {
    reason: "PodFailed",
    message: "pod run--train-aaaaa failed (OOMKilled, exit code 137); another takes its place",
  });
  assert.is(withMembers(train(), [failed, pod("bbbbb")], undefined).waiting, undefined);
});
members.run();
