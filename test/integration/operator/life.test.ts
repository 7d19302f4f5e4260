import { suite } from "uvu";
import * as assert from "uvu/assert";
import { auditedRequests } from "../../support/audit-log.ts";
import { until } from "../../support/deadline.ts";
import { kubectl, kubectlApply } from "../../support/kubectl.ts";
import { untilPodsRefused } from "../../support/pod-admission.ts";
import { Stage, task } from "./stage.ts";

const life = suite("life of a pipeline");
let stage: Stage;
life.before(async () => {
  stage = await Stage.open();
});
life.after(async () => {
  await stage?.close();
});

const EARLY = '{"request_early_exit": true}';

life("O-180: BUILDING, RUNNING, then DONE or TERMINATED, and no other phase", async () => {
  const seen = new Set<string>();
  await stage.stopOperator();
  await stage.create("phases", { tasks: [task("a")] });
  seen.add((await stage.get("phases")).status?.phase ?? "BUILDING");
  await stage.startOperator();
  seen.add((await stage.untilPhase("phases", "RUNNING")).status?.phase ?? "");
  await stage.startPod("phases", "a");
  await stage.succeed("phases", "a");
  const done = await stage.untilPhase("phases", "DONE");
  seen.add(done.status?.phase ?? "");
  assert.equal([...seen], ["BUILDING", "RUNNING", "DONE"]);
  assert.ok(Date.parse(done.status?.completionTime ?? "") >= Date.parse(done.status?.startTime ?? ""));
});

life("O-182: a task that succeeds is executed, with the times of its object", async () => {
  await stage.create("times", { tasks: [task("a")] });
  const { creationTimestamp } = (await stage.pod("times", "a")).metadata;
  await stage.startPod("times", "a");
  await stage.succeed("times", "a");
  const record = (await stage.untilPhase("times", "DONE")).status?.tasks?.a;
  assert.is(record?.state, "executed");
  assert.is(record?.startTime, creationTimestamp);
  assert.ok(Date.parse(record?.completionTime ?? "") >= Date.parse(creationTimestamp ?? ""));
  assert.is(record?.exitCode, 0);
});

life("O-183: the message is the pod's, else what the container left, else reason and exit code", async () => {
  const ending = async (name: string, status: Record<string, unknown>): Promise<string> => {
    await stage.create(name, { tasks: [task("a", { infrastructureRetries: 0 })] });
    await stage.setPodStatus(name, "a", { phase: "Failed", ...status });
    return (await stage.untilPhase(name, "TERMINATED")).status?.message ?? "";
  };
  const container = (terminated: Record<string, unknown>): Record<string, unknown> => ({
    containerStatuses: [
      { name: "main", image: "i", imageID: "", ready: false, restartCount: 0, state: { terminated } },
    ],
  });
  const left = container({ exitCode: 3, reason: "Error", message: "no more data" });
  assert.is(
    await ending("by-pod", { reason: "Evicted", message: "node was low on memory", ...left }),
    "task a: node was low on memory",
  );
  assert.is(await ending("by-container", left), "task a: no more data");
  assert.is(
    await ending("by-code", container({ exitCode: 137, reason: "OOMKilled" })),
    "task a: OOMKilled, exit code 137",
  );
  assert.match(await ending("by-nobody", {}), "task a: ended without saying why");
});

life("O-184: what is refused for good fails the task with the server's words; nothing else is started", async () => {
  await stage.create("refused", {
    tasks: [task("a", { nodeSelector: { "not a label!": "x" } }), task("b", { depends: ["a"] })],
  });
  const { status } = await stage.untilPhase("refused", "TERMINATED");
  assert.is(status?.tasks?.a?.reason, "PodInvalid");
  assert.match(status?.message ?? "", "not a label!");
  assert.is(status?.tasks?.b?.message, "not started: pipeline terminated");
});

