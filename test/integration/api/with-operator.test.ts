import { suite } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../../support/deadline.ts";
import { type OdinProcess, operatorProcess } from "../../support/odin-process.ts";
import { SST2_TASKS } from "../../unit/api/odin/sample.ts";
import { FacadeStage } from "./facade-stage.ts";

const test = suite("api and operator together");
const WAIT_MS = 60_000;
let stage: FacadeStage;
let operator: OdinProcess | undefined;

test.before(async () => {
  stage = await FacadeStage.open();
  const withoutClaim = SST2_TASKS.map(({ mounts: _, ...task }) => task);
  await stage.applyJob("sst2", { tasks: withoutClaim, files: { "sst2.yml": "a: 1\n" } });
  operator = operatorProcess(stage.namespace);
});
test.after(async () => {
  await operator?.end("SIGTERM");
  await stage.close();
});

interface Shown {
  status: string;
  message?: string;
  completionTime?: string;
  version?: string;
  tasks: { name: string; status: string; resourceId?: string; message?: string; completionTime?: string }[];
}
const shown = async (id: string): Promise<Shown> => (await stage.get(`/v1/pipelines/${id}`)).json.pipeline as Shown;
const untilShown = (id: string, describe: string, accept: (run: Shown) => boolean): Promise<Shown> =>
  until(() => shown(id), WAIT_MS, { describe, accept });
const task = (run: Shown, name: string) => run.tasks.find((one) => one.name === name);

/** Says of a pod what a kubelet would say. */
async function end(pod: string, phase: "Succeeded" | "Failed", exitCode: number): Promise<void> {
  const now = new Date().toISOString();
  const terminated = { exitCode, reason: "x", startedAt: now, finishedAt: now };
  const status = {
    phase,
    containerStatuses: [
      { name: "main", image: "i", imageID: "", ready: false, restartCount: 0, state: { terminated } },
    ],
  };
  const path = `/api/v1/namespaces/${stage.namespace}/pods/${pod}`;
  await until(() => stage.client.get(path), WAIT_MS, { describe: `pod ${pod} is there` });
  await stage.client.patch(`${path}/status`, "strategic", { status });
}

test("O-286, O-289: a run from launch to DONE as a caller sees it", async () => {
  const id = await stage.launch("sst2");
  const running = await untilShown(id, "the first task executes", (run) => task(run, "sst2")?.status === "executing");
  assert.is(running.status, "RUNNING");
  assert.match(running.version ?? "", /^[0-9a-f]{40}$/);
  assert.equal(
    [task(running, "sst2")?.resourceId, task(running, "after")?.message],
    [`${id}--sst2`, "waiting for sst2"],
  );
  await end(`${id}--sst2`, "Succeeded", 0);
  await untilShown(id, "the second task executes", (run) => task(run, "after")?.status === "executing");
  await end(`${id}--after`, "Succeeded", 0);
  const done = await untilShown(id, "it is done", (run) => run.status === "DONE");
  assert.ok(done.completionTime);
  assert.ok(done.tasks.every((one) => one.status === "executed" && one.completionTime !== undefined));
  const events = (await stage.get(`/v1/resources/${id}/events`)).json.events as { source: string }[];
  assert.ok(events.length >= 4 && events.every(({ source }) => source === "odin"), JSON.stringify(events));
});

test("O-289: a failure ends the run with its message; in /data the failed task stays under executing", async () => {
  const id = await stage.launch("sst2");
  await end(`${id}--sst2`, "Failed", 3);
  const failed = await untilShown(id, "it is terminated", (run) => run.status === "TERMINATED");
  assert.match(failed.message ?? "", /sst2/);
  assert.equal([task(failed, "sst2")?.status, task(failed, "after")?.status], ["terminated", "waiting"]);
  const { jobs } = (await stage.get(`/v1/resources/${id}/data`)).json as { jobs: Record<string, unknown> };
  assert.equal([jobs.status, jobs.executing, jobs.waiting], ["TERMINATED", [`${id}--sst2`], [`${id}--after`]]);
});

test("O-210, O-290: a run that is killed over REST ends as cancelled by the user, its pod goes", async () => {
  const ids = await Promise.all(Array.from({ length: 10 }, () => stage.launch("sst2")));
  for (const id of ids)
    await untilShown(id, "the first task executes", (run) => task(run, "sst2")?.status === "executing");
  const answers = await Promise.all(ids.map((id) => stage.call("DELETE", `/v1/pipelines/${id}`)));
  answers.forEach(({ json }, index) => {
    const id = ids[index];
    assert.equal(json, {
      cleanups: [
        { taskId: id, cleanedFromK8s: "No", purgedFromDb: "No", removedFromFs: "No" },
        { taskId: `${id}--sst2`, cleanedFromK8s: "Yes", purgedFromDb: "No", removedFromFs: "No" },
      ],
    });
  });
  for (const id of ids) {
    const run = await untilShown(id, "it is terminated", ({ status }) => status === "TERMINATED");
    assert.is(run.message, "cancelled by dpressel");
    assert.is(task(run, "sst2")?.status, "terminated");
  }
});

test("O-211: what was removed does not come back", async () => {
  const id = await stage.launch("sst2");
  await untilShown(id, "the first task executes", (run) => task(run, "sst2")?.status === "executing");
  assert.is((await stage.call("DELETE", `/v1/pipelines/${id}?db=True`)).status, 200);
  // The next run's life is long enough for anything late to show up.
  const next = await stage.launch("sst2");
  await end(`${next}--sst2`, "Succeeded", 0);
  await end(`${next}--after`, "Succeeded", 0);
  await untilShown(next, "the next run is done", (run) => run.status === "DONE");
  assert.is((await stage.get(`/v1/pipelines/${id}`)).status, 404);
  await stage.stop();
  await stage.start();
  assert.is((await stage.get(`/v1/pipelines/${id}`)).status, 404);
});

test("a job that cannot be run is shown like that whichever way it was started", async () => {
  await stage.createRun("bad", { tasks: [{ name: "a", image: "i", command: ["c"], args: ["$NOPE"] }] });
  const refused = await untilShown("bad", "it is refused", (run) => run?.status === "TERMINATED");
  assert.match(refused.message ?? "", /NOPE/);
  assert.is((await stage.get("/v1/resources/bad--a/data")).status, 200);
});

test.run();
