import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { findExecutable } from "../../../local/command.ts";
import { until } from "../../support/deadline.ts";
import { type OdinProcess, operatorProcess } from "../../support/odin-process.ts";
import { skip } from "../../support/skip.ts";
import { taken } from "../../support/taken.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";
import { createSst2, openAcceptance } from "./acceptance-world.ts";
import { type FacadeStage, ROOT_PASSWORD, ROOT_USER } from "./facade-stage.ts";
import { startPod } from "./played-pod.ts";

const execute = promisify(execFile);
const test = suite("acceptance: the curl calls of the original document");
const WAIT_MS = 60_000;
let world: Awaited<ReturnType<typeof openAcceptance>>;
let stage: FacadeStage;
let operator: OdinProcess | undefined;
let home: TemporaryDirectory;
let token = "";
let id = "";

test.before(async () => {
  world = await openAcceptance();
  stage = world.stage;
  home = await temporaryDirectory();
  try {
    await createSst2(stage);
    operator = operatorProcess(stage.namespace);
  } catch (error) {
    console.error(error);
    throw error;
  }
});
test.after(async () => {
  await operator?.end("SIGTERM");
  await home?.remove();
  await world?.close();
});

/**
 * Runs a call as the document writes it: only the address of the server and the places in braces are put in, and an address with
 * `?` or `&` is quoted, which the document forgets.
 */
async function shell(command: string, places: Record<string, string> = {}): Promise<string> {
  let text = command.replaceAll(/http:\/\/(localhost|0\.0\.0\.0):9003(\S*)/g, `"http://127.0.0.1:${stage.port}$2"`);
  for (const [name, value] of Object.entries(places)) text = text.replaceAll(`{${name}}`, value);
  const { stdout } = await execute("bash", ["-c", text], {
    cwd: home.path,
    env: { PATH: process.env.PATH, HOME: home.path, TOKEN: token, NO_PROXY: "*" },
  });
  return stdout;
}

async function call(command: string, places?: Record<string, string>): Promise<Record<string, unknown>> {
  return await taken(async () => JSON.parse(await shell(`curl -s ${command}`, places)) as Record<string, unknown>);
}

/** Paths of all values in a reply: `tasks.0.id`. */
function pathsOf(value: unknown, prefix = ""): string[] {
  if (value === null || typeof value !== "object") return [prefix];
  return Object.entries(value).flatMap(([key, inner]) => pathsOf(inner, prefix === "" ? key : `${prefix}.${key}`));
}

/** Asserts that a reply has everything that the document shows of it. */
function documented(reply: unknown, ...paths: string[]): void {
  const there = new Set(pathsOf(reply));
  assert.equal(
    paths.filter((path) => !there.has(path)),
    [],
    JSON.stringify(reply),
  );
}

const JSON_AND_TOKEN = '-H "Content-Type: application/json" -H "Authorization: Bearer ${TOKEN}"';

test("O-280, O-20: the login keeps a token in a variable", async () => {
  const login =
    "TOKEN=$(curl -s -X POST -H 'Accept: application/json' -H 'Content-Type: application/json' --data '{\"username\":\"{username}\",\"password\":\"{password}\"}' http://localhost:9003/v1/auth | jq -r '.message'); echo $TOKEN";
  await stage.call("POST", "/v1/users", { user: { username: "quoted", password: "no quote in it" } });
  assert.is((await shell(login, { username: "quoted", password: "no quote in it" })).trim().split(".").length, 3);
  // A quote in the password would end the shell's text.
  token = (await shell(login, { username: ROOT_USER, password: ROOT_PASSWORD.replaceAll("'", "'\\''") })).trim();
  assert.is(token.split(".").length, 3);
});