life("O-184, O-185: what is refused for now waits with its reason, without end, and goes on by itself", async () => {
  const quota = {
    apiVersion: "v1",
    kind: "ResourceQuota",
    metadata: { name: "none" },
    spec: { hard: { "count/pods": "0" } },
  };
  await kubectlApply(stage.namespace, quota);
  await untilPodsRefused(stage.namespace, "exceeded quota: none");
  await stage.create("held", { tasks: [task("a"), task("b", { depends: ["a"] })] });
  const held = await stage.untilRun("held", "is held", (run) => run.status?.tasks?.a?.reason === "QuotaExceeded");
  assert.match(held.status?.tasks?.a?.message ?? "", /^quota: /);
  assert.is(held.status?.tasks?.a?.state, "waiting");
  assert.is(held.status?.tasks?.b?.message, "waiting for a");
  await kubectl("delete", "resourcequota", "none", "-n", stage.namespace);
  await stage.succeed("held", "a");
  await stage.succeed("held", "b");
  await stage.untilPhase("held", "DONE");
});

life("O-185: a pod that no node can take, or whose image cannot be had, says so, and is no failure", async () => {
  await stage.create("reasons", { tasks: [task("node"), task("image")] });
  const condition = { type: "PodScheduled", status: "False", reason: "Unschedulable", message: "0/3 nodes: no GPU" };
  await stage.setPodStatus("reasons", "node", { phase: "Pending", conditions: [condition] });
  const waiting = { reason: "ImagePullBackOff", message: "no such image" };
  const main = { name: "main", image: "i", imageID: "", ready: false, restartCount: 0, state: { waiting } };
  await stage.setPodStatus("reasons", "image", { phase: "Pending", containerStatuses: [main] });
  const { status } = await stage.untilRun(
    "reasons",
    "tells both",
    ({ status }) =>
      status?.tasks?.node?.reason === "Unschedulable" && status.tasks.image?.reason === "ImagePullBackOff",
  );
  assert.is(status?.tasks?.node?.message, "Unschedulable: 0/3 nodes: no GPU");
  assert.is(status?.tasks?.image?.message, "ImagePullBackOff: no such image");
  assert.is(status?.phase, "RUNNING");
  await stage.control("reasons", { cancel: true });
  await stage.untilPhase("reasons", "TERMINATED");
});

life("O-186: after an early exit siblings finish, nothing new starts, and the run is DONE", async () => {
  const tasks = [task("ask"), task("sibling"), task("never", { depends: ["ask", "sibling"] })];
  await stage.create("early", { tasks });
  await stage.startPod("early", "sibling");
  await stage.succeed("early", "ask", EARLY);
  const ending = await stage.untilRun("early", "is ending", (run) => run.status?.tasks?.never?.reason === "NotStarted");
  assert.is(ending.status?.phase, "RUNNING");
  await stage.succeed("early", "sibling");
  const { status } = await stage.untilPhase("early", "DONE");
  assert.is(status?.reason, "EarlyExit");
  assert.is(status?.tasks?.never?.state, "waiting");
  assert.is(status?.tasks?.sibling?.state, "executed");
});

for (const order of ["before", "after"] as const) {
  life(`O-186: a failure ${order} the early exit wins`, async () => {
    const name = `early-${order}`;
    await stage.create(name, { tasks: [task("ask"), task("bad"), task("last")] });
    await stage.startPod(name, "last");
    if (order === "before") await stage.fail(name, "bad", 4);
    await stage.succeed(name, "ask", EARLY);
    await stage.untilRun(name, "has taken it in", (run) => run.status?.tasks?.ask?.state === "executed");
    if (order === "after") await stage.fail(name, "bad", 4);
    await stage.succeed(name, "last");
    const { status } = await stage.untilPhase(name, "TERMINATED");
    assert.is(status?.message, "task bad: Error, exit code 4");
  });
}

