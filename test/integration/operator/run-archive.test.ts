import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { MAX_EVENTS } from "../../../crds/limits.ts";
import { podName } from "../../../crds/names.ts";
import { type RunDocument, readRunDocument } from "../../../crds/run-document.ts";
import { POD } from "../../../kube/core-resources.ts";
import { collectionPath, objectPath } from "../../../kube/resource.ts";
import { openStore, type Store } from "../../../store/store.ts";
import { auditedRequests } from "../../support/audit-log.ts";
import { until } from "../../support/deadline.ts";
import { FakeKubelet } from "../../support/fake-kubelet.ts";
import { kubectl, kubectlApply } from "../../support/kubectl.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";
import { Stage, task } from "./stage.ts";

const archive = suite("the archive of ended runs");
const WAIT_MS = 90_000;
let place: TemporaryDirectory;
let stage: Stage;
let kubelet: FakeKubelet;
let store: Store;

archive.before(async () => {
  try {
    place = await temporaryDirectory();
    store = openStore(join(place.path, "store.db"));
    stage = await Stage.open({}, join(place.path, "store.db"), { runRetentionDays: 30 });
    kubelet = await FakeKubelet.start(stage.client);
  } catch (error) {
    console.error(error);
    throw error;
  }
});
archive.after(async () => {
  await kubelet?.stop();
  await stage?.close();
  await store?.close();
  await place?.remove();
});

async function untilKept(uid: string): Promise<RunDocument> {
  const found = await until(async () => (await store.runs.documents([uid])).get(uid), WAIT_MS, {
    describe: `run ${uid} is in the archive`,
  });
  const document = readRunDocument(found);
  if (document === undefined) throw new Error("it is no document of a run");
  return document;
}

/** A run of one task that has ended well; returns its UID. */
async function ended(name: string): Promise<string> {
  const { metadata } = await stage.create(name, { tasks: [task("a")] });
  await stage.succeed(name, "a");
  await stage.untilPhase(name, "DONE");
  return metadata.uid;
}

async function untilListed(name: string, what: boolean): Promise<void> {
  const listed = (): Promise<boolean> =>
    store.runs.list({ namespace: stage.namespace, limit: 100 }).then((all) => all.some((run) => run.name === name));
  await until(listed, WAIT_MS, { describe: `${name} is listed: ${what}`, accept: (is) => is === what });
}

archive("I-7: a run that ends is kept with what it was, at no request to the API server", async () => {
  await kubectlApply(stage.namespace, {
    apiVersion: "odin.io/v1",
    kind: "Job",
    metadata: { name: "job" },
    spec: { path: "team/job", tasks: [task("a"), task("b", { depends: ["a"] })], files: { "a.txt": "x" } },
  });
  const { metadata } = await stage.create("whole", { job: "team/job", user: "ada" });
  await stage.succeed("whole", "a", '{"score": 1}');
  await stage.fail("whole", "b", 3);
  const run = await stage.untilPhase("whole", "TERMINATED");
  const { pipeline, tasks } = await untilKept(metadata.uid);
  assert.equal(
    tasks.map(({ name, depends }) => [name, depends]),
    [
      ["a", undefined],
      ["b", ["a"]],
    ],
  );
  assert.equal(pipeline.status, run.status);
  assert.is(pipeline.spec.user, "ada");
  const record = await store.runs.byUid(metadata.uid);
  assert.equal(
    [record?.name, record?.job, record?.user, record?.phase, record?.version],
    ["whole", "team/job", "ada", "TERMINATED", run.status?.version],
  );
  assert.is(record?.createdAt, Date.parse(metadata.creationTimestamp ?? ""));
  const reads = (await auditedRequests(stage.namespace)).filter(
    ({ userAgent, verb, resource }) =>
      userAgent.startsWith("odin-operator") && verb === "get" && resource === "pipelines",
  );
  assert.equal(reads, []);
});

