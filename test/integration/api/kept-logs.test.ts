import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { TaskStatus } from "../../../crds/generated/types.ts";
import type { LogOwner } from "../../../store/log-archive.ts";
import { openStore, type Store } from "../../../store/store.ts";
import { until } from "../../support/deadline.ts";
import { FakeKubelet } from "../../support/fake-kubelet.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";
import { SST2_TASKS } from "../../unit/api/odin/sample.ts";
import { FacadeStage } from "./facade-stage.ts";

const test = suite("api kept logs");
const WAIT_MS = 60_000;
let place: TemporaryDirectory;
let store: Store;
let stage: FacadeStage;
let kubelet: FakeKubelet;

test.before(async () => {
  try {
    place = await temporaryDirectory();
    store = openStore(join(place.path, "store.db"));
    stage = await FacadeStage.open({ ODIN_STORE: join(place.path, "store.db") });
    kubelet = await FakeKubelet.start(stage.client);
    await stage.applyJob("sst2", { tasks: SST2_TASKS });
  } catch (error) {
    console.error(error);
    throw error;
  }
});
test.after(async () => {
  await kubelet?.stop();
  await stage?.close();
  await store?.close();
  await place?.remove();
});

const header = (pod: string): string => `================\n${pod}\n----------------\n`;
const logs = async (path: string): Promise<string> =>
  JSON.parse((await stage.get(`/v1/resources/${path}`)).text) as string;

/** A run whose first task ended and whose pod is gone; what the archive has of it is up to the test. */
async function ended(
  more: Partial<TaskStatus> = {},
): Promise<{ id: string; owner: (pod?: Partial<LogOwner>) => LogOwner }> {
  const id = await stage.launch("sst2");
  const record: TaskStatus = {
    state: "executed",
    attempt: 1,
    pod: `${id}--sst2`,
    startTime: "2026-01-01T00:00:00Z",
    ...more,
  };
  await stage.setStatus(id, { phase: "DONE", job: "sst2", tasks: { sst2: record, after: { state: "waiting" } } });
  await until(async () => (await stage.get(`/v1/pipelines/${id}`)).text.includes('"DONE"'), WAIT_MS, {
    describe: "the status arrives",
  });
  const { uid: runUid } = (await stage.run(id)).metadata;
  const owner = (pod: Partial<LogOwner> = {}): LogOwner => ({
    podUid: `uid-of-${id}`,
    namespace: stage.namespace,
    pod: `${id}--sst2`,
    runUid,
    run: id,
    task: "sst2",
    attempt: 1,
    container: "main",
    createdAt: "2026-01-01T00:00:00Z",
    ...pod,
  });
  return { id, owner };
}

test("O-225, O-223: the log of a pod that is gone comes from the archive, in the usual form", async () => {
  const { id, owner } = await ended();
  assert.match(await logs(`${id}/logs`), "(the log is gone: the pod was deleted)");
  await store.logs.save(owner(), { text: Buffer.from('one "1"\ntwo\nthree\n'), dropped: 0 }, "whole");
  const all = `${header(`${id}--sst2`)}one "1"\ntwo\nthree`;
  assert.is(await logs(`${id}/logs`), all);
  assert.is(await logs(`${id}--sst2/logs`), all);
  assert.is(await logs(`${id}--sst2/logs?lines=2`), `${header(`${id}--sst2`)}two\nthree`);
  assert.is(await logs(`${id}--sst2/logs?container=main`), all);
  assert.match(
    await logs(`${id}--sst2/logs?container=other`),
    "(no log: of this pod only the log of container main was kept)",
  );
  assert.is(await logs(`${id}--after/logs`), "");
  const followed = await stage.get(`/v1/resources/${id}/logs?follow=true`);
  assert.is(followed.text, `${all}\n`);
});

test("O-225, O-223: every attempt, and every pod of a task, in the order in which they started", async () => {
  const { id, owner } = await ended({ attempt: 2, pod: "latest" });
  const pods = [`${id}--sst2-worker-0`, `${id}--sst2`, `${id}--sst2-r1`];
  for (const [n, pod] of pods.entries()) {
    const createdAt = `2026-01-01T00:00:0${[2, 0, 1][n]}Z`;
    await store.logs.save(
      owner({ podUid: `${id}-${n}`, pod, createdAt }),
      { text: Buffer.from(`${n}\n`), dropped: 0 },
      "whole",
    );
  }
  const told = [...(await logs(`${id}--sst2/logs`)).matchAll(/^=+\n(.*)\n-+\n(.*)$/gm)].map(([, pod, line]) => [
    pod,
    line,
  ]);
  assert.equal(told.slice(0, 3), [
    ["latest", "(the log is gone: the pod was deleted)"],
    [`${id}--sst2`, "1"],
    [`${id}--sst2-r1`, "2"],
  ]);
  // A pod that only the archive knows by its name has its own data, events and logs (O-220).
  assert.is(await logs(`${pods[0]}/logs`), `${header(pods[0] ?? "")}0`);
  for (const what of ["data", "events"])
    assert.is((await stage.get(`/v1/resources/${pods[0]}/${what}`)).status, 200, what);
  assert.is((await stage.get(`/v1/resources/${id}--sst2-worker-1/logs`)).status, 404);
});

