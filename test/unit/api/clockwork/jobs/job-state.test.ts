import { suite } from "uvu";
import * as assert from "uvu/assert";
import { statesOf } from "../../../../../api/clockwork/jobs/aggregate.ts";
import { type BatchJobFacts, isOver, type JobState, jobState } from "../../../../../api/clockwork/jobs/job-state.ts";
import { isJudged, type Outcome, outcomeOf } from "../../../../../api/clockwork/jobs/outcome.ts";
import { projectPodFacts } from "../../../../../api/clockwork/jobs/pod-facts.ts";
import type { TaskStatus } from "../../../../../crds/generated/types.ts";
import type { KubeObject } from "../../../../../kube/resource.ts";

const states = suite("states of jobs");

const at = (second: number): string => new Date(1_700_000_000_000 + second * 1000).toISOString();
const ended = (reason: string, exitCode: number, second = 10, more: object = {}): object => ({
  state: { terminated: { reason, exitCode, startedAt: at(5), finishedAt: at(second), ...more } },
});
const running = { state: { running: { startedAt: at(5) } } };
const disrupted = (reason: string): object => ({
  type: "DisruptionTarget",
  status: "True",
  reason,
  lastTransitionTime: at(9),
});
/** Asked to go at a second; the API server writes when it has to be gone. */
const deleted = (second: number): object => ({ deletionTimestamp: at(second + 30), deletionGracePeriodSeconds: 30 });

interface Case {
  status: object;
  metadata?: object;
  spec?: object;
  gone?: true;
  outcome?: Partial<Outcome>;
  batchJob?: BatchJobFacts;
}

function pod({ status, metadata, spec }: Case): KubeObject {
  const { containers } = status as { containers?: object[] };
  return {
    metadata: { name: "p", namespace: "ns", uid: "u", resourceVersion: "1", creationTimestamp: at(0), ...metadata },
    spec: { nodeName: "n", containers: [{ name: "main" }], ...spec },
    status: {
      ...status,
      ...(containers === undefined
        ? {}
        : {
            containerStatuses: containers.map((container, index) => ({
              name: index === 0 ? "main" : `c${index}`,
              ...container,
            })),
          }),
    },
  } as KubeObject;
}

function stateOf(one: Case): JobState {
  const { gone = false, outcome, batchJob } = one;
  return jobState({
    pod: projectPodFacts(pod(one)),
    gone,
    ...(outcome === undefined ? {} : { outcome: { succeeded: false, reason: "", endedAt: null, ...outcome } }),
    ...(batchJob === undefined ? {} : { batchJob }),
  });
}

const live = { phase: "Running", containers: [running] };
const failed = { phase: "Failed", containers: [ended("Error", 1)] };
const done = { phase: "Succeeded", containers: [ended("Completed", 0)] };
const stopped = { phase: "Failed", containers: [ended("Error", 143, 20)] };
const overdue = { isOverdue: true, isSuspended: false };
const suspended = { isOverdue: false, isSuspended: true };

