import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Task } from "../../../crds/generated/types.ts";
import { ANNOTATIONS, LABELS, MANAGED_BY } from "../../../crds/names.ts";
import { CONFIG_MAP, POD } from "../../../kube/core-resources.ts";
import { collectionPath, type KubeObject, objectPath } from "../../../kube/resource.ts";
import { auditedRequests } from "../../support/audit-log.ts";
import { until } from "../../support/deadline.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";
import type { Answer } from "../../unit/api/served.ts";
import { FacadeStage } from "./facade-stage.ts";

const files = suite("what runs wrote is removed");
const WAIT_MS = 60_000;
const IMAGE = "registry.example/odin:1";
let volume: TemporaryDirectory;
let snapshotMode: FacadeStage;
let sharedMode: FacadeStage;
files.before(async () => {
  volume = await temporaryDirectory();
  snapshotMode = await FacadeStage.open({ ODIN_IMAGE: IMAGE });
  sharedMode = await FacadeStage.open({
    ODIN_VOLUME: volume.path,
    ODIN_VOLUME_CLAIM: "data-rw-many",
    ODIN_FS_ROOT: join(volume.path, "pipelines"),
    ODIN_DATA_PATH: join(volume.path, "odin"),
  });
});
files.after(async () => {
  await snapshotMode.close();
  await sharedMode.close();
  await volume.remove();
});

const CLAIM: Partial<Task> = { mounts: [{ name: "data", path: "/data", claim: "data-rw-many" }] };
const task = (name: string, more: Partial<Task> = {}): Task => ({ name, image: "i", command: ["c"], ...more });

/** A run that has ended. */
async function ended(stage: FacadeStage, name: string, tasks: Task[]): Promise<void> {
  await stage.createRun(name, { tasks });
  const records = Object.fromEntries(tasks.map((one) => [one.name, { state: "executed" as const }]));
  await stage.setStatus(name, { phase: "DONE", completionTime: "2026-01-01T00:00:00Z", tasks: records });
  const known = async (): Promise<boolean> => (await stage.get(`/v1/pipelines/${name}`)).text.includes("DONE");
  await until(known, WAIT_MS, { describe: `${name} is known` });
}

interface RemovalPod extends KubeObject {
  spec: { containers: { args: string[] }[] };
}

/** The pod that removes files of a run, once it is there. */
async function removalPod(run: string): Promise<RemovalPod> {
  const labelSelector = "app.kubernetes.io/component=removal";
  const find = async (): Promise<RemovalPod | undefined> => {
    const path = collectionPath(POD, snapshotMode.namespace);
    const { items } = await snapshotMode.client.listAll<RemovalPod>(path, { labelSelector });
    return items.find(({ metadata }) => metadata.ownerReferences?.some(({ name }) => name === run));
  };
  const found = await until(find, WAIT_MS, { describe: `the removal pod of ${run}` });
  assert.ok(found);
  return found;
}

async function end(pod: KubeObject, phase: "Succeeded" | "Failed", message = ""): Promise<void> {
  const terminated = { exitCode: phase === "Failed" ? 1 : 0, reason: "Completed", message };
  const main = { name: "main", image: "i", imageID: "", ready: false, restartCount: 0, state: { terminated } };
  const path = objectPath(POD, snapshotMode.namespace, pod.metadata.name, "status");
  await snapshotMode.client.patch(path, "strategic", { status: { phase, containerStatuses: [main] } });
}

const flags = (answer: Answer): string[] =>
  (answer.json.cleanups as { removedFromFs: string }[]).map(({ removedFromFs }) => removedFromFs);

files(
  "O-211, O-107: a pod of our own image removes the directory from the claim; then every row says Yes",
  async () => {
    await ended(snapshotMode, "claimed", [task("a", CLAIM), task("b")]);
    const answer = snapshotMode.call("DELETE", "/v1/pipelines/claimed?fs=True");
    const pod = await removalPod("claimed");
    assert.equal(pod.spec.containers[0]?.args, ["remove-directory", "/removal/0/claimed"]);
    await end(pod, "Succeeded");
    assert.equal(flags(await answer), ["Yes", "Yes", "Yes"]);
    assert.is((await snapshotMode.get("/v1/pipelines/claimed")).status, 200, "fs does not imply db");
    const left = async (): Promise<string> => {
      const { items } = await snapshotMode.client.listAll<KubeObject>(collectionPath(POD, snapshotMode.namespace));
      return items.map(({ metadata }) => metadata.name).join(" ");
    };
    assert.is(await left(), "", "the pod is not left behind");
  },
);