life("O-187: killed before each of its writes in turn, the operator still makes every pod exactly once", async () => {
  const tasks = ["a", "b", "c"].map((name, i, names) => task(name, i > 0 ? { depends: [names[i - 1] ?? ""] } : {}));
  const created = async (): Promise<number> =>
    (await auditedRequests(stage.namespace)).filter(
      ({ verb, resource, code }) => verb === "create" && resource === "pods" && code === 201,
    ).length;
  const before = await created();
  let runs = 0;
  // A chain of three takes about ten writes; the last rounds are those in which it was never killed.
  for (let writes = 0; writes <= 12; writes++) {
    const run = `killed-${writes}`;
    await stage.stopOperator();
    let left = writes;
    let isDead = false;
    await stage.startOperator(() => {
      left -= 1;
      isDead = isDead || left < 0;
      return !isDead;
    });
    await stage.create(run, { tasks });
    runs += 1;
    let isRevived = false;
    for (const { name } of tasks) {
      const pods = (): Promise<string[]> => stage.pods(run).then((all) => all.map(({ metadata }) => metadata.name));
      await until(
        async () => {
          if (isDead && !isRevived) {
            isRevived = true;
            await stage.stopOperator();
            await stage.startOperator();
          }
          return (await pods()).includes(`${run}--${name}`);
        },
        180_000,
        { describe: `task ${name} of ${run} starts`, everyMs: 50 },
      );
      await stage.succeed(run, name);
    }
    if (!isRevived) {
      await stage.stopOperator();
      await stage.startOperator();
    }
    const { status } = await stage.untilPhase(run, "DONE");
    assert.equal(status?.counts, { total: 3, waiting: 0, executing: 0, executed: 3, terminated: 0 }, run);
  }
  const expected = before + 3 * runs;
  await until(created, 60_000, { describe: `${expected} creations in the log`, accept: (count) => count >= expected });
  assert.is(await created(), expected);
});

life("O-188: hundreds of tasks are started at once, and what happens together is written together", async () => {
  const tasks = Array.from({ length: 300 }, (_, i) => task(`t${i}`));
  await stage.create("many", { tasks });
  const { status } = await stage.untilRun("many", "runs them all", (run) => run.status?.counts?.executing === 300);
  assert.is(status?.counts?.waiting, 0);
  const requests = await auditedRequests(stage.namespace);
  const writes = requests.filter(
    ({ verb, subresource, name }) => verb === "patch" && subresource === "status" && name === "many",
  ).length;
  const starts = requests
    .filter(({ verb, resource, name }) => verb === "create" && resource === "pods" && name?.startsWith("many--"))
    .map(({ at }) => at);
  // While pods are being created a write waits a quarter of a second for more of them, so a slow machine needs more.
  const seconds = (Math.max(...starts) - Math.min(...starts)) / 1_000;
  assert.ok(writes <= 6 + 4 * seconds, `${writes} writes for 300 tasks that were started within ${seconds} s`);
  await stage.control("many", { cancel: true });
  await stage.untilPhase("many", "TERMINATED");
});

life("O-166: one container, never restarted, without a token, with the run's own variables only", async () => {
  await stage.create("spec", {
    tasks: [task("a", { command: ["run", "--x"], args: ["$PIPE_ID"], env: { A: "$TASK_NAME" } })],
  });
  const { spec } = (await stage.pod("spec", "a")) as unknown as { spec: Record<string, unknown> };
  assert.is(spec.restartPolicy, "Never");
  assert.is(spec.automountServiceAccountToken, false);
  assert.is(spec.enableServiceLinks, false);
  assert.equal((spec.securityContext as { seccompProfile: unknown }).seccompProfile, { type: "RuntimeDefault" });
  const [main, ...others] = spec.containers as Record<string, unknown>[];
  assert.equal(others, []);
  assert.is(main?.name, "main");
  assert.equal(main?.command, ["run", "--x"]);
  assert.equal(main?.args, ["spec"]);
  assert.equal(main?.env, [
    { name: "A", value: "a" },
    { name: "ODIN_TASK_ID", value: "spec--a" },
    { name: "ODIN_CRED", value: "/etc/odind/odin-cred.yml" },
  ]);
});
life.run();
