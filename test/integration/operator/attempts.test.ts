import { suite } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../../support/deadline.ts";
import { kubectl, kubectlApply } from "../../support/kubectl.ts";
import { untilPodsRefused } from "../../support/pod-admission.ts";
import { Stage, task } from "./stage.ts";

const attempts = suite("retries and timeouts");
/** Seconds: long enough for a busy machine to get as far as that the task runs, or says what it waits for. */
const TIMEOUT = 15;
let stage: Stage;
attempts.before(async () => {
  stage = await Stage.open();
});
attempts.after(async () => {
  await stage?.close();
});

const podNames = async (run: string): Promise<string[]> =>
  (await stage.pods(run)).map((pod) => pod.metadata.name).sort();

attempts("O-144: a task is tried again under names of its own until it succeeds", async () => {
  await stage.create("flaky", { tasks: [task("a", { retries: 2 }), task("b", { depends: ["a"] })] });
  await stage.fail("flaky", "a", 3);
  await stage.fail("flaky", "a", 4, "Error", 2);
  await stage.pod("flaky", "a", 3);
  const trying = await stage.untilRun(
    "flaky",
    "records the third attempt",
    (run) => run.status?.tasks?.a?.attempt === 3,
  );
  assert.is(trying.status?.tasks?.a?.pod, "flaky--a-r2");
  assert.is(trying.status?.tasks?.a?.state, "executing");
  await stage.succeed("flaky", "a", undefined, 3);
  await stage.succeed("flaky", "b");
  const { status } = await stage.untilPhase("flaky", "DONE");
  assert.equal(await podNames("flaky"), ["flaky--a", "flaky--a-r1", "flaky--a-r2", "flaky--b"]);
  const told = status?.events?.filter((event) => event.reason === "TaskRetried" && event.source === "odin") ?? [];
  assert.is(told.length, 2, JSON.stringify(status?.events));
  assert.match(told[1]?.message ?? "", "attempt 2 of 3 failed: Error, exit code 4");
});

attempts("O-144: the last attempt that fails ends the run with its cause", async () => {
  await stage.create("hopeless", { tasks: [task("a", { retries: 1 })] });
  await stage.fail("hopeless", "a", 3);
  await stage.fail("hopeless", "a", 5, "Error", 2);
  const { status } = await stage.untilPhase("hopeless", "TERMINATED");
  assert.is(status?.tasks?.a?.attempt, 2);
  assert.match(status?.message ?? "", "exit code 5");
  assert.equal(await podNames("hopeless"), ["hopeless--a", "hopeless--a-r1"]);
});

attempts(
  "O-144, O-187: an operator that was away goes on with the attempt that is due, and makes none twice",
  async () => {
    await stage.create("restarted", { tasks: [task("a", { retries: 3 })] });
    await stage.pod("restarted", "a");
    for (const attempt of [1, 2, 3]) {
      await stage.stopOperator();
      await stage.fail("restarted", "a", attempt, "Error", attempt);
      await stage.startOperator();
      await stage.pod("restarted", "a", attempt + 1);
    }
    await stage.succeed("restarted", "a", undefined, 4);
    await stage.untilPhase("restarted", "DONE");
    assert.equal(await podNames("restarted"), [
      "restarted--a",
      "restarted--a-r1",
      "restarted--a-r2",
      "restarted--a-r3",
    ]);
  },
);

attempts("O-144: a retry waits for quota and keeps its number", async () => {
  await stage.create("held", { tasks: [task("a", { retries: 1 })] });
  await stage.pod("held", "a");
  await kubectlApply(stage.namespace, {
    apiVersion: "v1",
    kind: "ResourceQuota",
    metadata: { name: "pods" },
    spec: { hard: { "count/pods": "0" } },
  });
  await untilPodsRefused(stage.namespace, "exceeded quota: pods");
  await stage.fail("held", "a", 1);
  const held = await stage.untilRun("held", "waits for quota", (run) => run.status?.reason === "a: QuotaExceeded");
  assert.is(held.status?.tasks?.a?.attempt, 1);
  assert.is(held.status?.tasks?.a?.pod, "held--a");
  await kubectl("delete", "resourcequota", "pods", "-n", stage.namespace);
  await stage.succeed("held", "a", undefined, 2);
  await stage.untilPhase("held", "DONE");
});

