// timeout: 900, on demand
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { POD } from "../../../kube/core-resources.ts";
import { objectPath } from "../../../kube/resource.ts";
import { until } from "../../support/deadline.ts";
import { ROOT } from "../../support/documents.ts";
import { FakeKubelet } from "../../support/fake-kubelet.ts";
import { chain, type Ground, task } from "../ground.ts";
import type { Part } from "../played-node.ts";
import { faultCase } from "../row.ts";

const pods = suite("pods");
const SKEWED_CLOCK = pathToFileURL(join(ROOT, "dist/test/faults/skewed-clock.js")).href;
const TEN_MINUTES_MS = 600_000;
/** A node is NotReady 50 s after its last sign of life, its pods are lost some time after that. */
const LOST_MS = 240_000;

/** Has the first pod of each task this end, and the others succeed. */
function firstEnds(ground: Ground, part: Part): void {
  ground.node.direct = ({ metadata: { name } }) => (/-r\d+$/.test(name) ? "succeed" : part);
}

faultCase(pods, "F-18", "running pods are deleted by somebody else, one task after the other", async (ground) => {
  await ground.start();
  firstEnds(ground, "run");
  await ground.create("run", chain(2));
  for (const name of ["t0", "t1"]) {
    await ground.untilRun("run", `${name} runs`, ({ status }) => status?.tasks?.[name]?.state === "executing");
    await ground.client.delete(objectPath(POD, ground.namespace, `run--${name}`), { gracePeriodSeconds: 0 });
  }
  const { status } = await ground.untilEnded("run");
  assert.is(status?.tasks?.t0?.attempt, 2, "although the task has no retries");
  assert.match(JSON.stringify(status?.events), "deleted by somebody else", "the run tells why");
});

faultCase(pods, "F-18", "a pod that is deleted each time uses up its budget and says so", async (ground) => {
  await ground.start();
  ground.node.direct = () => "run";
  await ground.create("run", [{ ...task("a"), infrastructureRetries: 1, retries: 5 }]);
  for (const pod of ["run--a", "run--a-r1"]) {
    await ground.untilPod(pod);
    await ground.untilRun("run", `${pod} runs`, ({ status }) => status?.tasks?.a?.pod === pod);
    await ground.client.delete(objectPath(POD, ground.namespace, pod), { gracePeriodSeconds: 0 });
  }
  const { status } = await ground.untilEnded("run", "TERMINATED");
  assert.is(status?.tasks?.a?.reason, "PodDeleted");
});

const EVICTED = { phase: "Failed", reason: "Evicted", message: "The node was low on resource: memory." };
const DISRUPTED = {
  phase: "Failed",
  conditions: [
    { type: "DisruptionTarget", status: "True", reason: "PreemptionByScheduler", message: "preempted by another pod" },
  ],
};
for (const [how, status] of [
  ["evicted", EVICTED],
  ["preempted", DISRUPTED],
] as const) {
  faultCase(pods, "F-19", `a pod is ${how}`, async (ground) => {
    await ground.start();
    firstEnds(ground, { status });
    await ground.create("run", [task("a"), task("b", "a")]);
    const ended = await ground.untilEnded("run");
    assert.is(ended.status?.tasks?.b?.attempt, 2);
  });
}

for (const [how, isDeleted] of [
  ["gives no sign of life", false],
  ["is deleted", true],
] as const) {
  faultCase(pods, "F-20", `the node of a running pod ${how}`, async (ground) => {
    const kubelet = await FakeKubelet.start(ground.client);
    try {
      await ground.start("a", { ODIN_NODE_LOST_TIMEOUT: "10" });
      firstEnds(ground, "run");
      await ground.create("run", [task("a")]);
      await ground.untilPod("run--a");
      await kubelet.bind(ground.namespace, "run--a");
      await ground.untilRun("run", "runs", ({ status }) => status?.tasks?.a?.state === "executing");
      if (isDeleted) await kubelet.stop();
      const { status } = await ground.untilEnded("run", "DONE", LOST_MS);
      assert.is(status?.tasks?.a?.pod, "run--a-r1");
      // The old pod's kubelet comes back and says how it went: too late.
      await ground.node.set("run--a", { exitCode: 1 }).catch(() => undefined);
      await ground.create("next", [task("a")]);
      await ground.untilRun("next", "has been taken up", (run) => run.status?.phase !== undefined);
      await ground.delete("next");
    } finally {
      if (!isDeleted) await kubelet.stop();
    }
  });
}

