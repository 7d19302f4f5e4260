import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Pipeline } from "../../../crds/generated/types.ts";
import { JOB } from "../../../crds/resources.ts";
import { objectPath } from "../../../kube/resource.ts";
import { until } from "../../support/deadline.ts";
import { kubectl, kubectlApply } from "../../support/kubectl.ts";
import { untilPodsRefused } from "../../support/pod-admission.ts";
import { Stage, task } from "./stage.ts";

const parallelism = suite("limits on what goes on at a time");
let stage: Stage;
let small: Stage;
parallelism.before(async () => {
  stage = await Stage.open();
  small = await Stage.open({}, undefined, { namespaceParallelism: 2 });
});
parallelism.after(async () => {
  await stage?.close();
  await small?.close();
});

const waitingFor = (run: Pipeline, reason: string): string[] =>
  Object.entries(run.status?.tasks ?? {})
    .filter(([, record]) => record.reason === reason)
    .map(([name]) => name);
const executing = (run: Pipeline): string[] =>
  Object.entries(run.status?.tasks ?? {})
    .filter(([, record]) => record.state === "executing")
    .map(([name]) => name);

async function applyJob(name: string, spec: Record<string, unknown>): Promise<void> {
  await kubectlApply(stage.namespace, { apiVersion: "odin.io/v1", kind: "Job", metadata: { name }, spec });
}

parallelism("spec.parallelism: a run has no more tasks executing, and the next starts when one ends", async () => {
  await stage.create("narrow", { parallelism: 2, tasks: ["a", "b", "c", "d"].map((name) => task(name)) });
  const first = await stage.untilRun("narrow", "two execute", (run) => executing(run).length === 2);
  assert.equal(executing(first), ["a", "b"]);
  assert.equal(waitingFor(first, "RunParallelism"), ["c", "d"]);
  assert.match(first.status?.tasks?.c?.message ?? "", "2 of its tasks execute at a time (spec.parallelism)");
  await stage.succeed("narrow", "b");
  await stage.pod("narrow", "c");
  assert.is((await stage.pods("narrow")).length, 3);
  await stage.control("narrow", { parallelism: 3 });
  await stage.pod("narrow", "d");
  for (const name of ["a", "c", "d"]) await stage.succeed("narrow", name);
  await stage.untilPhase("narrow", "DONE");
});

parallelism("a Job's parallelism is that of its runs, and a run may have its own", async () => {
  await applyJob("fan", { parallelism: 1, tasks: [task("a"), task("b")] });
  await stage.create("fan-1", { job: "fan" });
  await stage.create("fan-2", { job: "fan", parallelism: 2 });
  // While the first pod is being created the second task waits already.
  const narrow = await stage.untilRun(
    "fan-1",
    "one waits for the other",
    (run) => waitingFor(run, "RunParallelism").length === 1 && executing(run).length === 1,
  );
  assert.equal(executing(narrow), ["a"]);
  await stage.untilRun("fan-2", "both execute", (run) => executing(run).length === 2);
});

parallelism(
  "parallelRuns: later runs of a job wait in BUILDING and say for whom; they go by priority and age",
  async () => {
    await applyJob("queue", { parallelRuns: 1, tasks: [task("a")] });
    await stage.create("q1", { job: "queue" });
    await stage.pod("q1", "a");
    await stage.create("q2", { job: "queue" });
    const waits = (run: Pipeline): boolean => run.status?.reason === "JobParallelism";
    const second = await stage.untilRun("q2", "waits", waits);
    assert.is(second.status?.phase, "BUILDING");
    assert.match(
      second.status?.message ?? "",
      "job queue lets 1 of its runs go at a time (parallelRuns), now q1; it is the next",
    );
    assert.ok(second.status?.snapshot, "what it will run is fixed already");
    await stage.create("q3", { job: "queue", priority: 5 });
    await stage.untilRun("q3", "waits", waits);
    assert.match(await kubectl("get", "pipeline", "q3", "-n", stage.namespace), "JobParallelism");
    await stage.succeed("q1", "a");
    await stage.pod("q3", "a");
    assert.is((await stage.get("q2")).status?.phase, "BUILDING");
    await stage.succeed("q3", "a");
    await stage.succeed("q2", "a");
    const { status } = await stage.untilPhase("q2", "DONE");
    assert.is(status?.reason, "Completed");
  },
);

parallelism(
  "parallelRuns: a waiting run runs what its Job said when it was made, and a restart changes nothing",
  async () => {
    await applyJob("kept", { parallelRuns: 1, tasks: [task("a")] });
    await stage.create("k1", { job: "kept" });
    await stage.pod("k1", "a");
    await stage.create("k2", { job: "kept" });
    await stage.create("k3", { job: "kept" });
    for (const name of ["k2", "k3"])
      await stage.untilRun(name, "waits", (run) => run.status?.reason === "JobParallelism");
    await applyJob("kept", { parallelRuns: 1, tasks: [task("b")] });
    await stage.stopOperator();
    await stage.startOperator();
    await stage.succeed("k1", "a");
    await stage.succeed("k2", "a");
    await stage.untilPhase("k2", "DONE");
    await stage.succeed("k3", "a");
    await stage.untilPhase("k3", "DONE");
  },
);