const ROWS: readonly [row: number, what: string, one: Case, state: JobState][] = [
  [1, "asked to go while it runs", { status: live, metadata: deleted(6) }, "COMPLETING"],
  [1, "its containers have ended, the pod not yet", { status: { ...done, phase: "Running" } }, "COMPLETING"],
  [
    1,
    "asked to go by a timeout, and not gone yet",
    { status: live, metadata: deleted(6), outcome: { reason: "Timeout" } },
    "COMPLETING",
  ],
  [
    2,
    "stopped for the task's timeout",
    { status: stopped, metadata: deleted(15), outcome: { reason: "Timeout" } },
    "TIMEOUT",
  ],
  [
    2,
    "stopped for the run's timeout, gone",
    { status: live, gone: true, outcome: { reason: "RunTimeout" } },
    "TIMEOUT",
  ],
  [
    2,
    "never began in time",
    { status: { phase: "Pending" }, gone: true, outcome: { reason: "PendingTimeout" } },
    "TIMEOUT",
  ],
  [2, "recorded as suspended", { status: live, gone: true, outcome: { reason: "Suspended" } }, "SUSPENDED"],
  [
    2,
    "cancelled by a user, and evicted besides",
    { status: { ...stopped, conditions: [disrupted("EvictionByEvictionAPI")] }, outcome: { reason: "Cancelled" } },
    "CANCELLED",
  ],
  [2, "stopped by a batch Job's deadline", { status: stopped, metadata: deleted(15), batchJob: overdue }, "TIMEOUT"],
  [2, "stopped by a batch Job's suspension", { status: live, gone: true, batchJob: suspended }, "SUSPENDED"],
  [
    3,
    "preempted",
    { status: { ...stopped, conditions: [disrupted("PreemptionByScheduler")] }, metadata: deleted(15) },
    "PREEMPTED",
  ],
  [
    3,
    "evicted through the API, gone",
    { status: { ...live, conditions: [disrupted("EvictionByEvictionAPI")] }, gone: true },
    "PREEMPTED",
  ],
  [3, "preempted by its node", { status: { ...failed, reason: "Preempting" } }, "PREEMPTED"],
  [
    4,
    "removed with its node",
    { status: { ...live, conditions: [disrupted("DeletionByPodGC")] }, gone: true },
    "NODE_FAIL",
  ],
  [
    4,
    "driven away by a taint",
    { status: { ...stopped, conditions: [disrupted("DeletionByTaintManager")] } },
    "NODE_FAIL",
  ],
  [4, "its node was shut down", { status: { ...failed, reason: "NodeShutdown" } }, "NODE_FAIL"],
  [4, "its node was shut down, as older kubelets say", { status: { ...failed, reason: "Terminated" } }, "NODE_FAIL"],
  [4, "its node was lost", { status: { ...live, reason: "NodeLost" }, gone: true }, "NODE_FAIL"],
  [
    5,
    "evicted by a node that was low on memory",
    {
      status: {
        ...failed,
        reason: "Evicted",
        message: "The node was low on resource: memory. Threshold quantity: 1Gi",
        conditions: [disrupted("TerminationByKubelet")],
      },
    },
    "OUT_OF_MEMORY",
  ],
  [
    5,
    "evicted by a node that was low on storage",
    {
      status: {
        ...failed,
        reason: "Evicted",
        message: "The node was low on resource: ephemeral-storage. memory is fine",
      },
    },
    "PREEMPTED",
  ],
  [6, "past its own deadline", { status: { ...stopped, reason: "DeadlineExceeded" } }, "TIMEOUT"],
  [7, "out of memory", { status: { phase: "Failed", containers: [ended("OOMKilled", 137)] } }, "OUT_OF_MEMORY"],
  [
    7,
    "out of memory and stopped for that",
    { status: { phase: "Failed", containers: [running, ended("OOMKilled", 137)] }, metadata: deleted(5) },
    "OUT_OF_MEMORY",
  ],
  [8, "deleted by somebody: the kubelet says Failed", { status: stopped, metadata: deleted(15) }, "CANCELLED"],
  [8, "deleted in the second in which it ended", { status: stopped, metadata: deleted(20) }, "CANCELLED"],
  [
    8,
    "deleted, and ended well on being told",
    { status: { phase: "Succeeded", containers: [ended("Completed", 0, 20)] }, metadata: deleted(15) },
    "CANCELLED",
  ],
  [8, "gone while it ran", { status: live, gone: true }, "CANCELLED"],
  [8, "gone before it ran", { status: { phase: "Pending" }, gone: true }, "CANCELLED"],
  [
    8,
    "stopped because another task failed",
    { status: live, gone: true, outcome: { reason: "FailFast" } },
    "CANCELLED",
  ],
  [
    8,
    "gone unseen after the operator saw it succeed",
    { status: live, gone: true, outcome: { succeeded: true } },
    "COMPLETED",
  ],
  [
    8,
    "gone unseen after the operator saw it fail",
    { status: live, gone: true, outcome: { reason: "Error", exitCode: 3 } },
    "FAILED",
  ],
  [
    8,
    "gone unseen after the operator saw it run out of memory",
    { status: live, gone: true, outcome: { reason: "OOMKilled" } },
    "OUT_OF_MEMORY",
  ],
  [
    8,
    "gone unseen after the operator saw its node refuse it",
    { status: { phase: "Pending" }, gone: true, outcome: { reason: "OutOfcpu" } },
    "BOOT_FAIL",
  ],
  [9, "refused by its node", { status: { phase: "Failed", reason: "OutOfcpu" } }, "BOOT_FAIL"],
  [
    9,
    "could not be started",
    { status: { phase: "Failed", containers: [ended("StartError", 128, 10, { startedAt: "1970-01-01T00:00:00Z" })] } },
    "BOOT_FAIL",
  ],
  [10, "failed", { status: failed }, "FAILED"],
  [10, "failed, and deleted afterwards", { status: failed, metadata: deleted(11) }, "FAILED"],
  [10, "failed, and gone afterwards", { status: failed, metadata: deleted(11), gone: true }, "FAILED"],
  [
    10,
    "lost by its node's memory of it",
    { status: { phase: "Failed", containers: [ended("ContainerStatusUnknown", 137, 10, { startedAt: null })] } },
    "FAILED",
  ],
  [11, "succeeded", { status: done }, "COMPLETED"],
  [
    11,
    "succeeded in a batch Job that was overdue only later",
    { status: done, metadata: deleted(11), batchJob: overdue },
    "COMPLETED",
  ],
  [
    12,
    "waits for its restart",
    {
      status: {
        phase: "Running",
        containers: [
          { state: { waiting: { reason: "CrashLoopBackOff" } }, lastState: { terminated: { startedAt: at(5) } } },
        ],
      },
    },
    "REQUEUED",
  ],
  [13, "runs", { status: live }, "RUNNING"],
  [
    13,
    "one of two containers has ended",
    {
      status: { phase: "Running", containers: [running, ended("Completed", 0)] },
      spec: { containers: [{ name: "main" }, { name: "c1" }] },
    },
    "RUNNING",
  ],
  [
    14,
    "has a node and pulls its image",
    { status: { phase: "Pending", containers: [{ state: { waiting: { reason: "ImagePullBackOff" } } }] } },
    "CONFIGURING",
  ],
  [14, "has a node and is asked to go", { status: { phase: "Pending" }, metadata: deleted(6) }, "CONFIGURING"],
  [
    15,
    "waits for a node",
    {
      status: { phase: "Pending", conditions: [{ type: "PodScheduled", status: "False" }] },
      spec: { nodeName: undefined },
    },
    "PENDING",
  ],
  [
    15,
    "waits for a node and is asked to go",
    { status: { phase: "Pending" }, spec: { nodeName: undefined }, metadata: deleted(6) },
    "PENDING",
  ],
  [16, "nobody knows", { status: { phase: "Unknown", containers: [running] } }, "NODE_FAIL"],
];