faultCase(pods, "F-24", "the main container has ended and a sidecar runs on", async (ground) => {
  await ground.start();
  const at = new Date().toISOString();
  const common = { image: "i", imageID: "", restartCount: 0 };
  const terminated = { exitCode: 0, reason: "Completed", startedAt: at, finishedAt: at };
  const containerStatuses = [
    { ...common, name: "main", ready: false, state: { terminated } },
    { ...common, name: "mesh", ready: true, state: { running: { startedAt: at } } },
  ];
  ground.node.direct = () => ({ status: { phase: "Running", containerStatuses } });
  await ground.create("run", chain(2));
  await ground.untilEnded("run");
});

/** An operator whose clock is this much off, with a further step after SIGUSR2. */
async function startSkewed(ground: Ground, offsetMs: number, stepMs = 0) {
  return await ground.start("a", {
    NODE_OPTIONS: `--import ${SKEWED_CLOCK}`,
    FAULT_CLOCK_MS: String(offsetMs),
    FAULT_CLOCK_STEP_MS: String(stepMs),
  });
}

for (const [how, offsetMs, stepMs] of [
  ["ten minutes ahead", TEN_MINUTES_MS, 0],
  ["ten minutes behind", -TEN_MINUTES_MS, 0],
  ["set ten minutes forward meanwhile", 0, TEN_MINUTES_MS],
  ["set ten minutes back meanwhile", 0, -TEN_MINUTES_MS],
] as const) {
  faultCase(pods, "F-25", `the operator's clock is ${how}`, async (ground) => {
    const { process: operator } = await startSkewed(ground, offsetMs, stepMs);
    firstEnds(ground, "run");
    const retryPolicy = { backoff: { seconds: 3, factor: 1 } };
    await ground.create("run", [
      { ...task("slow"), timeout: 120 },
      { ...task("again"), timeout: 120, retries: 1, retryPolicy },
    ]);
    for (const name of ["slow", "again"]) {
      await ground.untilRun("run", `${name} runs`, ({ status }) => status?.tasks?.[name]?.state === "executing");
    }
    if (stepMs !== 0) process.kill(operator.pid, "SIGUSR2");
    await ground.node.set("run--again", { exitCode: 1 });
    const second = await ground.untilPod("run--again-r1");
    // Looked at with the new clock, the task that still runs has not timed out.
    await ground.node.set("run--slow", "succeed");
    const { status } = await ground.untilEnded("run");
    const first = status?.events?.find(({ task: of, reason }) => of === "again" && reason !== "Created");
    assert.ok(second.metadata.creationTimestamp, JSON.stringify(first));
    await ground.create("late", [{ ...task("a"), timeout: 6 }]);
    if (offsetMs < 0 || stepMs < 0) return;
    const late = await ground.untilEnded("late", "TERMINATED");
    assert.is(late.status?.tasks?.a?.reason, "Timeout");
    const pod = (await ground.writes()).find(({ verb, name }) => verb === "create" && name === "late--a");
    const removed = await until(
      async () => (await ground.writes()).find(({ verb, name }) => verb === "delete" && name === "late--a"),
      60_000,
      { describe: "the deletion of the pod" },
    );
    const livedMs = (removed?.at ?? 0) - (pod?.doneAt ?? 0);
    assert.ok(livedMs >= 5_000, `its pod lived for ${livedMs} ms of the six seconds that it had`);
  });
}
pods.run();
