// timeout: 300
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { attemptJobId, clockworkId } from "../../../crds/clockwork-id.ts";
import type { Pipeline, TaskStatus } from "../../../crds/generated/types.ts";
import { runDocument } from "../../../crds/run-document.ts";
import { NODE, POD } from "../../../kube/core-resources.ts";
import { collectionPath, type KubeObject, objectPath } from "../../../kube/resource.ts";
import { openStore } from "../../../store/store.ts";
import { until } from "../../support/deadline.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";
import { send } from "../../unit/api/served.ts";
import { FacadeStage, ROOT_USER } from "./facade-stage.ts";

const WAIT_MS = 60_000;
const jobs = suite("jobs of Clockwork");

interface Job {
  slurm: Record<string, unknown> & { job_id: string; job_state: string; end_time: number | null };
  cw: Record<string, unknown>;
  user: object;
}

let stage: FacadeStage;
let place: TemporaryDirectory;
const env = (): Record<string, string> => ({
  ODIN_STORE: join(place.path, "store.db"),
  CLOCKWORK_VISIBILITY: "all",
  CLOCKWORK_CLUSTER: "tests",
  CLOCKWORK_NAMESPACES: "*",
});

jobs.before(async () => {
  try {
    place = await temporaryDirectory();
    stage = await FacadeStage.open(env());
    // Pods of a node that is none would be removed after a minute, which a loaded machine takes.
    const node = { apiVersion: "v1", kind: "Node", metadata: { name: stage.namespace } };
    await stage.client.create(collectionPath(NODE, undefined), node);
  } catch (error) {
    console.error(error);
    throw error;
  }
});
jobs.after(async () => {
  await stage?.client.delete(objectPath(NODE, undefined, stage.namespace)).catch(() => undefined);
  await stage?.close();
  await place?.remove();
});

async function list(query = ""): Promise<Job[]> {
  const headers = { authorization: `Bearer ${stage.token}` };
  const { status, text } = await send(stage.port, "GET", `/api/v1/clusters/jobs/list${query}`, { headers });
  if (status === 503) return [];
  assert.is(status, 200, text);
  return JSON.parse(text) as Job[];
}

/** The job of that id once it is as wanted. */
async function job(id: string, what: string, accept: (job: Job) => boolean): Promise<Job> {
  const found = await until(() => list(`?job_id=${id}`), WAIT_MS, {
    describe: `job ${id} ${what}`,
    accept: ([first]) => first !== undefined && accept(first),
  });
  assert.is(found.length, 1);
  const [first] = found;
  assert.ok(first);
  return first as Job;
}

const is = (state: string) => (job: Job) => job.slurm.job_state === state;

async function makePod(name: string, more: { metadata?: object; spec?: object } = {}): Promise<KubeObject> {
  return await stage.client.create<KubeObject>(collectionPath(POD, stage.namespace), {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, ...more.metadata },
    spec: {
      nodeName: stage.namespace,
      containers: [{ name: "main", image: "image:1" }],
      terminationGracePeriodSeconds: 30,
      ...more.spec,
    },
  });
}

const statusOf = (phase: string, state: object): object => ({
  phase,
  containerStatuses: [{ name: "main", image: "i", imageID: "", ready: false, restartCount: 0, state }],
});
const now = (): string => new Date().toISOString();
const terminated = (exitCode: number): object => ({
  terminated: { exitCode, reason: exitCode === 0 ? "Completed" : "Error", startedAt: now(), finishedAt: now() },
});

async function setStatus(name: string, phase: string, state: object): Promise<void> {
  await stage.client.patch(objectPath(POD, stage.namespace, name, "status"), "strategic", {
    status: statusOf(phase, state),
  });
}

async function deletePod(name: string, more: object = { gracePeriodSeconds: 0 }): Promise<void> {
  await stage.client.delete(objectPath(POD, stage.namespace, name), more);
}

/** The pod of a run, as the operator makes it, and says in the run's status. */
async function runPod(run: string, record: Partial<TaskStatus> = {}): Promise<{ run: Pipeline; id: string }> {
  const tasks = [{ name: "a", image: "i", command: ["c"] }];
  const made = await stage.createRun(run, { tasks, user: ROOT_USER });
  const owner = { apiVersion: "odin.io/v1", kind: "Pipeline", name: run, uid: made.metadata.uid, controller: true };
  const annotations = { "odin.io/task": "a", "odin.io/attempt": "1" };
  await makePod(`${run}--a`, { metadata: { annotations, ownerReferences: [owner] } });
  await record_(run, { state: "executing", ...record });
  return { run: made, id: attemptJobId(made.metadata.uid, "a", 1) };
}

