import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { PipelineStatus, TaskStatus } from "../../../crds/generated/types.ts";
import { isKubeError } from "../../../kube/errors.ts";
import { until } from "../../support/deadline.ts";
import { SST2_TASKS } from "../../unit/api/odin/sample.ts";
import { isProblem } from "../../unit/api/served.ts";
import { FacadeStage } from "./facade-stage.ts";

const test = suite("api cleanup");
const WAIT_MS = 60_000;
let stage: FacadeStage;

test.before(async () => {
  stage = await FacadeStage.open();
  await stage.applyJob("sst2", { tasks: SST2_TASKS });
});
test.after(async () => {
  await stage.close();
});

type YesNo = "Yes" | "No";
const row = (taskId: string, k8s: YesNo, db: YesNo = "No", fs: YesNo = "No") => ({
  taskId,
  cleanedFromK8s: k8s,
  purgedFromDb: db,
  removedFromFs: fs,
});

/** Waits until the run is shown with this text. */
async function untilShown(id: string, text: string): Promise<void> {
  await until(async () => (await stage.get(`/v1/pipelines/${id}`)).text.includes(text), WAIT_MS, {
    describe: `${id} is shown with ${text}`,
  });
}

/** A run as it is while its first task runs: with a pod and a status, both in the facade's cache. */
async function running(more: Partial<PipelineStatus> = {}): Promise<string> {
  const id = await stage.launch("sst2");
  const pod = await stage.createPod(id, "sst2");
  const sst2: TaskStatus = { state: "executing", attempt: 1, pod, startTime: "2026-01-01T00:00:00Z" };
  await stage.setStatus(id, { phase: "RUNNING", job: "sst2", tasks: { sst2, after: { state: "waiting" } }, ...more });
  await untilShown(id, '"executing"');
  await stage.untilPodSeen(id, pod);
  return id;
}

async function podIsGoing(name: string): Promise<boolean> {
  try {
    return (await stage.pod(name)).metadata.deletionTimestamp !== undefined;
  } catch (error) {
    if (isKubeError(error, "notFound")) return true;
    throw error;
  }
}

test("O-290, O-210, O-212: the document's first example; the run is stopped for good, the record stays", async () => {
  const id = await running();
  const answer = await stage.call("DELETE", `/v1/pipeline/${id}`);
  assert.is(answer.status, 200);
  assert.equal(JSON.parse(answer.text), [row(id, "No"), row(`${id}--sst2`, "Yes")]);
  const { spec } = await stage.run(id);
  assert.equal([spec.cancel, spec.cancelledBy], [true, "dpressel"]);
  assert.ok(await podIsGoing(`${id}--sst2`));
  assert.is((await stage.get(`/v1/pipelines/${id}`)).status, 200);
  const again = await stage.call("DELETE", `/v1/pipelines/${id}`);
  assert.equal(again.json, { cleanups: [row(id, "No"), row(`${id}--sst2`, "No")] });
});

test("O-290, O-211: with db the id is unknown everywhere at once", async () => {
  const id = await running();
  const answer = await stage.call("DELETE", `/v1/pipeline/${id}?db=True`);
  assert.equal(JSON.parse(answer.text), [row(id, "No", "Yes"), row(`${id}--sst2`, "Yes", "Yes")]);
  for (const path of [
    `/v1/pipelines/${id}`,
    `/v1/resources/${id}/data`,
    `/v1/resources/${id}--sst2/events`,
    `/v1/resources/${id}--sst2/logs`,
  ]) {
    assert.is((await stage.get(path)).status, 404, path);
  }
  assert.equal((await stage.get(`/v1/pipelines?q=${id}`)).json, { pipelines: [] });
  assert.is((await stage.call("DELETE", `/v1/pipelines/${id}`)).status, 404);
});