archive("a run whose object somebody deletes stays in the archive, and is listed from then on", async () => {
  const uid = await ended("deleted");
  await untilKept(uid);
  await untilListed("deleted", false);
  await kubectl("delete", "pipeline", "deleted", "-n", stage.namespace);
  await untilListed("deleted", true);
  await until(() => stage.pods("deleted"), WAIT_MS, { describe: "its pod goes", accept: ({ length }) => length === 0 });
  // The same name again: another run, which has nothing to do with the first.
  const second = await ended("deleted");
  await untilKept(second);
  assert.equal(
    (await store.runs.find(stage.namespace, ["deleted"])).map((run) => run.uid),
    [second],
  );
  assert.ok(await store.runs.byUid(uid));
});

archive("O-225: logs of pods that go after their run's object are kept with it", async () => {
  const { metadata } = await stage.create("late", { tasks: [task("a")] });
  await stage.pod("late", "a");
  const pod = podName("late", "a", 1);
  await kubelet.bind(stage.namespace, pod);
  kubelet.write(pod, "last words\n");
  kubelet.refuse(pod, { status: 500, text: "not now" });
  kubelet.end(pod);
  await stage.succeed("late", "a");
  await stage.untilPhase("late", "DONE");
  await untilKept(metadata.uid);
  // Left to itself the pod stays until the collector comes; here it goes when its log was read or could not be.
  await kubectl("delete", "pipeline", "late", "-n", stage.namespace, "--cascade=orphan");
  kubelet.refuse(pod, undefined);
  const [entry] = await until(() => store.logs.ofRun(metadata.uid), WAIT_MS, {
    describe: "the log is kept",
    accept: (all) => all.length === 1,
  });
  assert.is(entry?.state, "whole");
  await stage.client.delete(objectPath(POD, stage.namespace, pod), { gracePeriodSeconds: 0 });
});

archive("a run that is deleted before it ends is not kept, nor are its logs", async () => {
  const { metadata } = await stage.create("unfinished", { tasks: [task("a")] });
  await stage.pod("unfinished", "a");
  await kubectl("delete", "pipeline", "unfinished", "-n", stage.namespace);
  await untilKept(await ended("after-unfinished"));
  assert.is(await store.runs.byUid(metadata.uid), undefined);
  assert.equal(await store.logs.ofRun(metadata.uid), []);
});

archive("F-36: runs that ended while the store was down, or the operator, are archived later, each once", async () => {
  await stage.stopOperator();
  const path = join(place.path, "broken.db");
  await writeFile(path, "this is no database ".repeat(500));
  const other = await Stage.open({}, path, { runRetentionDays: 30 });
  const repaired = openStore(path);
  try {
    const names = Array.from({ length: 5 }, (_, n) => `r-${n}`);
    const uids: string[] = [];
    for (const name of names) {
      uids.push((await other.create(name, { tasks: [task("a")] })).metadata.uid);
      await other.succeed(name, "a");
      await other.untilPhase(name, "DONE");
    }
    await other.stopOperator();
    await writeFile(path, "");
    await other.startOperator();
    await until(() => repaired.runs.kept(uids), WAIT_MS, {
      describe: "all are kept",
      accept: (kept) => kept.size === uids.length,
    });
    const documents = await repaired.runs.documents(uids);
    assert.equal(
      uids.map((uid) => readRunDocument(documents.get(uid))?.pipeline.status?.phase),
      uids.map(() => "DONE"),
    );
    await other.stopOperator();
    await other.startOperator();
    await other.create("last", { tasks: [task("a")] });
    await other.succeed("last", "a");
    await until(() => repaired.runs.find(other.namespace, ["last"]), WAIT_MS, {
      describe: "the last one is kept",
      accept: ({ length }) => length === 1,
    });
    const reads = (await auditedRequests(other.namespace)).filter(
      ({ userAgent, verb, resource }) =>
        userAgent.startsWith("odin-operator") && verb === "get" && resource === "pipelines",
    );
    assert.is(reads.length, names.length);
  } finally {
    await repaired.close();
    await other.close();
    await stage.startOperator();
  }
});

