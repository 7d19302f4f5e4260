import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Job, Task } from "../../../crds/generated/types.ts";
import { LABELS } from "../../../crds/names.ts";
import { API_VERSION, JOB } from "../../../crds/resources.ts";
import { type Definition, type SnapshotObject, snapshotOf } from "../../../crds/snapshot.ts";
import { CONFIG_MAP } from "../../../kube/core-resources.ts";
import { collectionPath, objectPath } from "../../../kube/resource.ts";
import { until } from "../../support/deadline.ts";
import { kubectl } from "../../support/kubectl.ts";
import { Stage, task } from "./stage.ts";

const snapshots = suite("runs of frozen definitions");
let stage: Stage;
snapshots.before(async () => {
  stage = await Stage.open();
});
snapshots.after(async () => {
  await stage?.close();
});

const FIRST = "1".repeat(40);
const SECOND = "2".repeat(40);

/** Writes a snapshot as the REST API does, and returns its name. */
async function freeze(
  job: string,
  tasks: Task[],
  files: Record<string, string | Buffer> = {},
  more: Partial<Definition> = {},
): Promise<string> {
  const definition: Definition = { job, tasks, files: Object.keys(files).sort(), failFast: false, ...more };
  return await store(snapshotOf(definition, files, stage.namespace, "frozen"));
}

async function store(snapshot: object & Pick<SnapshotObject, "metadata">): Promise<string> {
  await stage.client.create(collectionPath(CONFIG_MAP, stage.namespace), snapshot);
  return snapshot.metadata.name;
}

const mountPaths = async (run: string, name: string): Promise<string[]> =>
  ((await stage.pod(run, name)).spec.containers[0]?.volumeMounts ?? []).map((mount) => mount.mountPath).sort();

snapshots(
  "O-106, O-107: a run that names a snapshot runs it, at the version the run says, without any Job",
  async () => {
    const root = await freeze("root", [], { "datasets.yml": "[]" });
    const snapshot = await freeze(
      "team/sst2",
      [task("a", { args: ["$WORK_PATH/x.bin"] }), task("b", { depends: ["a"] })],
      {
        "x.bin": Buffer.from([0xff, 0xfe, 0x00]),
      },
      { rootFiles: root },
    );
    await stage.create("named", { job: "team/sst2", snapshot, version: FIRST, user: "dpressel" });
    assert.equal(await mountPaths("named", "a"), ["/data/odin/named/a", "/data/pipelines"]);
    assert.equal((await stage.pod("named", "a")).spec.containers[0]?.args, ["/data/pipelines/team/sst2/x.bin"]);
    await stage.stopOperator();
    await stage.startOperator();
    await stage.succeed("named", "a");
    await stage.succeed("named", "b");
    const { status } = await stage.untilPhase("named", "DONE");
    assert.is(status?.version, FIRST);
    assert.is(status?.snapshot, snapshot);
    assert.is(status?.job, "team/sst2");
  },
);

snapshots(
  "O-14, O-106: a kubectl-made run of a mirrored Job runs the snapshot that the Job names, at its version",
  async () => {
    const snapshot = await freeze("mirrored/job", [task("a", { image: "frozen:1" })]);
    const body = (image: string, version: string, name: string): object => ({
      apiVersion: API_VERSION,
      kind: "Job",
      metadata: { name: "mirrored-job-12345678" },
      spec: { path: "mirrored/job", version, snapshot: name, tasks: [task("a", { image })] },
    });
    await stage.client.create(collectionPath(JOB, stage.namespace), body("frozen:1", FIRST, snapshot));
    await stage.create("of-mirror", { job: "mirrored/job" });
    const pod = await stage.pod("of-mirror", "a");
    assert.is((pod.spec.containers[0] as { image?: string }).image, "frozen:1");
    const next = await freeze("mirrored/job", [task("a", { image: "frozen:2" })]);
    const path = objectPath(JOB, stage.namespace, "mirrored-job-12345678");
    const { metadata } = await stage.client.patch<Job>(path, "merge", {
      spec: { version: SECOND, snapshot: next, tasks: [task("a", { image: "frozen:2" })] },
    });
    // Jobs and runs are watched apart.
    await until(() => stage.client.get<Job>(path), 120_000, {
      describe: "the operator has seen the new version of the Job",
      accept: ({ status }) => status?.observedGeneration === metadata.generation,
    });
    await stage.succeed("of-mirror", "a");
    assert.is((await stage.untilPhase("of-mirror", "DONE")).status?.version, FIRST);
    await stage.create("of-mirror-2", { job: "mirrored/job" });
    await stage.succeed("of-mirror-2", "a");
    const { status } = await stage.untilPhase("of-mirror-2", "DONE");
    assert.is(status?.version, SECOND);
    assert.is(status?.snapshot, next);
  },
);

snapshots("O-148: a snapshot that somebody wrote by hand is judged like any definition", async () => {
  const cyclic = await freeze("hand/made", [task("a", { depends: ["b"] }), task("b", { depends: ["a"] })]);
  await stage.create("hand-1", { job: "hand/made", snapshot: cyclic });
  assert.match((await stage.untilPhase("hand-1", "TERMINATED")).status?.message ?? "", "a -> b -> a");

  const rubbish = await freeze("hand/made", [{ name: "a", image: "i", command: ["c"], args: 5 } as unknown as Task]);
  await stage.create("hand-2", { job: "hand/made", snapshot: rubbish });
  assert.match(
    (await stage.untilPhase("hand-2", "TERMINATED")).status?.message ?? "",
    "task a (tasks[0].args): must be a list",
  );

  const other = await freeze("hand/other", [task("a")]);
  await stage.create("hand-3", { job: "hand/made", snapshot: other });
  const { status } = await stage.untilPhase("hand-3", "TERMINATED");
  assert.is(status?.reason, "Invalid");
  assert.match(status?.message ?? "", "is a snapshot of job hand/other, not of hand/made");

  await stage.create("hand-4", { job: "hand/made", snapshot: "nowhere" });
  assert.is((await stage.untilPhase("hand-4", "TERMINATED")).status?.reason, "SnapshotLost");
});

snapshots("O-147: tasks in a snapshot may mount only Secrets that are meant for tasks", async () => {
  await kubectl("create", "secret", "generic", "closed", "-n", stage.namespace, "--from-literal=a=b");
  const snapshot = await freeze("thief", [task("a", { secrets: [{ name: "closed", path: "/s" }] })]);
  await stage.create("thief", { job: "thief", snapshot });
  const { status } = await stage.untilPhase("thief", "TERMINATED");
  assert.match(status?.message ?? "", "Secret closed is not there or may not be mounted");
});

snapshots("O-107: a ConfigMap that is no snapshot is refused, whatever it holds", async () => {
  const snapshot = snapshotOf(
    { job: "plain", tasks: [task("a")], files: [], failFast: false },
    {},
    stage.namespace,
    "x",
  );
  const { [LABELS.snapshot]: _, ...labels } = snapshot.metadata.labels ?? {};
  await store({ ...snapshot, metadata: { ...snapshot.metadata, name: "plain", labels } });
  await stage.create("plain", { job: "plain", snapshot: "plain" });
  const { status } = await stage.untilPhase("plain", "TERMINATED");
  assert.is(status?.reason, "SnapshotLost");
  assert.match(status?.message ?? "", "is not a snapshot");
});
snapshots.run();
