import { suite } from "uvu";
import * as assert from "uvu/assert";
import { LABELS, MANAGED_BY } from "../../../crds/names.ts";
import { API_VERSION, PIPELINE } from "../../../crds/resources.ts";
import { POD } from "../../../kube/core-resources.ts";
import { collectionPath, objectPath } from "../../../kube/resource.ts";
import { kubectl, kubectlApply } from "../../support/kubectl.ts";
import { type Pod, Stage, task } from "./stage.ts";

const runs = suite("runs");
let stage: Stage;
runs.before(async () => {
  stage = await Stage.open();
});
runs.after(async () => {
  await stage?.close();
});

runs("O-181: in a diamond the fast arm's successor starts while the slow arm runs, and the run completes", async () => {
  const tasks = [
    task("a"),
    task("slow", { depends: ["a"] }),
    task("fast", { depends: ["a"] }),
    task("next", { depends: ["fast"] }),
    task("join", { depends: ["slow", "next"] }),
  ];
  await stage.create("diamond", { tasks });
  await stage.succeed("diamond", "a");
  await stage.startPod("diamond", "slow");
  await stage.succeed("diamond", "fast");
  await stage.succeed("diamond", "next");
  const waiting = await stage.untilRun(
    "diamond",
    "join waits for slow",
    (run) => run.status?.tasks?.join?.message === "waiting for slow",
  );
  assert.is(waiting.status?.progress, "3/5");
  await stage.succeed("diamond", "slow");
  await stage.succeed("diamond", "join");
  const done = await stage.untilPhase("diamond", "DONE");
  assert.equal(done.status?.counts, { total: 5, waiting: 0, executing: 0, executed: 5, terminated: 0 });
  await kubectl("wait", "--for=condition=Complete", "pipeline/diamond", "-n", stage.namespace, "--timeout=60s");
  const [row = ""] = (await kubectl("get", "pl", "diamond", "-n", stage.namespace, "--no-headers")).split("\n");
  assert.match(row, /^diamond\s+DONE\s+5\/5\s+Completed/);
  const story = await kubectl("describe", "pipeline", "diamond", "-n", stage.namespace);
  for (const part of ["Started", "TaskStarted", "TaskSucceeded", "Completed", "running 5 tasks"])
    assert.match(story, part);
});

runs("O-183: after a failure nothing new starts, the sibling finishes, the first failure is the message", async () => {
  await stage.create("failing", { tasks: [task("bad"), task("good"), task("never", { depends: ["good"] })] });
  await stage.startPod("failing", "good");
  await stage.fail("failing", "bad", 3);
  const failing = await stage.untilRun(
    "failing",
    "bad is terminated",
    (run) => run.status?.tasks?.bad?.state === "terminated",
  );
  assert.is(failing.status?.phase, "RUNNING");
  await stage.succeed("failing", "good");
  const ended = await stage.untilPhase("failing", "TERMINATED");
  assert.is(ended.status?.message, "task bad: Error, exit code 3");
  assert.is(ended.status?.tasks?.bad?.exitCode, 3);
  assert.is(ended.status?.tasks?.never?.state, "waiting");
  assert.is((await stage.pods("failing")).length, 2);
  await kubectl("wait", "--for=condition=Failed", "pipeline/failing", "-n", stage.namespace, "--timeout=60s");
});

runs("O-146: failFast stops the siblings", async () => {
  await stage.create("fail-fast", { failFast: true, tasks: [task("bad"), task("good")] });
  await stage.startPod("fail-fast", "good");
  await stage.fail("fail-fast", "bad", 1);
  const ended = await stage.untilPhase("fail-fast", "TERMINATED");
  assert.is(ended.status?.tasks?.good?.reason, "FailFast");
  assert.is(ended.status?.tasks?.bad?.reason, "Error");
});

