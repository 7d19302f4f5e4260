import { suite } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../../support/deadline.ts";
import { kubectl, kubectlApply } from "../../support/kubectl.ts";
import { Stage, task } from "./stage.ts";

const policies = suite("policies of runs");
/** Seconds: long enough for a busy machine to make a pod, play its part and see it. */
const SECONDS = 15;
let stage: Stage;
policies.before(async () => {
  stage = await Stage.open();
});
policies.after(async () => {
  await stage?.close();
});

policies("failurePolicy Continue: branches that do not need the failed task go on, then the run ends", async () => {
  await stage.create("branches", {
    failurePolicy: "Continue",
    tasks: [
      task("bad"),
      task("good"),
      task("behind", { depends: ["bad"] }),
      task("next", { depends: ["good"] }),
      task("join", { depends: ["next", "behind"] }),
    ],
  });
  await stage.fail("branches", "bad", 3);
  const going = await stage.untilRun(
    "branches",
    "says what is blocked",
    (run) => run.status?.tasks?.join?.reason === "NotStarted",
  );
  assert.is(going.status?.phase, "RUNNING");
  assert.is(going.status?.reason, "bad: Error");
  assert.match(going.status?.tasks?.behind?.message ?? "", "depends on task bad, which failed");
  await stage.succeed("branches", "good");
  await stage.succeed("branches", "next");
  const ended = await stage.untilPhase("branches", "TERMINATED");
  assert.is(ended.status?.reason, "TaskFailed");
  assert.is(ended.status?.progress, "2/5");
  assert.is((await stage.pods("branches")).length, 3);
});

policies("failurePolicy Continue: a task that cannot be created does not keep the others from running", async () => {
  await stage.create("refused", {
    failurePolicy: "Continue",
    tasks: [
      task("bad", { tolerations: [{ key: "k", operator: "Exists", value: "v" }] }),
      task("behind", { depends: ["bad"] }),
      task("good"),
    ],
  });
  await stage.succeed("refused", "good");
  const { status } = await stage.untilPhase("refused", "TERMINATED");
  assert.is(status?.tasks?.good?.state, "executed");
  assert.match(status?.tasks?.behind?.message ?? "", "depends on task bad");
});

policies("O-146: a Job's failure policy is that of its runs, and a run may have its own", async () => {
  await kubectlApply(stage.namespace, {
    apiVersion: "odin.io/v1",
    kind: "Job",
    metadata: { name: "going-on" },
    spec: {
      failurePolicy: "Continue",
      timeout: 3600,
      tasks: [task("bad"), task("good"), task("next", { depends: ["good"] })],
    },
  });
  await stage.create("inherits", { job: "going-on" });
  await stage.create("differs", { job: "going-on", failurePolicy: "FailFast" });
  for (const run of ["inherits", "differs"]) {
    await stage.pod(run, "good");
    await stage.fail(run, "bad", 1);
  }
  const { status } = await stage.untilPhase("differs", "TERMINATED");
  assert.is(status?.tasks?.good?.reason, "FailFast");
  await stage.succeed("inherits", "good");
  await stage.succeed("inherits", "next");
  assert.is((await stage.untilPhase("inherits", "TERMINATED")).status?.tasks?.next?.state, "executed");
});

policies("a run's timeout stops what runs and ends it with RunTimeout", async () => {
  await stage.create("long", { timeout: SECONDS, tasks: [task("slow"), task("next", { depends: ["slow"] })] });
  await stage.startPod("long", "slow");
  const { status } = await stage.untilPhase("long", "TERMINATED");
  assert.is(status?.reason, "RunTimeout");
  assert.is(status?.tasks?.slow?.reason, "RunTimeout");
  assert.is(status?.tasks?.next?.reason, "NotStarted");
  assert.match(await kubectl("get", "pipeline", "long", "-n", stage.namespace), "RunTimeout");
  assert.equal(await stage.pods("long"), []);
});

policies("a run's timeout does not count while it is suspended, and a run made suspended holds no pod", async () => {
  await stage.create("paused", { timeout: SECONDS, suspend: true, tasks: [task("a")] });
  const held = await stage.untilRun("paused", "is suspended", (run) => run.status?.tasks?.a?.reason === "Suspended");
  const condition = held.status?.conditions?.find(({ type }) => type === "Suspended");
  assert.is(condition?.status, "True");
  const passed = Date.parse(condition?.lastTransitionTime ?? "") + (SECONDS + 1) * 1_000;
  await until(() => Date.now() > passed, 60_000, { describe: "more than its time has passed" });
  assert.equal(await stage.pods("paused"), []);
  assert.is((await stage.get("paused")).status?.phase, "RUNNING");
  await stage.control("paused", { suspend: false });
  await stage.succeed("paused", "a");
  const { status } = await stage.untilPhase("paused", "DONE");
  assert.ok((status?.suspendedSeconds ?? 0) >= SECONDS + 1, JSON.stringify(status));
  assert.is(status?.conditions?.find(({ type }) => type === "Suspended")?.status, "False");
});