async function record_(run: string, record: TaskStatus): Promise<void> {
  await stage.setStatus(run, {
    phase: "RUNNING",
    tasks: { a: { attempt: 1, pod: `${run}--a`, startTime: now(), ...record } },
  });
}

jobs(
  "C-70, C-73, C-80: a pod of a run is a job from its first second, and stays one when pod, run and facade are gone",
  async () => {
    const { run, id } = await runPod("whole");
    const first = await job(id, "is configuring", is("CONFIGURING"));
    assert.equal(
      [
        first.slurm.name,
        first.slurm.username,
        first.slurm.array_job_id,
        first.slurm.array_task_id,
        first.slurm.cluster_name,
      ],
      ["a", ROOT_USER, clockworkId(run.metadata.uid), "0", "tests"],
    );
    assert.equal([first.cw.mila_email_username, first.user], [ROOT_USER, {}]);
    await setStatus("whole--a", "Running", { running: { startedAt: now() } });
    await job(id, "runs", is("RUNNING"));
    await setStatus("whole--a", "Succeeded", terminated(0));
    const ended = await job(id, "is completed", is("COMPLETED"));
    assert.ok(ended.slurm.end_time);
    await stage.setStatus("whole", { phase: "DONE" });
    await stage.client.delete(`/apis/odin.io/v1/namespaces/${stage.namespace}/pipelines/whole`);
    await deletePod("whole--a").catch(() => undefined);
    await stage.stop();
    await stage.start(env());
    const again = await job(id, "is still there", is("COMPLETED"));
    assert.equal({ ...again, cw: {} }, { ...ended, cw: {} });
    assert.equal(
      (await list(`?job_array=${clockworkId(run.metadata.uid)}`)).map(({ slurm }) => slurm.job_id),
      [id],
    );
  },
);

jobs("C-73: a pod that the operator stops says why once the operator has said so", async () => {
  for (const [run, reason, state] of [
    ["late", "Timeout", "TIMEOUT"],
    ["unwanted", "Cancelled", "CANCELLED"],
  ] as const) {
    const { id } = await runPod(run);
    await setStatus(`${run}--a`, "Running", { running: { startedAt: now() } });
    await job(id, "runs", is("RUNNING"));
    await deletePod(`${run}--a`, {});
    await job(id, "is completing", is("COMPLETING"));
    await setStatus(`${run}--a`, "Failed", terminated(143));
    await deletePod(`${run}--a`);
    await record_(run, { state: "terminated", reason });
    assert.is((await job(id, "has ended", ({ slurm }) => slurm.end_time !== null)).slurm.job_state, state);
  }
});

jobs("C-73: a pod that somebody deletes is cancelled", async () => {
  const { metadata } = await makePod("plain");
  const id = clockworkId(metadata.uid);
  await setStatus("plain", "Running", { running: { startedAt: now() } });
  await job(id, "runs", is("RUNNING"));
  await deletePod("plain");
  await job(id, "is cancelled", is("CANCELLED"));
});

jobs("C-73: a pod that was deleted is cancelled also where its node is slow to delete it for good", async () => {
  const { id } = await runPod("slow");
  await setStatus("slow--a", "Running", { running: { startedAt: now() } });
  await job(id, "runs", is("RUNNING"));
  await deletePod("slow--a", {});
  await setStatus("slow--a", "Failed", terminated(7));
  const endedAt = Math.floor(Date.now() / 1000);
  await until(() => Math.floor(Date.now() / 1000) > endedAt + 1, WAIT_MS, { describe: "another second has begun" });
  // With this the API server says that the pod was to go by now, and no second before.
  await deletePod("slow--a");
  await record_("slow", { state: "terminated", reason: "PodDeleted", exitCode: 7 });
  assert.is((await job(id, "has ended", ({ slurm }) => slurm.end_time !== null)).slurm.job_state, "CANCELLED");
});