for (const [row, what, one, state] of ROWS) {
  states(`C-73: row ${row}: a pod that ${what} is ${state}`, () => {
    assert.is(stateOf(one), state);
  });
}

states(
  "C-73: row 8: what counts is when a pod was first asked to go, not when the node deletes it for good after its end",
  () => {
    // As an API server and a kubelet write it that need a while: the last version says 0 seconds of grace, and a time behind the end.
    const first = projectPodFacts(pod({ status: live, metadata: deleted(12) }));
    const last = { deletionTimestamp: at(25), deletionGracePeriodSeconds: 0 };
    for (const exitCode of [137, 143, 7]) {
      const raw = pod({ status: { phase: "Failed", containers: [ended("Error", exitCode, 20)] }, metadata: last });
      assert.is(jobState({ pod: projectPodFacts(raw, first), gone: false }), "CANCELLED", `${exitCode}`);
      assert.is(projectPodFacts(raw, first).deletedAt, 1_700_000_012);
    }
    const byItself = pod({ status: { phase: "Failed", containers: [ended("Error", 1, 9)] }, metadata: last });
    const running = projectPodFacts(pod({ status: live }));
    assert.is(jobState({ pod: projectPodFacts(byItself, running), gone: true }), "FAILED");
    assert.is(jobState({ pod: projectPodFacts(byItself, first), gone: true }), "FAILED");
  },
);