files("O-212: a removal that fails is No, with its reason in the log, and the rest goes on", async () => {
  await ended(snapshotMode, "failing", [task("a", CLAIM)]);
  const answer = snapshotMode.call("DELETE", "/v1/pipelines/failing?fs=True&db=True");
  await end(await removalPod("failing"), "Failed", "EROFS: read-only file system");
  assert.equal(flags(await answer), ["No", "No"]);
  assert.is((await snapshotMode.get("/v1/pipelines/failing")).status, 404);
  const told = snapshotMode.logLines.filter((line) => line.run === "failing" && line.level === "warn");
  assert.match(String(told[0]?.cause), "EROFS: read-only file system");
});

files("O-211: a run whose tasks mounted no claim over the data path has no directory", async () => {
  await ended(snapshotMode, "scratch", [task("a")]);
  assert.equal(flags(await snapshotMode.call("DELETE", "/v1/pipelines/scratch?fs=True")), ["Yes", "Yes"]);
});

files("O-211: without fs nothing is removed, and no pod is started", async () => {
  await ended(snapshotMode, "kept", [task("a", CLAIM)]);
  assert.equal(flags(await snapshotMode.call("DELETE", "/v1/pipelines/kept")), ["No", "No"]);
});

files("O-211, O-107: on the shared volume the directory goes at once, and another run's stays", async () => {
  for (const run of ["gone", "stays"]) {
    await mkdir(join(volume.path, "odin", run, "a"), { recursive: true });
    await writeFile(join(volume.path, "odin", run, "a/model"), "x");
  }
  await ended(sharedMode, "gone", [task("a", CLAIM)]);
  assert.equal(flags(await sharedMode.call("DELETE", "/v1/pipelines/gone?fs=True")), ["Yes", "Yes"]);
  assert.not.ok(existsSync(join(volume.path, "odin/gone")));
  assert.ok(existsSync(join(volume.path, "odin/stays/a/model")));
});
files("O-211: nothing is removed while a pod of the run can still write, whoever owns it", async () => {
  await mkdir(join(volume.path, "odin/busy/a"), { recursive: true });
  await ended(sharedMode, "busy", [task("a", { resourceType: "Job" })]);
  const { uid } = (await sharedMode.run("busy")).metadata;
  // Any owner but the run will do, as long as it is there: pods of an owner that is not are collected, and told to have failed.
  const owner = await sharedMode.client.create<KubeObject>(collectionPath(CONFIG_MAP, sharedMode.namespace), {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "busy--a" },
  });
  await sharedMode.client.create(collectionPath(POD, sharedMode.namespace), {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: "busy--a-x7k2p",
      // It takes its time to stop, as one does that handles the signal.
      finalizers: ["odin.io/test"],
      labels: { [LABELS.managedBy]: MANAGED_BY, [LABELS.run]: "busy", [LABELS.task]: "a" },
      annotations: { [ANNOTATIONS.run]: "busy", [ANNOTATIONS.runUid]: uid, [ANNOTATIONS.object]: "busy--a" },
      ownerReferences: [
        { apiVersion: "v1", kind: "ConfigMap", name: "busy--a", uid: owner.metadata.uid, controller: true },
      ],
    },
    spec: { containers: [{ name: "main", image: "i" }] },
  });
  let isAnswered = false;
  const answer = sharedMode.call("DELETE", "/v1/pipelines/busy?fs=True").finally(() => {
    isAnswered = true;
  });
  const lists = async (): Promise<number> =>
    (await auditedRequests(sharedMode.namespace)).filter(
      ({ verb, resource, userAgent }) => verb === "list" && resource === "pods" && userAgent === "odin-api-test",
    ).length;
  const before = await lists();
  await until(lists, WAIT_MS, { describe: "it has looked several times", accept: (count) => count >= before + 3 });
  assert.not.ok(isAnswered);
  assert.ok(existsSync(join(volume.path, "odin/busy/a")));
  const path = objectPath(POD, sharedMode.namespace, "busy--a-x7k2p");
  await sharedMode.client.patch(path, "merge", { metadata: { finalizers: null } });
  await sharedMode.client.delete(path).catch(() => undefined);
  assert.equal(flags(await answer), ["Yes", "Yes"]);
  assert.not.ok(existsSync(join(volume.path, "odin/busy")));
});
files.run();