test("O-225: what is missing is said where it is missing, and a lost log is an event too (O-222)", async () => {
  const { id, owner } = await ended();
  await store.logs.lose(owner(), "the node is gone");
  assert.is(await logs(`${id}/logs`), `${header(`${id}--sst2`)}(no log: the node is gone)`);
  const { events } = (await stage.get(`/v1/resources/${id}/events`)).json as {
    events: { reason: string; source: string; message: string; eventType: string }[];
  };
  const lost = events.find(({ reason }) => reason === "LogLost");
  assert.equal([lost?.eventType, lost?.source], ["Warning", "odin"]);
  assert.match(lost?.message ?? "", `the log of pod ${id}--sst2 could not be kept: the node is gone`);
  await store.logs.save(owner(), { text: Buffer.from("b\n"), dropped: 123, reason: "cut" }, "partial");
  assert.is(
    await logs(`${id}/logs`),
    `${header(`${id}--sst2`)}(123 earlier bytes were not kept)\nb\n(the log ends here: cut)`,
  );
  assert.not.match((await stage.get(`/v1/resources/${id}/events`)).text, "LogLost");
});

test("O-225: a pod that is there is read from its node, one that has ended from the archive", async () => {
  const id = await stage.launch("sst2");
  const pod = await stage.createPod(id, "sst2");
  await kubelet.bind(stage.namespace, pod);
  kubelet.write(pod, "from the node\n");
  const startedAt = "2026-01-01T00:00:00Z";
  const status = (state: object, phase: string) => ({
    phase,
    containerStatuses: [{ name: "main", image: "i", imageID: "", ready: false, restartCount: 0, state }],
  });
  const path = `/api/v1/namespaces/${stage.namespace}/pods/${pod}/status`;
  await stage.client.patch(path, "strategic", { status: status({ running: { startedAt } }, "Running") });
  await untilPodIsKnown(id, `${header(pod)}from the node`);
  await stage.setStatus(id, {
    phase: "RUNNING",
    tasks: { sst2: { state: "executing", attempt: 1, pod, startTime: startedAt } },
  });
  const { uid: podUid } = (await stage.pod(pod)).metadata;
  const { uid: runUid } = (await stage.run(id)).metadata;
  const owner = {
    podUid,
    namespace: stage.namespace,
    pod,
    runUid,
    run: id,
    task: "sst2",
    attempt: 1,
    container: "main",
  };
  await store.logs.save(
    { ...owner, createdAt: startedAt },
    { text: Buffer.from("from the archive\n"), dropped: 0 },
    "whole",
  );
  assert.is(await logs(`${id}/logs`), `${header(pod)}from the node`);
  kubelet.refuse(pod, { status: 500, text: "the node is broken" });
  const terminated = { exitCode: 0, startedAt, finishedAt: startedAt };
  await stage.client.patch(path, "strategic", { status: status({ terminated }, "Succeeded") });
  await until(() => logs(`${id}/logs`), WAIT_MS, {
    describe: "the archive answers",
    accept: (text) => text === `${header(pod)}from the archive`,
  });
});

/**
 * Waits until the facade knows the pod of a run and shows its log. To be called before the run's status names the pod: of one that is named the log is
 * read from its node also where the facade has not heard of the pod yet, and then takes it for gone.
 */
async function untilPodIsKnown(id: string, log: string): Promise<void> {
  await until(() => logs(`${id}/logs`), WAIT_MS, { describe: "its log is there", accept: (shown) => shown === log });
}