test("O-211: without our own image files on a claim cannot be removed, and are not said to be", async () => {
  const mounts = [{ name: "data", path: "/data", claim: "data-rw-many" }];
  await stage.createRun("claimed", { tasks: [{ name: "a", image: "i", command: ["c"], mounts }] });
  await until(async () => (await stage.get("/v1/pipelines/claimed")).status === 200, WAIT_MS, {
    describe: "it is known",
  });
  const answer = await stage.call("DELETE", "/v1/pipelines/claimed?db=False&fs=True");
  assert.equal(answer.json, { cleanups: [row("claimed", "No")] });
  const told = stage.logLines.find((line) => line.run === "claimed" && line.level === "warn");
  assert.match(String(told?.cause), "ODIN_IMAGE");
});

test("O-210: an ended run keeps its status and is not cancelled; its finished pods go", async () => {
  const pod = (id: string): TaskStatus => ({
    state: "executed",
    attempt: 1,
    pod: `${id}--sst2`,
    startTime: "2026-01-01T00:00:00Z",
  });
  const id = await running();
  await stage.setStatus(id, { phase: "DONE", completionTime: "2026-01-01T01:00:00Z", tasks: { sst2: pod(id) } });
  const answer = await stage.call("DELETE", `/v1/pipelines/${id}`);
  assert.equal(answer.json, { cleanups: [row(id, "No"), row(`${id}--sst2`, "Yes")] });
  const run = await stage.run(id);
  assert.equal([run.spec.cancel, run.status?.phase], [undefined, "DONE"]);
});

test("O-212: executed tasks first, waiting ones never; all attempts of a task are one row", async () => {
  const id = await running();
  const pods = [await stage.createPod(id, "after"), await stage.createPod(id, "after", 2)];
  await stage.setStatus(id, {
    tasks: {
      sst2: { state: "executing", attempt: 1, pod: `${id}--sst2` },
      after: { state: "executed", attempt: 2, pod: `${id}--after-r1`, startTime: "2026-01-01T00:00:00Z" },
    },
  });
  for (const pod of pods) await stage.untilPodSeen(id, pod);
  const answer = await stage.call("DELETE", `/v1/pipelines/${id}`);
  assert.equal(answer.json, { cleanups: [row(id, "No"), row(`${id}--after`, "Yes"), row(`${id}--sst2`, "Yes")] });
  for (const name of ["after", "after-r1", "sst2"]) assert.ok(await podIsGoing(`${id}--${name}`), name);
});

test("O-212: a run that was not taken up yet has one row; a pod that the status does not know yet is a started task", async () => {
  const id = await stage.launch("sst2");
  assert.equal((await stage.call("DELETE", `/v1/pipelines/${id}`)).json, { cleanups: [row(id, "No")] });
  const other = await stage.launch("sst2");
  await stage.createPod(other, "sst2");
  await until(async () => (await stage.get(`/v1/resources/${other}/logs`)).text.includes(other), WAIT_MS, {
    describe: "the pod arrives",
  });
  assert.equal((await stage.call("DELETE", `/v1/pipelines/${other}`)).json, {
    cleanups: [row(other, "No"), row(`${other}--sst2`, "Yes")],
  });
});

test("O-210: a pod of the same name that is not the run's is left alone", async () => {
  const id = await stage.launch("sst2");
  await stage.client.create(`/api/v1/namespaces/${stage.namespace}/pods`, {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: `${id}--sst2` },
    spec: { containers: [{ name: "main", image: "i" }] },
  });
  await stage.setStatus(id, {
    phase: "RUNNING",
    tasks: { sst2: { state: "executing", attempt: 1, pod: `${id}--sst2` } },
  });
  assert.equal((await stage.call("DELETE", `/v1/pipelines/${id}`)).json, {
    cleanups: [row(id, "No"), row(`${id}--sst2`, "No")],
  });
  assert.not.ok(await podIsGoing(`${id}--sst2`));
});