parallelism(
  "parallelRuns: cancelled, suspended and deleted runs hold up nobody; a higher limit lets more go at once",
  async () => {
    await applyJob("busy", { parallelRuns: 1, tasks: [task("a")] });
    await stage.create("b1", { job: "busy" });
    await stage.pod("b1", "a");
    await stage.create("b2", { job: "busy", suspend: true });
    const held = await stage.untilRun("b2", "is suspended", (run) => run.status?.reason === "Suspended");
    assert.is(held.status?.phase, "BUILDING");
    assert.is(held.status?.conditions?.find(({ type }) => type === "Suspended")?.status, "True");
    for (const name of ["b3", "b4", "b5", "b6"]) {
      await stage.create(name, { job: "busy" });
      await stage.untilRun(name, "waits", (run) => run.status?.reason === "JobParallelism");
    }
    await stage.control("b3", { cancel: true });
    await stage.untilPhase("b3", "TERMINATED");
    await kubectl("delete", "pipeline", "b1", "-n", stage.namespace);
    await stage.pod("b4", "a");
    await stage.client.patch(objectPath(JOB, stage.namespace, "busy"), "merge", { spec: { parallelRuns: 3 } });
    await stage.pod("b5", "a");
    await stage.pod("b6", "a");
    await stage.control("b2", { suspend: false });
    await stage.untilRun("b2", "waits for its turn now", (run) => run.status?.reason === "JobParallelism");
    await stage.succeed("b5", "a");
    await stage.succeed("b2", "a");
    const { status } = await stage.untilPhase("b2", "DONE");
    assert.is(status?.conditions?.find(({ type }) => type === "Suspended")?.status, "False");
  },
);

parallelism(
  "namespace parallelism: runs share the places, the older goes first, and waiting tasks say so",
  async () => {
    await small.create("n1", { tasks: ["a", "b", "c"].map((name) => task(name)) });
    const first = await small.untilRun(
      "n1",
      "one waits for two",
      (run) => waitingFor(run, "NamespaceParallelism").length === 1 && executing(run).length === 2,
    );
    assert.equal(executing(first), ["a", "b"]);
    assert.match(
      first.status?.tasks?.c?.message ?? "",
      `2 tasks may execute in namespace ${small.namespace} at a time`,
    );
    assert.match(first.status?.reason ?? "", "c: NamespaceParallelism");
    await until(() => Date.now() > Date.parse(first.metadata.creationTimestamp ?? "") + 1_500, 60_000, {
      describe: "a later second",
    });
    await small.create("n2", { tasks: [task("x")] });
    await small.untilRun("n2", "waits", (run) => waitingFor(run, "NamespaceParallelism").length === 1);
    await small.succeed("n1", "a");
    await small.pod("n1", "c");
    assert.equal(await small.pods("n2"), []);
    await small.stopOperator();
    await small.startOperator();
    await small.succeed("n1", "b");
    await small.succeed("n2", "x");
    await small.succeed("n1", "c");
    await small.untilPhase("n1", "DONE");
    await small.untilPhase("n2", "DONE");
  },
);

parallelism("namespace parallelism: a cancelled run gives its place and its turn back", async () => {
  await small.create("c1", { tasks: ["a", "b", "c"].map((name) => task(name)) });
  await small.untilRun("c1", "one waits", (run) => waitingFor(run, "NamespaceParallelism").length === 1);
  await small.create("c2", { tasks: [task("x")] });
  await small.untilRun("c2", "waits", (run) => waitingFor(run, "NamespaceParallelism").length === 1);
  await small.control("c1", { cancel: true });
  await small.succeed("c2", "x");
  await small.untilPhase("c2", "DONE");
  await small.untilPhase("c1", "TERMINATED");
});

parallelism("F-12: a task that quota holds back takes no place from those that can run", async () => {
  await kubectlApply(small.namespace, {
    apiVersion: "v1",
    kind: "ResourceQuota",
    metadata: { name: "no-gpus" },
    spec: { hard: { "requests.nvidia.com/gpu": "0" } },
  });
  await untilPodsRefused(small.namespace, "exceeded quota: no-gpus", {
    containers: [{ name: "c", image: "i", resources: { limits: { "nvidia.com/gpu": "1" } } }],
  });
  await small.create("held", {
    parallelism: 1,
    tasks: [task("gpu", { numGpus: 1 }), task("a"), task("b")],
  });
  await small.succeed("held", "a");
  await small.succeed("held", "b");
  // What the end of another task has freed is tried at once, and that is under way for a moment.
  await small.untilRun(
    "held",
    "only the held one is left",
    ({ status }) => status?.progress === "2/3" && status.tasks?.gpu?.reason === "QuotaExceeded",
  );
  await kubectl("delete", "resourcequota", "no-gpus", "-n", small.namespace);
  await small.succeed("held", "gpu");
  await small.untilPhase("held", "DONE");
});

parallelism("admission refuses limits that let nothing go", async () => {
  for (const spec of [{ parallelism: 0 }, { priority: 10_000_000 }]) {
    try {
      await stage.create("none", { ...spec, tasks: [task("a")] });
      assert.unreachable("it was accepted");
    } catch (error) {
      assert.match(String(error), /spec\.(parallelism|priority).*should be (greater|less) than or equal to/);
    }
  }
});
parallelism.run();