runs("suspend starts nothing new, resuming goes on", async () => {
  await stage.create("suspended", { suspend: true, tasks: [task("a")] });
  const waiting = await stage.untilRun("suspended", "is suspended", (run) => run.status?.reason === "Suspended");
  assert.is(waiting.status?.tasks?.a?.reason, "Suspended");
  await kubectl("wait", "--for=condition=Suspended", "pipeline/suspended", "-n", stage.namespace, "--timeout=60s");
  assert.equal(await stage.pods("suspended"), []);
  await stage.control("suspended", { suspend: false });
  await stage.succeed("suspended", "a");
  await stage.untilPhase("suspended", "DONE");
});

runs("O-210: cancel stops the running pods and is final", async () => {
  await stage.create("cancelled", { tasks: [task("a"), task("b", { depends: ["a"] })] });
  await stage.startPod("cancelled", "a");
  await stage.control("cancelled", { cancel: true, cancelledBy: "ada" });
  const ended = await stage.untilPhase("cancelled", "TERMINATED");
  assert.is(ended.status?.message, "cancelled by ada");
  assert.is(ended.status?.tasks?.a?.reason, "Cancelled");
  assert.equal(await stage.pods("cancelled"), []);
  try {
    await stage.control("cancelled", { cancel: false });
    assert.unreachable("a cancellation was taken back");
  } catch (error) {
    assert.match(String(error), "stays cancelled");
  }
});

runs("F-18: a pod that somebody deletes is a failure that says so where nothing is to be tried again", async () => {
  await stage.create("deleted", { tasks: [task("a", { infrastructureRetries: 0 })] });
  await stage.startPod("deleted", "a");
  await stage.untilRun("deleted", "a executes", (run) => run.status?.tasks?.a?.state === "executing");
  await stage.client.delete(objectPath(POD, stage.namespace, "deleted--a"), { gracePeriodSeconds: 0 });
  const ended = await stage.untilPhase("deleted", "TERMINATED");
  assert.is(ended.status?.tasks?.a?.reason, "PodDeleted");
});

runs("O-205: what a task hands back reaches the tasks that refer to it", async () => {
  await stage.create("results", {
    tasks: [task("a"), task("b", { args: ["{^a.outputs.best}", "$PIPE_ID", "$$(ODIN_TASK_ID)"] })],
  });
  await stage.succeed("results", "a", '{"outputs": {"best": "m7"}}');
  const pod = await stage.pod("results", "b");
  assert.equal(pod.spec.containers[0]?.args, ["m7", "results", "$$(ODIN_TASK_ID)"]);
  await stage.succeed("results", "b");
  await stage.untilPhase("results", "DONE");
});

runs("F-28: names as long and as odd as Kubernetes allows run like others", async () => {
  const longest = "t".repeat(63);
  for (const name of [`${"long.name-".repeat(25)}x`, "with.dots--and--dashes"]) {
    await stage.create(name, {
      tasks: [task(longest), task("after", { depends: [longest] })],
      files: { "a b.txt": "x" },
    });
    await stage.succeed(name, longest);
    await stage.succeed(name, "after");
    const done = await stage.untilPhase(name, "DONE");
    assert.ok((done.status?.tasks?.[longest]?.pod?.length ?? 99) <= 63, done.status?.tasks?.[longest]?.pod);
  }
});

runs("O-180: a run without tasks is done", async () => {
  await stage.create("empty", { tasks: [] });
  await stage.untilPhase("empty", "DONE");
});

runs("F-10: somebody else writing the object all the time delays nothing and loses nothing", async () => {
  const tasks = Array.from({ length: 6 }, (_, i) => task(`t${i}`, i > 0 ? { depends: [`t${i - 1}`] } : {}));
  await stage.create("contended", { tasks });
  let writes = 0;
  let going = true;
  const writer = (async () => {
    while (going) {
      await stage.annotate("contended", { "test/n": String(writes) });
      writes += 1;
    }
  })();
  for (const { name } of tasks) await stage.succeed("contended", name);
  const done = await stage.untilPhase("contended", "DONE");
  going = false;
  await writer;
  assert.is(done.status?.progress, "6/6");
  assert.ok(writes > 3, `${writes} foreign writes`);
});

