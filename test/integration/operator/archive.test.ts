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
    // A busy machine takes its time to give a log.
    stage = await Stage.open({}, join(place.path, "store.db"), { logGraceMs: 60_000 });
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
async function startOnNode(run: string, name: string, text: string, on = stage): Promise<string> {
  await on.pod(run, name);
  const pod = podName(run, name, 1);
  await kubelet.bind(on.namespace, pod);
  kubelet.write(pod, text);
  const startedAt = new Date().toISOString();
  const state = { running: { startedAt } };
  const container = { name: "main", image: "i", imageID: "", ready: true, restartCount: 0, state };
  await on.setPodStatus(run, name, { phase: "Running", containerStatuses: [container] });
  return pod;
}

/** The same, and the operator has seen that it runs: runs and pods are watched apart, so what happens to one may be seen before what happened to the other. */
async function startInSight(run: string, name: string, text: string, on = stage): Promise<string> {
  const state = { waiting: { reason: "ImagePullBackOff", message: "the registry is away" } };
  const container = { name: "main", image: "i", imageID: "", ready: false, restartCount: 0, state };
  await on.setPodStatus(run, name, { phase: "Pending", containerStatuses: [container] });
  const reason = "ImagePullBackOff";
  await on.untilRun(run, "waits for its image", ({ status }) => status?.tasks?.[name]?.reason === reason);
  const pod = await startOnNode(run, name, text, on);
  await on.untilRun(run, "runs", ({ status }) => status?.tasks?.[name]?.reason === undefined);
  return pod;
}

async function entries(run: string, on = stage): Promise<LogEntry[]> {
  return await store.logs.ofRun((await on.get(run)).metadata.uid);
}

/** Waits until the archive has what is asked for of a run, and returns it; shows what the operator said if that does not come. */
async function untilEntries(run: string, describe: string, accept: (all: LogEntry[]) => boolean): Promise<LogEntry[]> {
  try {
    return await until(() => entries(run), WAIT_MS, { describe: `${run}: ${describe}`, accept });
  } catch (error) {
    await stage.showState(run);
    throw error;
  }
}

/** The same of one pod of the run. */
async function untilEntry(run: string, describe: string, accept: (entry: LogEntry) => boolean): Promise<LogEntry> {
  const found = (await untilEntries(run, describe, (all) => all.some(accept))).find(accept);
  if (found === undefined) throw new Error("it was there a moment ago");
  return found;
}

const whole = ({ state }: LogEntry): boolean => state === "whole";
const textOf = async ({ podUid }: LogEntry): Promise<string | undefined> => (await store.logs.text(podUid))?.toString();

async function deletePodNow(pod: string, on = stage): Promise<void> {
  await on.client.delete(objectPath(POD, on.namespace, pod), { gracePeriodSeconds: 0 });
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
  const pod = await startInSight("stopped", "a", "working\n");
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
  // The API server marks a pod before it removes it, and the log may just be had in between: the node has let it go by then.
  kubelet.refuse(pod, { status: 404, text: `pod "${pod}" not found` });
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
  const lost = await untilEntries("refused", "both are recorded", (all) => all.length === 2);
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
  const usual = await Stage.open({}, join(place.path, "store.db"));
  try {
    await usual.create("silent", { tasks: [task("a")] });
    const pod = await startInSight("silent", "a", "never read\n", usual);
    kubelet.silence(pod, true);
    await usual.control("silent", { cancel: true, cancelledBy: "ada" });
    await until(async () => (await usual.pod("silent", "a")).metadata.deletionTimestamp, 60_000, {
      describe: "the pod is asked to go all the same",
    });
    await until(() => kubelet.askedFor(pod) > 0, WAIT_MS, { describe: "the node is asked" });
    assert.equal(await entries("silent", usual), []);
    await deletePodNow(pod, usual);
    await usual.untilPhase("silent", "TERMINATED");
    kubelet.end(pod);
  } finally {
    await usual.close();
  }
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
  const all = await untilEntries("away", "all three are recorded", (list) => list.length === 3);
  assert.equal(all.map(({ task, state, reason }) => [task, state, reason]).sort(), [
    ["a", "whole", undefined],
    ["b", "lost", "the pod was deleted while nobody watched"],
    ["c", "whole", undefined],
  ]);
  // A further restart asks for nothing again.
  const asked = (): number[] => pods.map((pod) => kubelet.askedFor(pod));
  const before = asked();
  await stage.stopOperator();
  await stage.startOperator();
  await stage.create("after-away", { tasks: [task("a")] });
  kubelet.end(await startOnNode("after-away", "a", "x\n"));
  await stage.succeed("after-away", "a");
  await untilEntry("after-away", "is whole", whole);
  assert.equal([before, asked()], [[1, 0, 1], before]);
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
  const all = await untilEntries("again", "both are stored", (list) => list.length === 2);
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
  const all = await untilEntries("wide", "all are stored", (list) => list.length === names.length);
  assert.ok(all.every(whole));
  assert.ok(names.every((name) => kubelet.askedFor(podName("wide", name, 1)) === 1));
});

archive.run();
