import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { KubeObject } from "../../../kube/resource.ts";
import { failureClass } from "../../../operator/decide/failure-class.ts";
import { podState, projectPod } from "../../../operator/kinds/pod-state.ts";

const endings = suite("how pods end");
const OWNER = { apiVersion: "odin.io/v1", kind: "Pipeline", name: "r", uid: "u", controller: true };
const container = (name: string, state: object): object => ({ name, state });
const terminated = (more: object): object =>
  container("main", { terminated: { finishedAt: "2026-01-01T00:00:30Z", ...more } });
const disrupted = (reason: string): object => ({
  type: "DisruptionTarget",
  status: "True",
  reason,
  message: `by ${reason}`,
});

interface Given {
  phase?: string;
  reason?: string;
  message?: string;
  conditions?: object[];
  containers?: object[];
  metadata?: object;
}

function raw({
  phase = "Failed",
  reason,
  message,
  conditions,
  containers,
  metadata,
}: Given): KubeObject & Record<string, unknown> {
  return {
    metadata: { name: "r--a", uid: "u", resourceVersion: "1", ownerReferences: [OWNER], ...metadata },
    spec: { restartPolicy: "Never" },
    status: { phase, reason, message, conditions, containerStatuses: containers },
  };
}

function state(given: Given): ReturnType<typeof podState> {
  return podState(raw(given));
}

/** What the record's reason would be, and who pays for it. */
function judged(given: Given): [string | undefined, string] {
  const { ended } = state(given);
  return [ended?.reason, failureClass(ended?.reason)];
}

endings(
  "F-23: out of memory, an exit code, a signal and a container that cannot start have reasons of their own",
  () => {
    for (const [given, reason] of [
      [{ reason: "Error", exitCode: 1 }, "Error"],
      [{ reason: "Error", exitCode: 128 }, "Error"],
      [{ reason: "Error", exitCode: 255 }, "Error"],
      [{ reason: "Error", exitCode: 137 }, "Signal"],
      [{ reason: "Error", exitCode: 139 }, "Signal"],
      [{ reason: "Error", exitCode: 0, signal: 9 }, "Signal"],
      [{ reason: "OOMKilled", exitCode: 137 }, "OOMKilled"],
      [{ reason: "StartError", exitCode: 128 }, "StartError"],
      [{ reason: "ContainerCannotRun", exitCode: 127 }, "ContainerCannotRun"],
    ] as const)
      assert.equal(judged({ containers: [terminated(given)] }), [reason, "task"], JSON.stringify(given));
    assert.is(state({ containers: [terminated({ reason: "Error", exitCode: 139 })] }).ended?.signal, "SIGSEGV");
  },
);

endings("F-19: what the node or the cluster does to a pod is the infrastructure's doing, each with its reason", () => {
  for (const [given, reason] of [
    [
      {
        reason: "Evicted",
        message: "The node was low on resource: memory. Threshold quantity: 100Mi, available: 9Mi.",
      },
      "Evicted",
    ],
    [{ reason: "Preempting", message: "Preempted in order to admit critical pod" }, "Preempted"],
    [{ reason: "Terminated", message: "Pod was terminated in response to imminent node shutdown." }, "NodeShutdown"],
    [{ reason: "Shutdown" }, "NodeShutdown"],
    [{ reason: "NodeLost" }, "NodeLost"],
    [{ reason: "UnexpectedAdmissionError" }, "UnexpectedAdmissionError"],
    [{ reason: "OutOfcpu" }, "OutOfcpu"],
    [{ reason: "OutOfnvidia.com/gpu" }, "OutOfnvidia.com/gpu"],
    [{ reason: "NodeAffinity" }, "NodeAffinity"],
    [{ conditions: [disrupted("PreemptionByScheduler")] }, "Preempted"],
    [{ conditions: [disrupted("EvictionByEvictionAPI")] }, "Evicted"],
    [{ conditions: [disrupted("DeletionByTaintManager")] }, "NodeTainted"],
    [{ conditions: [disrupted("DeletionByPodGC")] }, "NodeLost"],
    [{ conditions: [disrupted("SomethingNew")] }, "Disrupted"],
    [{ containers: [terminated({ reason: "ContainerStatusUnknown", exitCode: 137 })] }, "ContainerStatusUnknown"],
  ] as const)
    assert.equal(judged(given as Given), [reason, "infrastructure"], JSON.stringify(given));
});

endings("F-19: a container that was made to end by a disruption does not count by its signal", () => {
  const containers = [terminated({ reason: "Error", exitCode: 143 })];
  assert.equal(judged({ conditions: [disrupted("PreemptionByScheduler")], containers }), [
    "Preempted",
    "infrastructure",
  ]);
  assert.equal(judged({ reason: "Evicted", containers }), ["Evicted", "infrastructure"]);
  const memory = [terminated({ reason: "OOMKilled", exitCode: 137 })];
  assert.equal(judged({ conditions: [disrupted("TerminationByKubelet")], containers: memory }), ["OOMKilled", "task"]);
});

