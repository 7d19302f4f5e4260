import { suite } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../../support/deadline.ts";
import { RUNNING, SST2_TASKS, VERSION } from "../../unit/api/odin/sample.ts";
import { isProblem, send, sendJson } from "../../unit/api/served.ts";
import { FacadeStage } from "./facade-stage.ts";

const test = suite("api pipelines and jobs");
const WAIT_MS = 60_000;
let stage: FacadeStage;

test.before(async () => {
  stage = await FacadeStage.open();
  await stage.applyJob("sst2", { tasks: SST2_TASKS, files: { "sst2.yml": "a: 1\n", "after.yml": "b: 2\n" } });
  await stage.applyJob("team-intent-0a1b2c3d", { path: "team/pj-intent", tasks: SST2_TASKS });
  for (const job of ["sst2", "team__pj-intent"]) await untilJob(job);
});
test.after(async () => {
  await stage.close();
});

interface Item {
  id: string;
  status: string;
  tasks: { status: string; image: string }[];
}
/** Waits until the facade shows a job that was applied to the cluster. */
async function untilJob(job: string): Promise<void> {
  await until(() => stage.get(`/v1/jobs/${job}`), WAIT_MS, {
    describe: `job ${job} arrives`,
    accept: ({ status }) => status === 200,
  });
}
const list = async (query = ""): Promise<Item[]> => (await stage.get(`/v1/pipelines${query}`)).json.pipelines as Item[];

/** Runs the body of a status as the operator would write it for a run with this id. */
const statusOf = (id: string) => JSON.parse(JSON.stringify(RUNNING).replaceAll("sst2-4k2m9xq1j", id)) as typeof RUNNING;

test("O-284: a launch answers exactly id, job and name, and is visible at once", async () => {
  const answer = await stage.call("POST", "/v1/pipelines", { pipeline: { job: "sst2" } });
  assert.is(answer.status, 200);
  assert.is(answer.headers["content-type"], "application/json; charset=utf-8");
  const { id } = answer.json.pipeline as Item;
  assert.match(id, /^sst2-[0-9a-z]{8}j$/);
  assert.equal(answer.json, { pipeline: { id, job: "sst2", name: id } });
  const one = await stage.get(`/v1/pipelines/${id}`);
  assert.is((one.json.pipeline as Item).status, "BUILDING");
  const { spec, metadata } = await stage.run(id);
  assert.equal(spec, { job: "sst2", user: "dpressel" });
  assert.is(metadata.labels?.["app.kubernetes.io/managed-by"], "odin");
});

test("O-284: without a credential 401, with `Bearer None` 401, an unknown job 404", async () => {
  const body = { pipeline: { job: "sst2" } };
  assert.is((await sendJson(stage.port, "POST", "/v1/pipelines", body)).status, 401);
  assert.is((await sendJson(stage.port, "POST", "/v1/pipelines", body, { authorization: "Bearer None" })).status, 401);
  const unknown = await stage.call("POST", "/v1/pipelines", { pipeline: { job: "nope" } });
  assert.is(unknown.status, 404);
  assert.ok(isProblem(unknown));
});

test("O-59: the singular alias launches too; O-10: __ in a job id is /", async () => {
  const answer = await stage.call("POST", "/v1/pipeline", { pipeline: { job: "team__pj-intent" }, context: { lr: 1 } });
  assert.is(answer.status, 200);
  const { id, job } = answer.json.pipeline as Item & { job: string };
  assert.match(id, /^pj-intent-[0-9a-z]{8}j$/);
  assert.is(job, "team/pj-intent");
  assert.equal((await stage.run(id)).spec, { job: "team/pj-intent", context: { lr: 1 }, user: "dpressel" });
});

test("O-4: bodies that are JSON but no launch are 422 and leave nothing behind", async () => {
  const before = (await list()).length;
  const bodies = [
    null,
    [],
    "x",
    {},
    { pipeline: null },
    { pipeline: [] },
    { pipeline: {} },
    { pipeline: { job: null } },
    { pipeline: { job: 7 } },
  ];
  const jobs = ["", "../etc", "a//b", "sst2/", ".git", "a b", "x".repeat(300)].map((job) => ({ pipeline: { job } }));
  const contexts = [[], "x", 1].map((context) => ({ pipeline: { job: "sst2" }, context }));
  for (const body of [...bodies, ...jobs, ...contexts]) {
    const answer = await stage.call("POST", "/v1/pipelines", body);
    assert.is(answer.status, 422, JSON.stringify(body));
    assert.ok(isProblem(answer));
    assert.ok(Array.isArray(answer.json.errors));
  }
  assert.is((await list()).length, before);
});