test("O-8, O-51: flags as the clients send them, exact ids only", async () => {
  const id = await running();
  for (const query of ["db=yes", "fs=2", "db=TRUE", "db=1&db=0"]) {
    assert.is((await stage.call("DELETE", `/v1/pipelines/${id}?${query}`)).status, 422, query);
  }
  assert.is((await stage.run(id)).spec.cancel, undefined);
  for (const other of [id.slice(0, -1), "..", "%2e%2e", "*", "A", `${id}--sst2`]) {
    const answer = await stage.call("DELETE", `/v1/pipelines/${other}`);
    assert.is(answer.status, 404, other);
    assert.ok(isProblem(answer));
  }
  assert.is((await stage.call("DELETE", `/v1/pipelines/${id}?db=&fs=`)).status, 200);
});

test("a run made a moment ago by somebody else can be cleaned up before the cache knows it", async () => {
  await stage.createRun("by-hand", { tasks: SST2_TASKS });
  assert.equal((await stage.call("DELETE", "/v1/pipelines/by-hand?db=1")).json, {
    cleanups: [row("by-hand", "No", "Yes")],
  });
  assert.is((await stage.get("/v1/pipelines/by-hand")).status, 404);
});

test("O-210, O-212: in every state of a run (O-180): the rows, the status, the repetition, and 404 after db", async () => {
  const pod = (id: string, state: TaskStatus["state"]): TaskStatus => ({ state, attempt: 1, pod: `${id}--sst2` });
  const cases: [phase: PipelineStatus["phase"], state: TaskStatus["state"] | undefined, cancelled: boolean][] = [
    ["BUILDING", undefined, true],
    ["RUNNING", "executing", true],
    ["DONE", "executed", false],
    ["TERMINATED", "terminated", false],
  ];
  for (const [phase, state, cancelled] of cases) {
    const id = await stage.launch("sst2");
    const made = state === undefined ? undefined : await stage.createPod(id, "sst2");
    const tasks = state === undefined ? {} : { sst2: pod(id, state), after: { state: "waiting" as const } };
    await stage.setStatus(id, { ...(phase === undefined ? {} : { phase }), tasks });
    await untilShown(id, `"${phase}"`);
    if (made !== undefined) await stage.untilPodSeen(id, made);
    const started = state === undefined ? [] : [`${id}--sst2`];
    const rowsOf = (k8s: YesNo, db: YesNo) => [row(id, "No", db), ...started.map((task) => row(task, k8s, db))];
    const first = await stage.call("DELETE", `/v1/pipelines/${id}`);
    assert.equal(first.json, { cleanups: rowsOf("Yes", "No") }, phase);
    const { spec, status } = await stage.run(id);
    assert.equal([spec.cancel ?? false, status?.phase], [cancelled, phase]);
    const again = await stage.call("DELETE", `/v1/pipeline/${id}`);
    assert.equal(JSON.parse(again.text), rowsOf("No", "No"), phase);
    const purged = await stage.call("DELETE", `/v1/pipelines/${id}?db=1`);
    assert.equal(purged.json, { cleanups: rowsOf("No", "Yes") }, phase);
    assert.is((await stage.call("DELETE", `/v1/pipelines/${id}?db=1`)).status, 404);
  }
});

test("O-212: a task that was skipped has a row, and nothing of it to delete", async () => {
  const id = await stage.launch("sst2");
  await stage.setStatus(id, {
    phase: "RUNNING",
    tasks: { sst2: { state: "executed", attempt: 1, pod: "Cached" }, after: { state: "waiting" } },
  });
  await untilShown(id, "Cached");
  assert.equal((await stage.call("DELETE", `/v1/pipelines/${id}`)).json, {
    cleanups: [row(id, "No"), row(`${id}--sst2`, "No")],
  });
});

test("thirty clean-ups at once are all answered", async () => {
  const ids = await Promise.all(Array.from({ length: 30 }, () => stage.launch("sst2")));
  const answers = await Promise.all(ids.map((id) => stage.call("DELETE", `/v1/pipelines/${id}?db=true`)));
  assert.ok(answers.every(({ status }) => status === 200));
  assert.not.ok((await stage.get("/v1/pipelines")).text.includes(ids[0] ?? "?"));
});

test.run();