archive(
  "F-36, O-225: a run whose time is over stays until it and its log are stored; then it goes, and the archive tells of it",
  async () => {
    await stage.stopOperator();
    const path = join(place.path, "broken-too.db");
    await writeFile(path, "this is no database ".repeat(500));
    const other = await Stage.open({}, path, { runRetentionDays: 30 });
    const repaired = openStore(path);
    try {
      const { metadata } = await other.create("timed", { tasks: [task("a")], ttlSecondsAfterFinished: 1 });
      await other.pod("timed", "a");
      const pod = podName("timed", "a", 1);
      await kubelet.bind(other.namespace, pod);
      kubelet.write(pod, "the only words\n");
      kubelet.end(pod);
      await other.succeed("timed", "a");
      const run = await other.untilPhase("timed", "DONE");
      const endedAt = Date.parse(run.status?.completionTime ?? "");
      await until(() => Date.now() > endedAt + 3_000, WAIT_MS, { describe: "its time is over" });
      assert.is((await other.get("timed")).metadata.uid, metadata.uid);
      await writeFile(path, "");
      await until(() => kubectl("get", "pipelines", "-n", other.namespace, "-o", "name"), WAIT_MS, {
        describe: "its object goes",
        accept: (names) => !names.includes("timed"),
      });
      const [log] = await repaired.logs.ofRun(metadata.uid);
      assert.equal(
        [log?.state, log && (await repaired.logs.text(log.podUid))?.toString()],
        ["whole", "the only words\n"],
      );
      await until(() => repaired.runs.list({ namespace: other.namespace, limit: 10 }), WAIT_MS, {
        describe: "it is listed",
        accept: (runs) => runs.some(({ name }) => name === "timed"),
      });
    } finally {
      await repaired.close();
      await other.close();
      await stage.startOperator();
    }
  },
);

archive(
  "O-222: warnings about the run's pods are kept with it, also those for which its own events have no room",
  async () => {
    const tasks = Array.from({ length: MAX_EVENTS + 20 }, (_, n) => task(`t${n}`));
    const { metadata } = await stage.create("warned", { tasks });
    const events = { group: "", version: "v1", plural: "events", kind: "Event", namespaced: true };
    for (const { name } of tasks) {
      const pod = await stage.pod("warned", name);
      const time = new Date().toISOString().replace(/\.\d+/, "");
      await stage.client.create(collectionPath(events, stage.namespace), {
        apiVersion: "v1",
        kind: "Event",
        metadata: { generateName: `${pod.metadata.name}.` },
        involvedObject: {
          ...{ apiVersion: "v1", kind: "Pod", name: pod.metadata.name, namespace: stage.namespace },
          uid: pod.metadata.uid,
        },
        ...{ source: { component: "kubelet", host: "node-1" }, firstTimestamp: time, lastTimestamp: time },
        ...{ type: "Warning", reason: "FailedMount", message: `no volume for ${name}` },
      });
    }
    await stage.untilRun("warned", "knows of the last warning", ({ status }) =>
      (status?.events ?? []).some(({ message }) => message === `no volume for ${tasks.at(-1)?.name}`),
    );
    for (const { name } of tasks) await stage.succeed("warned", name);
    const { status } = await stage.untilPhase("warned", "DONE");
    assert.ok((status?.events ?? []).length <= MAX_EVENTS + 8);
    const { pipeline } = await untilKept(metadata.uid);
    const kept = pipeline.status?.events ?? [];
    const warned = kept.filter(({ reason }) => reason === "FailedMount").map(({ task: of }) => of);
    assert.equal(new Set(warned), new Set(tasks.map(({ name }) => name)));
    assert.is(warned.length, tasks.length, "each once");
    assert.is(kept.at(-1)?.reason, "Completed");
  },
);
archive.run();