test("O-148: a job that cannot be run is 422 with every problem, and leaves nothing behind", async () => {
  await stage.applyJob("bad", { tasks: [{ name: "a", image: "i", command: ["c"], args: ["$NOPE", "^zz.x"] }] });
  const answer = await stage.call("POST", "/v1/pipelines", { pipeline: { job: "bad" } });
  assert.is(answer.status, 422);
  assert.match(answer.text, /NOPE/);
  assert.match(answer.text, /task a/);
  assert.equal(await list("?q=bad-"), []);
  await untilJob("bad");
  const shown = (await stage.get("/v1/jobs/bad")).json.job as { error?: string; tasks: unknown[] };
  assert.ok(shown.error);
  assert.equal(shown.tasks, []);
});

test("a Job that was applied a moment ago can be launched, and an edit counts at once", async () => {
  await stage.applyJob("fresh", { tasks: SST2_TASKS });
  assert.is((await stage.call("POST", "/v1/pipelines", { pipeline: { job: "fresh" } })).status, 200);
});

test("O-50, O-64, O-286: a running pipeline, one and in the list", async () => {
  const id = await stage.launch("sst2");
  const job = await stage.client.get(`/apis/odin.io/v1/namespaces/${stage.namespace}/jobs/sst2`);
  const snapshot = await stage.freeze(job as never).catch(() => "");
  await stage.setStatus(id, { ...statusOf(id), ...(snapshot === "" ? {} : { snapshot }) });
  const shown = await until(
    async () => (await stage.get(`/v1/pipelines/${id}`)).json.pipeline as Item & Record<string, unknown>,
    WAIT_MS,
    {
      describe: "the status and the snapshot that it names arrive",
      accept: ({ status, tasks: [task] }) =>
        status === "RUNNING" && task?.status === "executing" && task.image === SST2_TASKS[0]?.image,
    },
  );
  assert.match(String(shown.submitTime), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$/);
  const { submitTime: _, ...rest } = shown;
  assert.equal(rest, {
    id,
    name: id,
    job: "sst2",
    version: VERSION,
    status: "RUNNING",
    tasks: [
      {
        id: `${id}--sst2`,
        task: `${id}--sst2`,
        name: "sst2",
        command: "mead-train",
        image: "meadml/mead2-gpu:latest",
        status: "executing",
        resourceType: "Pod",
        resourceId: `${id}--sst2`,
        submitTime: "2019-08-08T23:32:51.244000",
      },
      {
        id: `${id}--after`,
        task: `${id}--after`,
        name: "after",
        command: "odin-chores",
        image: "interactions/odin-ml:latest",
        status: "waiting",
        resourceType: "Pod",
        message: "waiting for sst2",
      },
    ],
  });
  assert.equal(await list(`?q=${id.slice(0, -1)}`), [shown]);
});

test("O-14, O-106: an edit of the Job does not change a run that has its snapshot", async () => {
  const job = await stage.applyJob("edited", { tasks: SST2_TASKS });
  const id = await stage.launch("edited");
  await stage.setStatus(id, { ...statusOf(id), job: "edited", snapshot: await stage.freeze(job) });
  const wanted = SST2_TASKS.map(({ image }) => image);
  const shown = async (): Promise<Item> => (await stage.get(`/v1/pipelines/${id}`)).json.pipeline as Item;
  await until(shown, WAIT_MS, {
    describe: "the status and the snapshot that it names arrive",
    accept: ({ status, tasks }) => status === "RUNNING" && tasks.map(({ image }) => image).join() === wanted.join(),
  });
  await stage.client.patch(`/apis/odin.io/v1/namespaces/${stage.namespace}/jobs/edited`, "merge", {
    spec: { tasks: [] },
  });
  await until(
    async () => ((await stage.get("/v1/jobs/edited")).json.job as { tasks: unknown[] }).tasks.length === 0,
    WAIT_MS,
    {
      describe: "the edit arrives",
    },
  );
  assert.equal(
    (await shown()).tasks.map(({ image }) => image),
    wanted,
  );
});

test("O-50: only the exact id; O-12: whatever is no name is 404 and never looked up", async () => {
  const id = await stage.launch("sst2");
  for (const path of [
    id.slice(0, -1),
    `${id}x`,
    "..",
    "%2e%2e",
    "..%2f..%2fsecrets",
    "%00",
    "A",
    "*",
    "x".repeat(300),
    `${id}/`.replace("/", "%2f"),
  ]) {
    const answer = await stage.get(`/v1/pipelines/${path}`);
    assert.is(answer.status, 404, path);
    assert.ok(isProblem(answer));
  }
});