endings("F-19: a pod that was evicted for what it used itself has failed by itself", () => {
  for (const message of [
    'Usage of EmptyDir volume "scratch" exceeds the limit "10Mi". ',
    'Container main exceeded its local ephemeral storage limit "1Gi". ',
    "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi. ",
  ])
    assert.equal(judged({ reason: "Evicted", message }), ["StorageLimitExceeded", "task"], message);
});

endings("F-18: a pod that ended because somebody deleted it is told from one that had failed before", () => {
  const asked = { deletionTimestamp: "2026-01-01T00:01:00Z", deletionGracePeriodSeconds: 30 };
  const at = (finishedAt: string, exitCode: number): Given => ({
    metadata: asked,
    containers: [terminated({ reason: "Error", exitCode, finishedAt })],
  });
  assert.equal(judged(at("2026-01-01T00:00:35Z", 1)), ["PodDeleted", "infrastructure"]);
  assert.equal(judged(at("2026-01-01T00:00:20Z", 1)), ["Error", "task"]);
  // A node whose clock is slow: the signal says that it was deleted.
  assert.equal(judged(at("2025-12-31T23:50:20Z", 143)), ["PodDeleted", "infrastructure"]);
  assert.equal(judged(at("2025-12-31T23:50:20Z", 139)), ["Signal", "task"]);
});

endings(
  "F-18: what counts is when a pod was first asked to go, not when the node deletes it for good after its end",
  () => {
    // A container that handles the signal and is quick; a node that is slow to delete the pod for good, which moves the time.
    const metadata = { deletionTimestamp: "2026-01-01T00:01:00Z", deletionGracePeriodSeconds: 30 };
    const first = projectPod(raw({ phase: "Running", containers: [container("main", { running: {} })], metadata }));
    const last = { deletionTimestamp: "2026-01-01T00:00:38Z", deletionGracePeriodSeconds: 0 };
    const ended = (finishedAt: string): string | undefined => {
      const containers = [terminated({ reason: "Error", exitCode: 7, finishedAt })];
      return projectPod(raw({ containers, metadata: last }), first).state.ended?.reason;
    };
    assert.is(ended("2026-01-01T00:00:35Z"), "PodDeleted");
    assert.is(ended("2026-01-01T00:00:29Z"), "Error");
  },
);

endings("F-19: a disruption is known before the pod has ended, for one that goes without saying more", () => {
  assert.equal(state({ phase: "Running", conditions: [disrupted("PreemptionByScheduler")] }).disrupted, {
    reason: "Preempted",
    message: "by PreemptionByScheduler",
  });
  assert.is(state({ phase: "Running", conditions: [{ ...disrupted("x"), status: "False" }] }).disrupted, undefined);
});

endings("F-24: a task has ended when its own container has, whatever runs on beside it", () => {
  const mesh = container("mesh", { running: {} });
  const done = state({ phase: "Running", containers: [mesh, terminated({ exitCode: 0, reason: "Completed" })] });
  assert.equal([done.phase, done.lingers], ["Succeeded", true]);
  const failed = state({ phase: "Running", containers: [mesh, terminated({ exitCode: 3, reason: "Error" })] });
  assert.equal([failed.phase, failed.ended?.exitCode, failed.lingers], ["Failed", 3, true]);
  const running = state({ phase: "Running", containers: [container("main", { running: {} }), mesh] });
  assert.equal([running.phase, running.lingers], ["Running", undefined]);
});

endings(
  "F-24: a sidecar that fails does not make a task fail that has succeeded, unless the pod was taken away",
  () => {
    const containers = [
      terminated({ exitCode: 0, reason: "Completed" }),
      container("mesh", { terminated: { exitCode: 2, reason: "Error" } }),
    ];
    assert.equal([state({ containers }).phase, state({ containers }).lingers], ["Succeeded", undefined]);
    assert.is(state({ containers, reason: "Evicted" }).phase, "Failed");
    assert.is(state({ containers, conditions: [disrupted("TerminationByKubelet")] }).phase, "Failed");
  },
);

endings("F-24: pods that a controller made are judged by the controller", () => {
  const mesh = container("mesh", { running: {} });
  const metadata = { ownerReferences: [{ ...OWNER, kind: "Job" }] };
  const { phase } = state({ phase: "Running", metadata, containers: [terminated({ exitCode: 0 }), mesh] });
  assert.is(phase, "Running");
});
endings.run();