policies("F-21, F-22: pendingTimeout ends a task that does not begin to run, and keeps the reason", async () => {
  await stage.create("pending", { tasks: [task("big", { pendingTimeout: SECONDS, retries: 2 })] });
  await stage.setPodStatus("pending", "big", {
    phase: "Pending",
    conditions: [
      { type: "PodScheduled", status: "False", reason: "Unschedulable", message: "0/0 nodes are available" },
    ],
  });
  const { status } = await stage.untilPhase("pending", "TERMINATED");
  assert.is(status?.tasks?.big?.reason, "PendingTimeout");
  assert.match(
    status?.tasks?.big?.message ?? "",
    `within ${SECONDS}s of its creation; last seen: Unschedulable: 0/0 nodes`,
  );
  assert.is(status?.tasks?.big?.attempt, 1, "a longer wait would not help, so it is not tried again");
});

policies("stop lets running tasks finish, starts nothing more, and cannot be taken back", async () => {
  await stage.create("stopped", { tasks: [task("a"), task("b", { depends: ["a"] })] });
  await stage.startPod("stopped", "a");
  await stage.untilRun("stopped", "a executes", ({ status }) => status?.tasks?.a?.state === "executing");
  await stage.control("stopped", { stop: true, cancelledBy: "ann" });
  const stopping = await stage.untilRun("stopped", "is stopping", (run) => run.status?.reason === "Stopped");
  assert.is(stopping.status?.phase, "RUNNING");
  assert.is(stopping.status?.tasks?.a?.state, "executing");
  try {
    await stage.control("stopped", { stop: false });
    assert.unreachable("it was accepted");
  } catch (error) {
    assert.match(String(error), "told to stop stays so");
  }
  await stage.succeed("stopped", "a");
  const { status } = await stage.untilPhase("stopped", "TERMINATED");
  assert.is(status?.reason, "Stopped");
  assert.match(status?.message ?? "", "ann");
  assert.is(status?.tasks?.b?.reason, "NotStarted");
});

policies("terminationGracePeriodSeconds reaches the pod", async () => {
  await stage.create("graceful", { tasks: [task("a", { terminationGracePeriodSeconds: 7 }), task("b")] });
  const grace = async (name: string): Promise<unknown> =>
    ((await stage.pod("graceful", name)).spec as { terminationGracePeriodSeconds?: number })
      .terminationGracePeriodSeconds;
  assert.is(await grace("a"), 7);
  assert.is(await grace("b"), 30);
});

const refused: [string, string, RegExp][] = [
  [
    "failFast against failurePolicy",
    "failFast: true, failurePolicy: Continue, tasks: []",
    /failFast and failurePolicy say different things/,
  ],
  [
    "an unknown failure policy",
    "failurePolicy: Ignore, tasks: []",
    /Unsupported value: "Ignore": supported values: "Stop", "FailFast", "Continue"/,
  ],
  ["a timeout of nothing", "timeout: 0, tasks: []", /spec\.timeout.*greater than or equal to 1/],
  [
    "a pendingTimeout of nothing",
    "tasks: [{name: a, image: i, command: [c], pendingTimeout: 0}]",
    /pendingTimeout.*greater than or equal to 1/,
  ],
  [
    "a negative grace",
    "tasks: [{name: a, image: i, command: [c], terminationGracePeriodSeconds: -1}]",
    /terminationGracePeriodSeconds.*greater than or equal to 0/,
  ],
];
for (const [what, spec, message] of refused) {
  policies(`admission refuses ${what} in words`, async () => {
    try {
      await kubectlApply(
        stage.namespace,
        `apiVersion: odin.io/v1\nkind: Pipeline\nmetadata: {name: bad}\nspec: {${spec}}\n`,
      );
      assert.unreachable("it was accepted");
    } catch (error) {
      assert.match(String(error), message);
    }
  });
}

policies("F-32: policies of a run cannot be changed once it is there", async () => {
  await stage.create("fixed", { timeout: 600, suspend: true, tasks: [task("a")] });
  for (const change of [{ timeout: 5 }, { failurePolicy: "Continue" as const }]) {
    try {
      await stage.control("fixed", change);
      assert.unreachable("it was accepted");
    } catch (error) {
      assert.match(String(error), "a Pipeline is one run and cannot be changed");
    }
  }
});
policies(
  "F-26: a run whose object could grow too large is refused before it starts, with the number of bytes",
  async () => {
    const tasks = Array.from({ length: 2000 }, (_, n) => task(`t${n}`, { args: ["x".repeat(400)] }));
    await stage.create("huge", { tasks });
    const { status } = await stage.untilPhase("huge", "TERMINATED");
    assert.is(status?.reason, "Invalid");
    assert.match(status?.message ?? "", /could grow to \d{7} bytes; the most is 1433600/);
    assert.equal(await stage.pods("huge"), []);
  },
);
policies.run();