test("O-90, O-91: q and limit, newest first, the full number when cut", async () => {
  const ids: string[] = [];
  for (let i = 0; i < 3; i++) ids.push(await stage.launch("fresh"));
  const found = await list("?q=FRESH-");
  for (const id of ids) assert.ok(found.some((item) => item.id === id));
  const times = (await stage.get("/v1/pipelines")).json.pipelines as { submitTime: string }[];
  assert.equal(
    times.map(({ submitTime }) => submitTime),
    times
      .map(({ submitTime }) => submitTime)
      .sort()
      .reverse(),
  );
  const cut = await stage.get("/v1/pipelines?q=fresh&limit=2");
  assert.is((cut.json.pipelines as Item[]).length, 2);
  assert.is(cut.headers["x-total-count"], String((await list("?q=fresh")).length));
  assert.is((await stage.get("/v1/pipelines?q=fresh")).headers["x-total-count"], undefined);
  assert.equal(await list("?q=%25"), []);
  assert.equal(await list("?q=%"), []);
  assert.equal(await list("?q=.*"), []);
  assert.ok((await list(`?q=${ids[0]?.replace("-", "*")}`)).length === 1);
  for (const bad of ["0", "1001", "x", "-1", "1.5"])
    assert.is((await stage.get(`/v1/pipelines?limit=${bad}`)).status, 422);
  assert.is((await stage.get("/v1/pipelines?q=a&q=b")).status, 422);
});

test("O-44, O-60, O-90, O-91: jobs by name, nested ones included", async () => {
  const jobs = async (query: string) =>
    ((await stage.get(`/v1/jobs${query}`)).json.jobs as { id: string }[]).map(({ id }) => id);
  const all = await jobs("");
  assert.equal(all, [...all].sort());
  assert.equal(await jobs("?q=pj-int"), ["team/pj-intent"]);
  assert.equal(await jobs("?q=team__pj"), ["team/pj-intent"]);
  assert.equal(await jobs("?q=INTENT"), ["team/pj-intent"]);
  assert.equal(await jobs("?q=%25"), []);
});

test("O-46, O-10, O-283: one job, also by an id with a slash", async () => {
  const { job } = (await stage.get("/v1/jobs/sst2")).json as {
    job: { location: string; configs: object[]; tasks: object[] };
  };
  assert.is(job.location, "/data/pipelines/sst2/main.yml");
  assert.equal(job.configs, [
    { id: "/data/pipelines/sst2/after.yml", name: "after.yml", content: "b: 2\n" },
    { id: "/data/pipelines/sst2/sst2.yml", name: "sst2.yml", content: "a: 1\n" },
  ]);
  assert.equal(job.tasks[0], { id: "sst2--sst2", ...SST2_TASKS[0] });
  for (const path of ["team__pj-intent", "team%2Fpj-intent", "team%252Fpj-intent"]) {
    assert.is(((await stage.get(`/v1/jobs/${path}`)).json.job as Item | undefined)?.id, "team/pj-intent", path);
  }
  for (const path of [
    "nope",
    "..",
    "..__..__etc",
    "%2e%2e%2f",
    "team__",
    "__team",
    "pj-intent",
    "team-intent-0a1b2c3d",
    "%00",
  ]) {
    assert.is((await stage.get(`/v1/jobs/${path}`)).status, 404, path);
  }
  assert.is((await stage.call("DELETE", "/v1/jobs/sst2")).status, 405);
  const refused = await stage.call("POST", "/v1/jobs/sst2", { job: { name: "x" } });
  assert.equal([refused.status, refused.headers.allow], [405, "GET, HEAD, PUT"]);
});

test("O-14: a Pipeline that kubectl makes is shown, with its own tasks", async () => {
  await stage.createRun("by-hand", { tasks: [{ name: "only", image: "busybox", command: ["sh", "-c", "true"] }] });
  const shown = await until(
    async () => (await stage.get("/v1/pipelines/by-hand")).json.pipeline as Item | undefined,
    60_000,
    { describe: "it arrives" },
  );
  assert.equal(
    shown?.tasks.map((task) => (task as unknown as { command: string }).command),
    ["sh -c true"],
  );
  assert.not.ok("job" in (shown ?? {}));
});

test("prototype keys and strange queries do no harm", async () => {
  for (const path of [
    "/v1/pipelines/__proto__",
    "/v1/pipelines/constructor",
    "/v1/jobs/__proto__",
    "/v1/resources/__proto__/data",
    "/v1/resources/constructor/logs",
  ]) {
    assert.is((await stage.get(path)).status, 404, path);
  }
  assert.is((await stage.get("/v1/pipelines?__proto__=1&constructor=2&q[a]=b")).status, 200);
  const answer = await send(stage.port, "POST", "/v1/pipelines", {
    headers: { authorization: `Bearer ${stage.token}`, "content-type": "application/json" },
    body: '{"pipeline":{"job":"sst2"},"context":{"constructor":{"prototype":{"x":1}}}}',
  });
  assert.is(answer.status, 200);
});

test.run();