jobs("C-82: what went while no facade was there is closed as the runs, kept ones too, say", async () => {
  const runs = await Promise.all(["gone-done", "gone-late", "gone-kept"].map((name) => runPod(name)));
  const { metadata } = await makePod("gone-plain");
  const ids = [...runs.map(({ id }) => id), clockworkId(metadata.uid)];
  for (const id of ids) await job(id, "is there", is("CONFIGURING"));
  await stage.stop();
  await record_("gone-done", { state: "executed", exitCode: 0, completionTime: "2026-01-01T00:00:07Z" });
  await record_("gone-late", { state: "terminated", reason: "RunTimeout" });
  await record_("gone-kept", {
    state: "terminated",
    reason: "Error",
    exitCode: 3,
    completionTime: "2026-01-01T00:00:09Z",
  });
  const kept = await stage.run("gone-kept");
  await stage.client.delete(`/apis/odin.io/v1/namespaces/${stage.namespace}/pipelines/gone-kept`);
  for (const pod of ["gone-done--a", "gone-late--a", "gone-kept--a", "gone-plain"])
    await deletePod(pod).catch(() => undefined);
  const store = openStore(join(place.path, "store.db"));
  const { uid, name, namespace = "" } = kept.metadata;
  const record = {
    uid,
    name,
    namespace,
    job: "",
    version: "",
    user: "",
    phase: "TERMINATED",
    createdAt: 1,
    endedAt: 2,
  };
  await store.runs.save([{ ...record, document: runDocument(kept) }]);
  await store.close();
  await stage.start(env());
  const states: string[] = [];
  for (const id of ids)
    states.push((await job(id, "is closed", ({ slurm }) => slurm.end_time !== null)).slurm.job_state);
  assert.equal(states, ["COMPLETED", "TIMEOUT", "FAILED", "CANCELLED"]);
  const [done, , failed] = await Promise.all(ids.map((id) => job(id, "is closed", () => true)));
  assert.equal(
    [done?.slurm.end_time, failed?.slurm.end_time, failed?.slurm.exit_code],
    [1767225607, 1767225609, "3:0"],
  );
});

jobs(
  "C-71: what a tenant writes on a pod makes it nobody else's job, and a Pipeline that does not list it is not its own",
  async () => {
    const { run } = await runPod("genuine");
    const owner = {
      apiVersion: "odin.io/v1",
      kind: "Pipeline",
      name: "genuine",
      uid: run.metadata.uid,
      controller: true,
    };
    const { metadata } = await makePod("forged", {
      metadata: {
        annotations: {
          "odin.io/task": "a",
          "odin.io/attempt": "1",
          "odin.io/user": ROOT_USER,
          "odin.io/clockwork-job-id": "42",
        },
        ownerReferences: [owner],
      },
    });
    const forged = await job(clockworkId(metadata.uid), "is there", () => true);
    assert.equal([forged.slurm.username, forged.cw.mila_email_username, forged.slurm.array_job_id], ["", null, "0"]);
    assert.equal(await list("?job_id=42"), []);
  },
);

jobs("C-71, C-75: a Namespace says whose its pods are, and a user who appears later gets his jobs", async () => {
  const path = `/api/v1/namespaces/${stage.namespace}`;
  await stage.client.patch(path, "merge", {
    metadata: { annotations: { "odin.io/user": "newcomer" }, labels: { "odin.io/cluster": "theirs" } },
  });
  const { metadata } = await makePod("team");
  const id = clockworkId(metadata.uid);
  const first = await job(id, "is the Namespace's", ({ slurm }) => slurm.cluster_name === "theirs");
  assert.equal(
    [first.slurm.username, first.cw.mila_email_username, first.cw.mila_cluster_username],
    ["newcomer", null, "newcomer"],
  );
  await setStatus("team", "Succeeded", terminated(0));
  await job(id, "has ended", is("COMPLETED"));
  await deletePod("team");
  const user = { username: "newcomer", password: "a long enough password", firstname: "N", lastname: "C" };
  assert.is((await stage.call("POST", "/v1/users", { user })).status, 200);
  const known = await job(id, "has its e-mail", ({ cw }) => cw.mila_email_username === "newcomer");
  assert.is(known.slurm.job_state, "COMPLETED");
  await stage.client.patch(path, "merge", {
    metadata: { annotations: { "odin.io/user": null }, labels: { "odin.io/cluster": null } },
  });
});

jobs(
  "C-81: two facades over one store, of which one stops and comes again, leave one record for each pod",
  async () => {
    await stage.start(env());
    const made: string[] = [];
    for (let round = 0; round < 3; round++) {
      const some = await Promise.all(Array.from({ length: 10 }, (_, n) => makePod(`twice-${round}-${n}`)));
      made.push(...some.map(({ metadata }) => metadata.uid));
      if (round === 1) await stage.stop();
      await Promise.all(some.map(({ metadata }) => setStatus(metadata.name, "Succeeded", terminated(0))));
      if (round === 1) {
        await stage.start(env());
        await stage.start(env());
      }
      await Promise.all(some.map(({ metadata }) => deletePod(metadata.name)));
    }
    const ids = new Set(made.map((uid) => clockworkId(uid)));
    const ours = await until(async () => (await list()).filter(({ slurm }) => ids.has(slurm.job_id)), WAIT_MS, {
      describe: "all have ended",
      accept: (found) => found.length >= 30 && found.every(({ slurm }) => slurm.end_time !== null),
    });
    assert.is(ours.length, 30);
    assert.is(new Set(ours.map(({ slurm }) => slurm.job_id)).size, 30);
  },
);

jobs.run();