const AGGREGATES: Readonly<Record<string, string>> = {
  PENDING: "PENDING CONFIGURING RESV_DEL_HOLD REQUEUE_FED REQUEUE_HOLD REQUEUED RESIZING",
  RUNNING: "RUNNING COMPLETING SIGNALING STAGE_OUT",
  COMPLETED: "COMPLETED",
  FAILED:
    "FAILED CANCELLED TIMEOUT OUT_OF_MEMORY NODE_FAIL PREEMPTED BOOT_FAIL DEADLINE REVOKED SPECIAL_EXIT STOPPED SUSPENDED",
};

states("C-72: the four aggregates and their states", () => {
  for (const [aggregate, members] of Object.entries(AGGREGATES))
    assert.equal([...statesOf(aggregate)].sort(), members.split(" ").sort(), aggregate);
  for (const word of ["pending", "TIMEOUT", "", "constructor"]) assert.equal(statesOf(word), [], word);
});

states(
  "C-72, C-73: every state that a row gives is one of the four aggregates', and only those of rows 2 to 11 are final",
  () => {
    const all = Object.values(AGGREGATES).flatMap((members) => members.split(" "));
    for (const [, what, , state] of ROWS) assert.ok(all.includes(state), `${what}: ${state}`);
    const unfinished = new Set(["PENDING", "CONFIGURING", "REQUEUED", "RUNNING", "COMPLETING"]);
    for (const [row, what, one, state] of ROWS) {
      if (row === 16) continue;
      const over = isOver({ pod: projectPodFacts(pod(one)), gone: one.gone ?? false });
      assert.is(over, !unfinished.has(state), what);
    }
  },
);

states("C-73, C-82: what the operator has recorded of an attempt, and whether it has judged it", () => {
  const record = (more: Partial<TaskStatus>): TaskStatus => ({ state: "executing", attempt: 2, pod: "p", ...more });
  const cases: [TaskStatus | undefined, number, Partial<Outcome> | undefined, boolean][] = [
    [undefined, 1, undefined, false],
    [record({}), 2, undefined, false],
    [record({}), 1, undefined, true],
    [record({ state: "executed", completionTime: at(3) }), 2, { succeeded: true, endedAt: 1_700_000_003 }, true],
    [record({ state: "terminated", reason: "Timeout", exitCode: 4 }), 2, { reason: "Timeout", exitCode: 4 }, true],
    [record({ state: "waiting", reason: "PodDeleted", lost: 1 }), 2, { reason: "PodDeleted" }, true],
    [record({ state: "waiting", reason: "Suspended" }), 2, { reason: "Retrying" }, true],
    [{ state: "waiting", reason: "QuotaExceeded" }, 1, undefined, false],
    [{ state: "executed", pod: "p" }, 1, { succeeded: true }, true],
  ];
  for (const [status, attempt, outcome, judged] of cases) {
    const expected = outcome === undefined ? undefined : { succeeded: false, reason: "", endedAt: null, ...outcome };
    assert.equal(outcomeOf(status, attempt), expected, JSON.stringify(status));
    assert.is(isJudged(status, attempt), judged, JSON.stringify(status));
  }
});

states.run();
