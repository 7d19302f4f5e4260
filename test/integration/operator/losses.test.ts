import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Pipeline } from "../../../crds/generated/types.ts";
import { MAX_RETRY_RULES } from "../../../crds/limits.ts";
import { PIPELINE } from "../../../crds/resources.ts";
import { POD } from "../../../kube/core-resources.ts";
import { objectPath } from "../../../kube/resource.ts";
import { kubectlApply } from "../../support/kubectl.ts";
import { Stage, task } from "./stage.ts";

const losses = suite("attempts lost to the infrastructure");
let stage: Stage;
losses.before(async () => {
  stage = await Stage.open();
});
losses.after(async () => {
  await stage?.close();
});

const podNames = async (run: string): Promise<string[]> =>
  (await stage.pods(run)).map((pod) => pod.metadata.name).sort();

async function executing(run: string, attempt: number): Promise<Pipeline> {
  return await stage.untilRun(
    run,
    `attempt ${attempt} executes`,
    ({ status }) => status?.tasks?.a?.state === "executing" && status.tasks.a.attempt === attempt,
  );
}

async function remove(pod: string): Promise<void> {
  await stage.client.delete(objectPath(POD, stage.namespace, pod), { gracePeriodSeconds: 0 });
}

losses("F-18: a pod that somebody deletes is made anew under a name of its own, and no retry is used up", async () => {
  await stage.create("deleted", { tasks: [task("a", { retries: 1 })] });
  await stage.startPod("deleted", "a");
  await executing("deleted", 1);
  await remove("deleted--a");
  await stage.pod("deleted", "a", 2);
  const again = await executing("deleted", 2);
  assert.is(again.status?.tasks?.a?.lost, 1);
  assert.ok(
    again.status?.events?.some(({ reason, message }) => reason === "TaskRetried" && /was deleted by/.test(message)),
    JSON.stringify(again.status?.events),
  );
  await stage.fail("deleted", "a", 3, "Error", 2);
  await stage.succeed("deleted", "a", undefined, 3);
  const { status } = await stage.untilPhase("deleted", "DONE");
  assert.equal([status?.tasks?.a?.attempt, status?.tasks?.a?.lost], [3, 1]);
});

losses("F-18, O-187: a pod that went while no operator looked is made anew by the next one", async () => {
  await stage.create("unseen", { tasks: [task("a")] });
  await stage.startPod("unseen", "a");
  await executing("unseen", 1);
  await stage.stopOperator();
  await remove("unseen--a");
  await stage.startOperator();
  await stage.succeed("unseen", "a", undefined, 2);
  const { status } = await stage.untilPhase("unseen", "DONE");
  assert.is(status?.tasks?.a?.lost, 1);
});

losses("F-19: evictions, preemptions and refusals of nodes are tried again until the budget is used up", async () => {
  const causes = [
    { reason: "Evicted", message: "The node was low on resource: memory." },
    {
      conditions: [
        { type: "DisruptionTarget", status: "True", reason: "PreemptionByScheduler", message: "making room" },
      ],
    },
    { reason: "OutOfcpu", message: "Node didn't have enough resource: cpu" },
  ];
  await stage.create("evicted", { tasks: [task("a", { infrastructureRetries: 2 }), task("b", { depends: ["a"] })] });
  for (const [index, cause] of causes.entries())
    await stage.setPodStatus("evicted", "a", { phase: "Failed", ...cause }, index + 1);
  const { status } = await stage.untilPhase("evicted", "TERMINATED");
  const { a, b } = status?.tasks ?? {};
  assert.equal([a?.reason, a?.lost, a?.attempt], ["OutOfcpu", 2, 3]);
  assert.match(status?.message ?? "", "no infrastructure retry of 2 left");
  assert.is(b?.state, "waiting");
  assert.equal(await podNames("evicted"), ["evicted--a", "evicted--a-r1", "evicted--a-r2"]);
  const told = status?.events?.filter(({ reason }) => reason === "TaskRetried").map(({ message }) => message) ?? [];
  assert.is(told.length, 2);
  assert.match(told[1] ?? "", "making room");
});

losses("F-19: kubectl get shows what took an attempt away while the next one waits", async () => {
  const made = await stage.create("shown", { tasks: [task("a")] });
  const cause = { reason: "Terminated", message: "Pod was terminated in response to imminent node shutdown." };
  await stage.setPodStatus("shown", "a", { phase: "Failed", ...cause });
  // The next one waits for no longer than a second.
  await stage.untilToldOf(made, "tells the cause", ({ status }) => status?.reason === "a: NodeShutdown");
  await stage.succeed("shown", "a", undefined, 2);
  await stage.untilPhase("shown", "DONE");
});

losses("F-20: what a lost attempt comes to later is not the task's", async () => {
  await stage.create("late", { tasks: [task("a")] });
  await stage.setPodStatus("late", "a", { phase: "Failed", reason: "NodeLost" });
  await executing("late", 2);
  await stage.annotatePod("late", "a", 1, { touched: "again" });
  await stage.fail("late", "a", 7, "Error", 2);
  const { status } = await stage.untilPhase("late", "TERMINATED");
  assert.equal([status?.tasks?.a?.exitCode, status?.tasks?.a?.attempt], [7, 2]);
});