runs(
  "F-31: a run created again under the name of a deleted one waits for the old pods to go and does not take them over",
  async () => {
    // What the garbage collector has not got to yet: a pod whose owner, a run of this name, is gone.
    const owner = {
      apiVersion: API_VERSION,
      kind: PIPELINE.kind,
      name: "again",
      uid: "00000000-0000-4000-8000-000000000000",
    };
    const old = await stage.client.create<Pod>(collectionPath(POD, stage.namespace), {
      metadata: {
        name: "again--a",
        labels: { [LABELS.managedBy]: MANAGED_BY },
        ownerReferences: [{ ...owner, controller: true }],
        finalizers: ["test/held"],
      },
      spec: { containers: [{ name: "main", image: "i" }] },
    });
    await stage.create("again", { tasks: [task("a")] });
    const waiting = await stage.untilRun("again", "waits for the name", (run) => run.status?.reason === "a: NameInUse");
    assert.is(waiting.status?.phase, "RUNNING");
    await stage.client.patch(objectPath(POD, stage.namespace, "again--a"), "merge", { metadata: { finalizers: null } });
    const fresh = await stage.untilRun("again", "has a pod", (run) => run.status?.tasks?.a?.state === "executing");
    const pod = await stage.pod("again", "a");
    assert.is.not(pod.metadata.uid, old.metadata.uid);
    assert.is(pod.metadata.ownerReferences?.[0]?.uid, fresh.metadata.uid);
  },
);

runs("F-31: deleted in the middle and created again at once, a run starts from its beginning", async () => {
  await stage.create("twice", { tasks: [task("a")] });
  const old = await stage.pod("twice", "a");
  await kubectl("delete", "pipeline", "twice", "-n", stage.namespace);
  await stage.create("twice", { tasks: [task("a")] });
  await stage.untilRun("twice", "has a pod of its own", (run) => run.status?.tasks?.a?.state === "executing");
  assert.is.not((await stage.pod("twice", "a")).metadata.uid, old.metadata.uid);
});

runs("O-187: an operator that stops in the middle is followed by one that goes on; no pod is made twice", async () => {
  const tasks = [task("a"), task("b", { depends: ["a"] }), task("c", { depends: ["b"] })];
  await stage.create("restarted", { tasks });
  const first = await stage.pod("restarted", "a");
  await stage.stopOperator();
  await stage.succeed("restarted", "a");
  await stage.startOperator();
  await stage.succeed("restarted", "b");
  await stage.stopOperator();
  await stage.startOperator();
  await stage.succeed("restarted", "c");
  await stage.untilPhase("restarted", "DONE");
  assert.is((await stage.pod("restarted", "a")).metadata.uid, first.metadata.uid);
  assert.is((await stage.pods("restarted")).length, 3);
});
runs("O-185: what only an event said that a pod waits for is taken back when the pod runs", async () => {
  await stage.create("mounted", { tasks: [task("a")] });
  const { metadata } = await stage.pod("mounted", "a");
  const { uid = "", name } = metadata;
  const at = new Date().toISOString();
  await kubectlApply(stage.namespace, {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name: "mounted-late" },
    type: "Warning",
    reason: "FailedMount",
    message: "no such share yet",
    involvedObject: { apiVersion: "v1", kind: "Pod", namespace: stage.namespace, name, uid },
    source: { component: "kubelet" },
    firstTimestamp: at,
    lastTimestamp: at,
    count: 1,
  });
  await stage.untilRun("mounted", "a says why", ({ status }) => status?.tasks?.a?.reason === "FailedMount");
  await stage.startPod("mounted", "a");
  await stage.untilRun("mounted", "a says nothing more", ({ status }) => status?.tasks?.a?.reason === undefined);
  await stage.succeed("mounted", "a");
  await stage.untilPhase("mounted", "DONE");
});

runs.run();
