import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { podName } from "../../../crds/names.ts";
import { POD } from "../../../kube/core-resources.ts";
import { objectPath } from "../../../kube/resource.ts";
import type { LogEntry } from "../../../store/log-archive.ts";
import { openStore, type Store } from "../../../store/store.ts";
import { auditedRequests } from "../../support/audit-log.ts";
import { until } from "../../support/deadline.ts";
import { FakeKubelet } from "../../support/fake-kubelet.ts";
import { kubectl } from "../../support/kubectl.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";
import { Stage, task } from "./stage.ts";

const archive = suite("the archive of logs");
const WAIT_MS = 90_000;
let place: TemporaryDirectory;
let stage: Stage;
let kubelet: FakeKubelet;
let store: Store;

archive.before(async () => {
  try {
    place = await temporaryDirectory();
    store = openStore(join(place.path, "store.db"));
    stage = await Stage.open({}, join(place.path, "store.db"));
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

/** A task whose container runs on the node and has written something. */
async function startOnNode(run: string, name: string, text: string): Promise<string> {
  await stage.pod(run, name);
  const pod = podName(run, name, 1);
  await kubelet.bind(stage.namespace, pod);
  kubelet.write(pod, text);
  const startedAt = new Date().toISOString();
  const state = { running: { startedAt } };
  const container = { name: "main", image: "i", imageID: "", ready: true, restartCount: 0, state };
  await stage.setPodStatus(run, name, { phase: "Running", containerStatuses: [container] });
  return pod;
}

async function entries(run: string): Promise<LogEntry[]> {
  return await store.logs.ofRun((await stage.get(run)).metadata.uid);
}

/** Waits until the archive has something final, or what is asked for, of the only pod of a run. */
async function untilEntry(run: string, describe: string, accept: (entry: LogEntry) => boolean): Promise<LogEntry> {
  const found = await until(async () => (await entries(run)).find(accept), WAIT_MS, {
    describe: `${run}: ${describe}`,
  });
  if (found === undefined) throw new Error("until returns what it accepts");
  return found;
}

const whole = ({ state }: LogEntry): boolean => state === "whole";
const textOf = async ({ podUid }: LogEntry): Promise<string | undefined> => (await store.logs.text(podUid))?.toString();

async function deletePodNow(pod: string): Promise<void> {
  await stage.client.delete(objectPath(POD, stage.namespace, pod), { gracePeriodSeconds: 0 });
}

archive("O-225: the log of a task that ended is kept, at the cost of one read", async () => {
  await stage.create("good", { tasks: [task("a")] });
  const pod = await startOnNode("good", "a", "one\ntwo\n");
  kubelet.end(pod);
  await stage.succeed("good", "a");
  const entry = await untilEntry("good", "is whole", whole);
  assert.is(await textOf(entry), "one\ntwo\n");
  const { podUid: _, runUid: __, createdAt: ___, storedAt: ____, ...shown } = entry;
  assert.equal(shown, {
    namespace: stage.namespace,
    pod,
    run: "good",
    task: "a",
    attempt: 1,
    container: "main",
    state: "whole",
    size: 8,
    dropped: 0,
  });
  await stage.untilPhase("good", "DONE");
  await deletePodNow(pod);
  await stage.create("later", { tasks: [task("a")] });
  const next = await startOnNode("later", "a", "x\n");
  kubelet.end(next);
  await stage.fail("later", "a", 3);
  assert.is(await textOf(await untilEntry("later", "is whole", whole)), "x\n");
  assert.equal([kubelet.askedFor(pod), kubelet.askedFor(next)], [1, 1]);
  assert.is((await untilEntry("good", "stays", whole)).podUid, entry.podUid);
  const reads = (await auditedRequests(stage.namespace)).filter(
    ({ userAgent, verb }) => userAgent.startsWith("odin-operator") && verb === "get",
  );
  assert.equal(
    reads.map(({ resource, subresource }) => `${resource}/${subresource}`),
    ["pods/log", "pods/log"],
  );
});

archive("O-225: a cancelled task's log is saved before its pod is deleted, and its last words are added", async () => {
  await stage.create("stopped", { tasks: [task("a")] });
  const pod = await startOnNode("stopped", "a", "working\n");
  await stage.untilRun("stopped", "executes", (run) => run.status?.tasks?.a?.state === "executing");
  await stage.control("stopped", { cancel: true, cancelledBy: "ada" });
  await until(async () => (await stage.pod("stopped", "a")).metadata.deletionTimestamp, WAIT_MS, {
    describe: "the pod is asked to go",
  });
  const partial = (await entries("stopped"))[0];
  assert.equal([partial?.state, partial && (await textOf(partial))], ["partial", "working\n"]);
  assert.match(partial?.reason ?? "", "just before the container was stopped");
  kubelet.write(pod, "got SIGTERM, bye\n");
  kubelet.end(pod);
  const entry = await untilEntry("stopped", "is whole", whole);
  assert.is(await textOf(entry), "working\ngot SIGTERM, bye\n");
  await deletePodNow(pod);
  await stage.untilPhase("stopped", "TERMINATED");
  assert.is(kubelet.askedFor(pod), 1);
});

archive("O-225: a pod that somebody else deletes is followed to its end", async () => {
  await stage.create("deleted", { tasks: [task("a", { infrastructureRetries: 0 })] });
  const pod = await startOnNode("deleted", "a", "working\n");
  await kubectl("delete", "pod", pod, "-n", stage.namespace, "--wait=false");
  await until(() => kubelet.askedFor(pod) > 0, WAIT_MS, { describe: "the log is followed" });
  kubelet.write(pod, "bye\n");
  kubelet.end(pod);
  await deletePodNow(pod);
  await stage.untilPhase("deleted", "TERMINATED");
  assert.is(await textOf(await untilEntry("deleted", "is whole", whole)), "working\nbye\n");
});

archive("O-225: a pod that goes at once takes its log along; the reason is kept and told as an event", async () => {
  await stage.create("forced", { tasks: [task("a")] });
  const pod = await startOnNode("forced", "a", "working\n");
  await deletePodNow(pod);
  const entry = await untilEntry("forced", "is lost", ({ state }) => state === "lost");
  assert.is(entry.reason, "the pod was deleted before its log could be read");
  const events = await until(
    () => kubectl("get", "events", "-n", stage.namespace, "--field-selector", "reason=LogLost", "-o", "json"),
    WAIT_MS,
    { describe: "the event is there", accept: (text) => text.includes("the log of pod forced--a could not be kept") },
  );
  assert.match(events, '"kind": "Pipeline"');
});

archive("O-225: a log that the node refuses, or has removed, is lost with its reason; the run goes on", async () => {
  await stage.create("refused", { tasks: [task("a"), task("b")] });
  const a = await startOnNode("refused", "a", "x");
  const b = await startOnNode("refused", "b", "unable to retrieve container logs for containerd://0123456789abcdef");
  kubelet.refuse(a, { status: 400, text: 'container "main" in pod is waiting to start: CreateContainerError' });
  kubelet.end(b);
  await stage.fail("refused", "a", 1);
  await stage.succeed("refused", "b");
  await stage.untilPhase("refused", "TERMINATED");
  const lost = await until(() => entries("refused"), WAIT_MS, {
    describe: "both are recorded",
    accept: (all) => all.length === 2,
  });
  assert.equal(
    lost.map(({ state }) => state),
    ["lost", "lost"],
  );
  assert.match(lost.find(({ task }) => task === "a")?.reason ?? "", "waiting to start: CreateContainerError");
  assert.match(lost.find(({ task }) => task === "b")?.reason ?? "", "unable to retrieve container logs");
});

archive("O-225: a node that does not answer is asked again", async () => {
  await stage.create("broken", { tasks: [task("a")] });
  const a = await startOnNode("broken", "a", "fine in the end\n");
  kubelet.refuse(a, { status: 500, text: "the runtime is not running" });
  await stage.succeed("broken", "a");
  await stage.untilPhase("broken", "DONE");
  await until(() => kubelet.askedFor(a) >= 2, WAIT_MS, { describe: "it is asked again" });
  kubelet.refuse(a, undefined);
  kubelet.end(a);
  assert.is(await textOf(await untilEntry("broken", "is whole", whole)), "fine in the end\n");
});

archive("O-225: a node that says nothing delays a stop by no more than its grace", async () => {
  await stage.create("silent", { tasks: [task("a")] });
  const pod = await startOnNode("silent", "a", "never read\n");
  kubelet.silence(pod, true);
  await stage.untilRun("silent", "executes", (run) => run.status?.tasks?.a?.state === "executing");
  await stage.control("silent", { cancel: true, cancelledBy: "ada" });
  await until(async () => (await stage.pod("silent", "a")).metadata.deletionTimestamp, 30_000, {
    describe: "the pod is asked to go all the same",
  });
  assert.equal(await entries("silent"), []);
  await deletePodNow(pod);
  await stage.untilPhase("silent", "TERMINATED");
  kubelet.end(pod);
});

archive("O-225: what ended while the operator was down is read when it is back, and what went is told", async () => {
  await stage.create("away", { tasks: [task("a"), task("b"), task("c")] });
  const pods = await Promise.all(["a", "b", "c"].map((name) => startOnNode("away", name, `${name}\n`)));
  await stage.untilRun("away", "executes", (run) => run.status?.counts?.executing === 3);
  await stage.stopOperator();
  for (const pod of pods) kubelet.end(pod);
  await stage.succeed("away", "a");
  await deletePodNow(podName("away", "b", 1));
  await stage.succeed("away", "c");
  await stage.startOperator();
  const all = await until(() => entries("away"), WAIT_MS, {
    describe: "all three are recorded",
    accept: (list) => list.length === 3,
  });
  assert.equal(all.map(({ task, state, reason }) => [task, state, reason]).sort(), [
    ["a", "whole", undefined],
    ["b", "lost", "the pod was deleted while nobody watched"],
    ["c", "whole", undefined],
  ]);
  // A further restart asks for nothing again.
  const before = kubelet.asked.length;
  await stage.stopOperator();
  await stage.startOperator();
  await stage.create("after-away", { tasks: [task("a")] });
  kubelet.end(await startOnNode("after-away", "a", "x\n"));
  await stage.succeed("after-away", "a");
  await untilEntry("after-away", "is whole", whole);
  assert.is(kubelet.asked.length, before + 1);
});

archive("O-225, O-144: every attempt has its log", async () => {
  await stage.create("again", { tasks: [task("a", { retries: 1 })] });
  kubelet.end(await startOnNode("again", "a", "first\n"));
  await stage.fail("again", "a", 1);
  await stage.pod("again", "a", 2);
  const second = podName("again", "a", 2);
  await kubelet.bind(stage.namespace, second);
  kubelet.write(second, "second\n");
  kubelet.end(second);
  await stage.succeed("again", "a", undefined, 2);
  const all = await until(() => entries("again"), WAIT_MS, {
    describe: "both are stored",
    accept: (list) => list.length === 2,
  });
  const texts = await Promise.all(all.map(textOf));
  assert.equal(
    all.map(({ pod, attempt, state }, n) => [pod, attempt, state, texts[n]]),
    [
      ["again--a", 1, "whole", "first\n"],
      ["again--a-r1", 2, "whole", "second\n"],
    ],
  );
});

archive("O-225, O-168: the pods that a controller makes for a task have theirs", async () => {
  await stage.create("batch", { tasks: [task("a", { resourceType: "Job" })] });
  const made = await until(() => stage.pods("batch"), WAIT_MS, {
    describe: "the Job's controller makes a pod",
    accept: (pods) => pods.length === 1,
  });
  const pod = made[0]?.metadata.name ?? "";
  await kubelet.bind(stage.namespace, pod);
  kubelet.write(pod, "of a Job\n");
  kubelet.end(pod);
  const now = new Date().toISOString();
  const terminated = { exitCode: 0, reason: "Completed", startedAt: now, finishedAt: now };
  const container = { name: "main", image: "i", imageID: "", ready: false, restartCount: 0, state: { terminated } };
  await stage.client.patch(objectPath(POD, stage.namespace, pod, "status"), "strategic", {
    status: { phase: "Succeeded", containerStatuses: [container] },
  });
  const entry = await untilEntry("batch", "is whole", whole);
  assert.equal([entry.pod, entry.task, await textOf(entry)], [pod, "a", "of a Job\n"]);
  await stage.untilPhase("batch", "DONE");
});

archive("O-211: the logs of a run that is deleted go with it, and do not come back", async () => {
  await stage.create("gone", { tasks: [task("a"), task("b")] });
  const a = await startOnNode("gone", "a", "x\n");
  const b = await startOnNode("gone", "b", "still running\n");
  kubelet.end(a);
  await stage.succeed("gone", "a");
  await untilEntry("gone", "is whole", whole);
  const { uid } = (await stage.get("gone")).metadata;
  await kubectl("delete", "pipeline", "gone", "-n", stage.namespace);
  await until(async () => (await store.logs.ofRun(uid)).length === 0, WAIT_MS, { describe: "its logs go" });
  kubelet.end(b);
  await deletePodNow(b).catch(() => undefined);
  await stage.create("after-gone", { tasks: [task("a")] });
  kubelet.end(await startOnNode("after-gone", "a", "x\n"));
  await stage.succeed("after-gone", "a");
  await untilEntry("after-gone", "is whole", whole);
  assert.equal(await store.logs.ofRun(uid), []);
});

archive("F-36: while the store does not work runs go on, and their logs are stored once it does", async () => {
  await stage.stopOperator();
  const broken = join(place.path, "broken.db");
  await writeFile(broken, "this is no database ".repeat(500));
  const other = await Stage.open({}, broken);
  const repaired = openStore(broken);
  try {
    await other.create("through", { tasks: [task("a"), task("b", { depends: ["a"] })] });
    for (const name of ["a", "b"]) {
      await other.pod("through", name);
      const pod = podName("through", name, 1);
      await kubelet.bind(other.namespace, pod);
      kubelet.write(pod, `${name}\n`);
      kubelet.end(pod);
      await other.succeed("through", name);
    }
    const { metadata } = await other.untilPhase("through", "DONE");
    await writeFile(broken, "");
    const kept = await until(() => repaired.logs.ofRun(metadata.uid), WAIT_MS, {
      describe: "both logs are stored",
      accept: (all) => all.length === 2,
    });
    assert.equal(
      kept.map(({ state }) => state),
      ["whole", "whole"],
    );
  } finally {
    await repaired.close();
    await other.close();
    await stage.startOperator();
  }
});

archive("forty tasks that end at once are read a few at a time, each once", async () => {
  const names = Array.from({ length: 40 }, (_, n) => `t${n}`);
  await stage.create("wide", { tasks: names.map((name) => task(name)) });
  for (const name of names) {
    await stage.pod("wide", name);
    await kubelet.bind(stage.namespace, podName("wide", name, 1));
    kubelet.write(podName("wide", name, 1), `${name}\n`);
    kubelet.end(podName("wide", name, 1));
  }
  await Promise.all(names.map((name) => stage.succeed("wide", name)));
  await stage.untilPhase("wide", "DONE");
  const all = await until(() => entries("wide"), WAIT_MS, {
    describe: "all are stored",
    accept: (list) => list.length === names.length,
  });
  assert.ok(all.every(whole));
  assert.ok(names.every((name) => kubelet.askedFor(podName("wide", name, 1)) === 1));
});

archive.run();
