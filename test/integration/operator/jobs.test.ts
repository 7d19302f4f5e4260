import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Job } from "../../../crds/generated/types.ts";
import { API_VERSION, JOB } from "../../../crds/resources.ts";
import { CONFIG_MAP } from "../../../kube/core-resources.ts";
import { collectionPath, objectPath } from "../../../kube/resource.ts";
import { until } from "../../support/deadline.ts";
import { kubectl, kubectlApply } from "../../support/kubectl.ts";
import { Stage, task } from "./stage.ts";

const jobs = suite("jobs");
let stage: Stage;
jobs.before(async () => {
  stage = await Stage.open();
});
jobs.after(async () => {
  await stage?.close();
});

const job = (name: string, spec: Job["spec"]): object => ({
  apiVersion: API_VERSION,
  kind: "Job",
  metadata: { name },
  spec,
});

jobs(
  "O-14, O-106, O-107: a run is frozen when it starts; a later edit of the Job reaches only later runs",
  async () => {
    await kubectlApply(
      stage.namespace,
      job("frozen", {
        path: "team/frozen",
        tasks: [task("a"), task("b", { depends: ["a"], image: "old:1" })],
        files: { "train me.py": "print(1)" },
      }),
    );
    await stage.create("frozen-1", { job: "team/frozen" });
    const podA = await stage.pod("frozen-1", "a");
    assert.ok(
      podA.spec.containers[0]?.volumeMounts?.some((mount) => mount.mountPath === "/data/pipelines/team/frozen"),
    );
    // A run that had not written down its version could not tell it after the Job has moved on.
    await stage.untilRun("frozen-1", "has a version", ({ status }) => status?.version !== undefined);
    await kubectlApply(
      stage.namespace,
      job("frozen", {
        path: "team/frozen",
        tasks: [task("a"), task("b", { depends: ["a"], image: "new:1" })],
        files: { "train me.py": "print(2)" },
      }),
    );
    await stage.stopOperator();
    await stage.startOperator();
    await stage.create("frozen-2", { job: "team/frozen" });
    for (const run of ["frozen-1", "frozen-2"]) await stage.succeed(run, "a");
    const images = await Promise.all(
      ["frozen-1", "frozen-2"].map(async (run) => (await stage.pod(run, "b")).spec.containers[0]),
    );
    assert.equal(
      images.map((container) => (container as { image?: string }).image),
      ["old:1", "new:1"],
    );
    const [first, second] = await Promise.all(
      ["frozen-1", "frozen-2"].map((run) =>
        stage.untilRun(run, "has a snapshot", ({ status }) => status?.snapshot !== undefined),
      ),
    );
    assert.is.not(first?.status?.snapshot, second?.status?.snapshot);
    assert.match(first?.status?.version ?? "", /^[0-9a-f]{40}$/);
    const snapshot = await stage.client.get<{ immutable: boolean; data: Record<string, string> }>(
      objectPath(CONFIG_MAP, stage.namespace, first?.status?.snapshot ?? ""),
    );
    assert.is(snapshot.immutable, true);
    assert.is(snapshot.data["file-0"], "print(1)");
  },
);

jobs("O-107: runs of one version share one snapshot", async () => {
  await kubectlApply(stage.namespace, job("shared", { tasks: [task("a")], files: { x: "y" } }));
  for (const run of ["shared-1", "shared-2", "shared-3"]) await stage.create(run, { job: "shared" });
  const snapshots = await Promise.all(
    ["shared-1", "shared-2", "shared-3"].map(
      async (run) =>
        (await stage.untilRun(run, "has a snapshot", ({ status }) => status?.snapshot !== undefined)).status?.snapshot,
    ),
  );
  assert.is(new Set(snapshots).size, 1, snapshots.join(" "));
});

jobs("a run may be created before its Job", async () => {
  await stage.create("early", { job: "late" });
  const waiting = await stage.untilRun("early", "waits for the Job", (run) => run.status?.reason === "JobNotFound");
  assert.is(waiting.status?.phase, "BUILDING");
  // It waits for ten seconds: no time to start a program in.
  await stage.client.create(collectionPath(JOB, stage.namespace), job("late", { tasks: [task("a")] }));
  await stage.succeed("early", "a");
  await stage.untilPhase("early", "DONE");
});

jobs("O-14: a run of a Job that never comes ends with a message", async () => {
  await stage.create("orphan", { job: "nobody/knows" });
  const ended = await stage.untilPhase("orphan", "TERMINATED");
  assert.is(ended.status?.reason, "JobNotFound");
  assert.match(ended.status?.message ?? "", '"nobody/knows"');
});

jobs("O-148: a Job says whether it can be run, and a run of a bad one ends with the same words", async () => {
  await kubectlApply(
    stage.namespace,
    job("bad", { tasks: [task("a", { args: ["$NOPE"] })] }),
    job("good", { tasks: [task("a")] }),
  );
  const condition = async (name: string): Promise<string> => {
    const { status } = await stage.client.get<Job>(objectPath(JOB, stage.namespace, name));
    return `${status?.conditions?.[0]?.status} ${status?.conditions?.[0]?.message}`;
  };
  await until(() => condition("good"), 180_000, {
    describe: "good is valid",
    accept: (text) => text === "True 1 tasks" || text === "True 1 task",
  });
  await until(() => condition("bad"), 180_000, {
    describe: "bad is not",
    accept: (text) => /^False task a .*unknown variable \$NOPE/.test(text),
  });
  await stage.create("of-bad", { job: "bad" });
  const ended = await stage.untilPhase("of-bad", "TERMINATED");
  assert.match(ended.status?.message ?? "", /^job bad: task a .*unknown variable \$NOPE/);
  assert.match(await kubectl("get", "ojob", "-n", stage.namespace), /bad\s+1\s+False/);
});

jobs("files of a run that carries its own tasks go with the run", async () => {
  await stage.create("own-files", { tasks: [task("a")], files: { "x.py": "print(1)" } });
  const pod = await stage.pod("own-files", "a");
  assert.ok(pod.spec.containers[0]?.volumeMounts?.some((mount) => mount.mountPath === "/data/pipelines/own-files"));
  const run = await stage.untilRun("own-files", "has a snapshot", ({ status }) => status?.snapshot !== undefined);
  await kubectl("delete", "pipeline", "own-files", "-n", stage.namespace);
  await until(() => kubectl("get", "configmap", "-n", stage.namespace, "-o", "name"), 90_000, {
    describe: "the garbage collector takes the run's files",
    accept: (names) => !names.includes(run.status?.snapshot ?? ""),
  });
});
jobs.run();