test("O-292, O-32: users are created, read, searched, updated and deleted", async () => {
  const names = { username: "dpr", firstname: "daniel", lastname: "pressel" };
  const created = await call(
    `${JSON_AND_TOKEN} --request POST --data '{"user": {"username": "{username}", "firstname": "{firstname}", "lastname": "{lastname}", "password": "{password}"}}' http://localhost:9003/v1/users`,
    { ...names, password: "daniels-own" },
  );
  assert.equal(created, { user: names });
  assert.equal(await call("http://0.0.0.0:9003/v1/users/dpr"), { user: names });
  assert.equal((await call("http://0.0.0.0:9003/v1/users?q=dpr")).users, [names, { username: ROOT_USER }]);
  const update =
    '--request PUT --data \'{"username": "dpr", "firstname": "dan", "lastname": "pressel"}\' http://localhost:9003/v1/users/dpr';
  assert.equal(await call(`${JSON_AND_TOKEN} ${update}`), { user: { ...names, firstname: "dan" } });
  const deleted = await call(`${JSON_AND_TOKEN} --request DELETE http://localhost:9003/v1/users/{username}`, names);
  assert.equal(deleted, { user: { ...names, firstname: "dan" } });
});

test("O-281: jobs are created, below directories too", async () => {
  const create = (name: string) =>
    call(`${JSON_AND_TOKEN} --request POST --data '{"job": {"name": "${name}" }}' http://localhost:9003/v1/jobs`);
  const plain = await create("danisprettyawesome");
  assert.match(String(plain.creationTime), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  assert.equal([plain.id, plain.name], ["danisprettyawesome", "danisprettyawesome"]);
  const nested = await create("dpressel__danisprettyawesome");
  assert.equal([nested.id, nested.name], ["dpressel/danisprettyawesome", "dpressel/danisprettyawesome"]);
  assert.is(nested.location, "/data/pipelines/dpressel/danisprettyawesome");
});

test("O-283: jobs are shown, alone and by a part of their name; their files as they are", async () => {
  const paths = ["configs.0.content", "configs.0.id", "configs.0.name", "id", "location", "name"];
  const first = ["args.0", "command", "id", "image", "mounts.claim", "mounts.name", "mounts.path", "name", "numGpus"];
  const second = ["args.0", "command", "depends", "id", "image", "mounts.claim", "name", "pullPolicy"];
  const shown = [...paths, ...first.map((path) => `tasks.0.${path}`), ...second.map((path) => `tasks.1.${path}`)];
  documented(await call("-X GET http://0.0.0.0:9003/v1/jobs/sst2"), ...shown.map((path) => `job.${path}`));
  documented(await call("-X GET http://0.0.0.0:9003/v1/jobs?q=sst"), ...shown.map((path) => `jobs.0.${path}`));
  const text = await shell("curl -s -X GET http://0.0.0.0:9003/v1/jobs/sst2/files/after.yml");
  assert.match(text, /^chores:\n/);
});

test("O-291, O-282: a job is replaced from a file, a file of it from another", async () => {
  const task = {
    args: ["--basedir", "/data/${TASK_ID}", "--config", "${WORK_PATH}/${TASK_NAME}.yml"],
    command: "mead-train",
    depends: null,
    id: "blahblah--sst2",
    image: "meadml/mead2-gpu:latest",
    mounts: [{ claim: "data-rw-many", name: "data", path: "/data" }],
    name: "sst2",
    node_selector: null,
    num_gpus: 1,
    pull_policy: null,
  };
  await writeFile(join(home.path, "blahblah.json"), JSON.stringify({ job: { configs: [], tasks: [task] } }));
  await writeFile(join(home.path, "dans.yml"), "chores: []\n");
  const put = await call(`-X PUT http://0.0.0.0:9003/v1/jobs/blahblah ${JSON_AND_TOKEN} -d @$HOME/blahblah.json`);
  documented(put, "job.id", "job.tasks.0.numGpus", "job.tasks.0.mounts.0.claim");
  // The document has -x, which would name a proxy.
  const posted = await call(
    '-X POST http://0.0.0.0:9003/v1/jobs/blahblah/files/after.yml -H "Content-Type: text/plain" -H "Authorization: Bearer ${TOKEN}" --data-binary @dans.yml',
  );
  assert.is(posted.bytes, 11);
  assert.match(String(posted.location), /^\/data\/pipelines\/blahblah\/after\.yml@[0-9a-f]{40}$/);
});

test("O-284, O-286, O-287: a run is launched and looked at in every way", async () => {
  const launched = await call(
    `${JSON_AND_TOKEN} --request POST --data '{"pipeline": {"job": "sst2"}}' http://localhost:9003/v1/pipelines`,
  );
  documented(launched, "pipeline.id", "pipeline.job", "pipeline.name");
  id = (launched.pipeline as { id: string }).id;
  await startPod(stage, `${id}--sst2`);
  const look = () => call(`-X GET http://0.0.0.0:9003/v1/pipelines/${id}`);
  const reply = await until(look, WAIT_MS, {
    describe: "the first task executes",
    accept: ({ pipeline }) => (pipeline as { tasks: { status: string }[] }).tasks[0]?.status === "executing",
  });
  const ofTask = ["command", "id", "image", "name", "resourceType", "status", "task"];
  const ofRun = [
    ...["id", "name", "status", "submitTime", "tasks.0.resourceId", "tasks.0.submitTime"],
    ...ofTask.flatMap((path) => [`tasks.0.${path}`, `tasks.1.${path}`]),
  ];
  documented(reply, ...ofRun.map((path) => `pipeline.${path}`));
  const found = await call(`-X GET http://0.0.0.0:9003/v1/pipelines?q=${id.slice(0, 9)}`);
  documented(found, ...ofRun.map((path) => `pipelines.0.${path}`));
  documented(
    await call(`-X GET http://0.0.0.0:9003/v1/resources/${id}--sst2/data`),
    ...["_id.$oid", "args.0", "command", "image", "inputs", "label", "name", "node_selector", "num_gpus"].map(
      (path) => `jobs.${path}`,
    ),
    ...["outputs", "parent", "pull_policy", "resource_id", "resource_type", "submit_time.$date"].map(
      (path) => `jobs.${path}`,
    ),
    "success",
  );
  const record = await call(`-X GET http://0.0.0.0:9003/v1/resources/${id}/data`);
  documented(
    record,
    ...["_id.$oid", "completion_time", "executing.0", "jobs.0", "jobs.1", "label", "status", "waiting.0"].map(
      (path) => `jobs.${path}`,
    ),
    "jobs.submit_time.$date",
  );
  assert.equal((record.jobs as { executed: unknown }).executed, []);
  documented(
    await call(`-X GET http://0.0.0.0:9003/v1/resources/${id}--sst2/events`),
    ...["eventType", "id", "message", "reason", "source", "timestamp"].map((path) => `events.0.${path}`),
  );
});

test("O-290, O-59: runs are killed, with a token, which the document forgets", async () => {
  const kill = (query: string) =>
    call(`-H "Authorization: Bearer \${TOKEN}" -X DELETE http://0.0.0.0:9003/v1/pipeline/${id}${query}`);
  const refused = await call(`-X DELETE http://0.0.0.0:9003/v1/pipeline/${id}`);
  assert.is(refused.status, 401);
  assert.equal((await kill("")) as unknown, [
    { cleanedFromK8s: "No", purgedFromDb: "No", removedFromFs: "No", taskId: id },
    { cleanedFromK8s: "Yes", purgedFromDb: "No", removedFromFs: "No", taskId: `${id}--sst2` },
  ]);
  const rows = (await kill("?db=True")) as unknown as Record<string, string>[];
  assert.equal(
    rows.map(({ taskId, purgedFromDb }) => [taskId, purgedFromDb]),
    [
      [id, "Yes"],
      [`${id}--sst2`, "Yes"],
    ],
  );
});

test("O-293: nodes are listed", async () => {
  const { nodes } = await call("http://localhost:9003/v1/nodes");
  assert.ok(Array.isArray(nodes));
});

const missing = [];
for (const program of ["bash", "curl", "jq"]) if (!(await findExecutable(program))) missing.push(program);
if (missing.length === 0) test.run();
else skip("file", `this machine has no ${missing.join(", no ")}`);