attempts(
  "O-143: a task that runs past its timeout is deleted and fails, and what depends on it never starts",
  async () => {
    await stage.create("slow", { tasks: [task("a", { timeout: TIMEOUT, retries: 5 }), task("b", { depends: ["a"] })] });
    await stage.startPod("slow", "a");
    const { status } = await stage.untilPhase("slow", "TERMINATED");
    assert.is(status?.tasks?.a?.reason, "Timeout");
    assert.match(status?.message ?? "", `task a: timed out after ${TIMEOUT}s`);
    assert.is(status?.tasks?.b?.state, "waiting");
    assert.match(status?.tasks?.b?.message ?? "", "not started: pipeline terminated");
    await until(() => podNames("slow"), 180_000, {
      describe: "the pod is gone",
      accept: (names) => names.length === 0,
    });
  },
);

attempts("O-143: waiting for an image counts, and the message says that it was waited for", async () => {
  await stage.create("no-image", { tasks: [task("a", { timeout: TIMEOUT })] });
  const waiting = { reason: "ErrImagePull", message: "no such image" };
  const container = { name: "main", image: "i", imageID: "", ready: false, restartCount: 0, state: { waiting } };
  await stage.setPodStatus("no-image", "a", { phase: "Pending", containerStatuses: [container] });
  const { status } = await stage.untilPhase("no-image", "TERMINATED");
  assert.is(status?.message, `task a: timed out after ${TIMEOUT}s; last seen: ImagePullBackOff: no such image`);
});

attempts("O-143, O-187: a timeout that passes while no operator runs is seen by the next one", async () => {
  await stage.create("away", { tasks: [task("a", { timeout: TIMEOUT })] });
  await stage.startPod("away", "a");
  await stage.untilRun("away", "is recorded", (run) => run.status?.tasks?.a?.readyTime !== undefined);
  await stage.stopOperator();
  const readyAt = Date.parse((await stage.get("away")).status?.tasks?.a?.readyTime ?? "");
  const accept = (now: number): boolean => now > readyAt + TIMEOUT * 1_000;
  await until(async () => Date.now(), 60_000, { describe: "the time is over", accept });
  await stage.startOperator();
  const { status } = await stage.untilPhase("away", "TERMINATED");
  assert.is(status?.tasks?.a?.reason, "Timeout");
});

attempts("O-143: a task that ends in time is not touched by its timeout", async () => {
  await stage.create("in-time", { tasks: [task("a", { timeout: 3600 })] });
  await stage.succeed("in-time", "a");
  const { status } = await stage.untilPhase("in-time", "DONE");
  assert.is(status?.tasks?.a?.state, "executed");
});

for (const [what, more, message] of [
  ["a negative number of retries", "retries: -1", /retries.*greater than or equal to 0/],
  ["more than ten retries", "retries: 11", /retries.*less than or equal to 10/],
  ["no time at all", "timeout: 0", /timeout.*greater than or equal to 1/],
] as const) {
  attempts(`O-143, O-144: admission refuses ${what}`, async () => {
    const manifest = `apiVersion: odin.io/v1\nkind: Pipeline\nmetadata: {name: bad}\nspec:\n  tasks: [{name: a, image: i, command: [c], ${more}}]\n`;
    try {
      await kubectlApply(stage.namespace, manifest);
      assert.unreachable("it was accepted");
    } catch (error) {
      assert.match(String(error), message);
    }
  });
}

attempts("O-144: a task whose name a retry would take is refused", async () => {
  await stage.create("names", { tasks: [task("a", { retries: 1 }), task("a-r1")] });
  const { status } = await stage.untilPhase("names", "TERMINATED");
  assert.match(status?.message ?? "", "its retry would have the name of task a-r1");
});
attempts.run();