/** A run of which a pod runs, or has ended, on the node; it has written `text`. */
async function onNode(
  text: string,
  phase: "Running" | "Succeeded",
): Promise<{ id: string; pod: string; runUid: string }> {
  const id = await stage.launch("sst2");
  const pod = await stage.createPod(id, "sst2");
  await kubelet.bind(stage.namespace, pod);
  kubelet.write(pod, text);
  const startedAt = "2026-01-01T00:00:00Z";
  const state =
    phase === "Running"
      ? { running: { startedAt } }
      : { terminated: { exitCode: 0, startedAt, finishedAt: startedAt } };
  const status = {
    phase,
    containerStatuses: [{ name: "main", image: "i", imageID: "", ready: false, restartCount: 0, state }],
  };
  await stage.client.patch(`/api/v1/namespaces/${stage.namespace}/pods/${pod}/status`, "strategic", { status });
  await untilPodIsKnown(id, `${header(pod)}${text.trimEnd()}`);
  const task = phase === "Running" ? "executing" : "executed";
  await stage.setStatus(id, {
    phase: "RUNNING",
    tasks: { sst2: { state: task, attempt: 1, pod, startTime: startedAt }, after: { state: "waiting" } },
  });
  return { id, pod, runUid: (await stage.run(id)).metadata.uid };
}

/** What a kubelet does once the container of a deleted pod has ended. */
async function removePod(pod: string): Promise<void> {
  await stage.client.delete(`/api/v1/namespaces/${stage.namespace}/pods/${pod}`, { gracePeriodSeconds: 0 });
}

test("O-211, O-225: without db the logs are saved before the pods are deleted", async () => {
  const done = await onNode("all of it\n", "Succeeded");
  assert.is((await stage.call("DELETE", `/v1/pipelines/${done.id}`)).status, 200);
  assert.equal(
    (await store.logs.ofRun(done.runUid)).map(({ state, size }) => [state, size]),
    [["whole", 10]],
  );
  await removePod(done.pod).catch(() => undefined);
  await until(() => logs(`${done.id}/logs`), WAIT_MS, {
    describe: "the archive has the log",
    accept: (text) => text === `${header(done.pod)}all of it`,
  });
  const running = await onNode("begun\n", "Running");
  await stage.call("DELETE", `/v1/pipelines/${running.id}`);
  await removePod(running.pod);
  await until(() => logs(`${running.id}/logs`), WAIT_MS, {
    describe: "the archive has what there was",
    accept: (text) => /begun\n\(the log ends here: read just before the container was stopped/.test(text),
  });
  const mute = await onNode("never read\n", "Succeeded");
  kubelet.refuse(mute.pod, { status: 500, text: "the node is broken" });
  assert.is((await stage.call("DELETE", `/v1/pipelines/${mute.id}`)).status, 200);
  const [lost] = await store.logs.ofRun(mute.runUid);
  assert.is(lost?.state, "lost");
  assert.match(lost?.reason ?? "", /unknown|broken|500/);
});

test("O-211: with db the logs go with the record", async () => {
  const run = await onNode("x\n", "Succeeded");
  const owner = { podUid: "gone-pod", namespace: stage.namespace, pod: run.pod, runUid: run.runUid, run: run.id };
  const log = { text: Buffer.from("y"), dropped: 0 };
  await store.logs.save({ ...owner, task: "sst2", attempt: 1, container: "main", createdAt: "" }, log, "whole");
  const answer = await stage.call("DELETE", `/v1/pipelines/${run.id}?db=True`);
  const rows = answer.json.cleanups as { purgedFromDb: string }[];
  assert.equal(
    rows.map(({ purgedFromDb }) => purgedFromDb),
    ["Yes", "Yes"],
  );
  assert.equal(await store.logs.ofRun(run.runUid), []);
  assert.is((await stage.get(`/v1/resources/${run.id}/logs`)).status, 404);
});

test("F-36: a store that does not work takes nothing else along, and its path is nobody's business", async () => {
  const { id } = await ended();
  await stage.stop();
  const broken = join(place.path, "broken.db");
  await writeFile(broken, "this is no database ".repeat(500));
  await stage.start({ ODIN_STORE: broken });
  const log = await stage.get(`/v1/resources/${id}/logs`);
  assert.equal(
    [log.status, JSON.parse(log.text)],
    [
      200,
      `${header(`${id}--sst2`)}(no log: the pod was deleted, and the store of logs does not work now; try again later)`,
    ],
  );
  for (const what of ["data", "events"]) {
    const answer = await stage.get(`/v1/resources/${id}/${what}`);
    assert.is(answer.status, 200, what);
    assert.not.match(answer.text, "broken.db");
  }
  assert.is((await stage.get(`/v1/resources/${id}--nope/logs`)).status, 404);
  await until(() => stage.logLines.some(({ err }) => String(err).includes(`the store ${broken}: `)), WAIT_MS, {
    describe: "our own log names the file",
  });
});

test.run();