losses("F-18: a pod that goes because its run is cancelled is no loss", async () => {
  await stage.create("cancelled", { tasks: [task("a")] });
  await stage.startPod("cancelled", "a");
  await executing("cancelled", 1);
  await stage.control("cancelled", { cancel: true });
  // The operator does the same at this moment, or has not heard of the cancellation yet.
  await remove("cancelled--a").catch(() => undefined);
  const { status } = await stage.untilPhase("cancelled", "TERMINATED");
  assert.equal([status?.reason, status?.tasks?.a?.lost], ["Cancelled", undefined]);
});

losses("O-144: the rules of a task decide what is tried again", async () => {
  const rules = [
    { onReasons: ["OOMKilled"], action: "Fail" as const },
    { onExitCodes: { operator: "In" as const, values: [75] }, action: "Ignore" as const },
  ];
  const retryPolicy = { backoff: { seconds: 0 }, rules };
  await stage.create("ruled", { tasks: [task("a", { retries: 1, retryPolicy })] });
  await stage.fail("ruled", "a", 75);
  await stage.fail("ruled", "a", 1, "Error", 2);
  await stage.fail("ruled", "a", 137, "OOMKilled", 3);
  const { status } = await stage.untilPhase("ruled", "TERMINATED");
  assert.is(status?.message, "task a: OOMKilled, exit code 137 (rule 1: Fail)");
  assert.equal([status?.tasks?.a?.attempt, status?.tasks?.a?.lost], [3, 1]);
});

losses("O-183: a rule can stop the whole run", async () => {
  const retryPolicy = {
    rules: [{ onExitCodes: { operator: "In" as const, values: [42] }, action: "FailRun" as const }],
  };
  await stage.create("stopped", { tasks: [task("a", { retries: 3, retryPolicy }), task("b")] });
  await stage.startPod("stopped", "b");
  await stage.fail("stopped", "a", 42);
  const { status } = await stage.untilPhase("stopped", "TERMINATED");
  assert.equal([status?.tasks?.a?.reason, status?.tasks?.b?.reason], ["Error", "FailFast"]);
});

losses("F-24: a container beside the task's own that never ends keeps neither the task nor the pod", async () => {
  await stage.create("meshed", { tasks: [task("a"), task("b", { depends: ["a"] })] });
  const end = {
    exitCode: 0,
    reason: "Completed",
    startedAt: "2026-01-01T00:00:00Z",
    finishedAt: "2026-01-01T00:00:01Z",
  };
  const container = { image: "i", imageID: "", ready: false, restartCount: 0 };
  const meshed = {
    phase: "Running",
    containerStatuses: [
      { ...container, name: "mesh", state: { running: { startedAt: "2026-01-01T00:00:00Z" } } },
      { ...container, name: "main", state: { terminated: end } },
    ],
  };
  await stage.setPodStatus("meshed", "a", meshed);
  await stage.setPodStatus("meshed", "b", meshed);
  const { status } = await stage.untilPhase("meshed", "DONE");
  assert.is(status?.tasks?.b?.state, "executed");
  // No node is there to keep them.
  assert.equal(await podNames("meshed"), []);
});

for (const [what, more, message] of [
  ["a rule without a condition", "retryPolicy: {rules: [{action: Fail}]}", /either onExitCodes or onReasons/],
  [
    "a rule with two conditions",
    "retryPolicy: {rules: [{onReasons: [Error], onExitCodes: {operator: In, values: [1]}, action: Fail}]}",
    /either onExitCodes or onReasons/,
  ],
  ["exit code 0", "retryPolicy: {rules: [{onExitCodes: {operator: In, values: [0]}, action: Fail}]}", /values/],
  [
    "an unknown action",
    "retryPolicy: {rules: [{onReasons: [Error], action: Explode}]}",
    /Unsupported value: "Explode"/,
  ],
  ["more losses than twenty", "infrastructureRetries: 21", /infrastructureRetries.*less than or equal to 20/],
  ["a back-off that shrinks", "retryPolicy: {backoff: {factor: 0}}", /factor.*greater than or equal to 1/],
] as const) {
  losses(`O-144: admission refuses ${what}`, async () => {
    const manifest = `apiVersion: odin.io/v1\nkind: Pipeline\nmetadata: {name: bad}\nspec:\n  tasks: [{name: a, image: i, command: [c], ${more}}]\n`;
    try {
      await kubectlApply(stage.namespace, manifest);
      assert.unreachable("it was accepted");
    } catch (error) {
      assert.match(String(error), message);
    }
  });
}

losses("O-144: as many rules as are allowed can be judged at admission for every task of a large run", async () => {
  const rule = { onExitCodes: { operator: "NotIn" as const, values: [3] }, action: "Retry" as const };
  const retryPolicy = { rules: Array.from({ length: MAX_RETRY_RULES }, () => rule) };
  const tasks = Array.from({ length: 500 }, (_, n) => task(`t${n}`, { retryPolicy }));
  const run = await stage.create("large", { suspend: true, tasks });
  await stage.client.delete(objectPath(PIPELINE, stage.namespace, run.metadata.name));
});
losses.run();
