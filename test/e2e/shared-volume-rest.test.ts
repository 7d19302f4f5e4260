import { existsSync } from "node:fs";
import { chmod } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createSharedVolume } from "../../local/shared-volume.ts";
import { until, within } from "../support/deadline.ts";
import { testVariable } from "../support/kubectl.ts";
import { OdinProcess } from "../support/odin-process.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../support/temporary-namespace.ts";
import { type Answer, send, sendJson } from "../unit/api/served.ts";

const rest = suite("jobs made over REST on one shared volume");
const WAIT_MS = 150_000;
const PASSWORD = "the root's password";
const CLAIM = "data-rw-many";
let namespace: TemporaryNamespace;
let odin: OdinProcess;
let port = 0;
let authorization = "";
let volume: string;

rest.before(async () => {
  try {
    namespace = await temporaryNamespace("shared-rest");
    volume = await createSharedVolume(testVariable("KUBECONFIG"), namespace.name, CLAIM);
    await chmod(volume, 0o777);
    odin = new OdinProcess("all", {
      ODIN_NAMESPACE: namespace.name,
      ODIN_LISTEN: "127.0.0.1:0",
      ODIN_SECRET: "the secret of the end-to-end tests, long enough",
      ODIN_ROOT_USER: "root",
      ODIN_ROOT_PASS: PASSWORD,
      ODIN_LEADER_ELECT: "false",
      ODIN_INSTALL_CRDS: "false",
      ODIN_STORE: "none",
      ODIN_VOLUME: volume,
      ODIN_VOLUME_CLAIM: CLAIM,
      ODIN_FS_ROOT: join(volume, "pipelines"),
      ODIN_REPOSITORY: join(volume, "pipelines"),
      ODIN_DATA_PATH: join(volume, "odin"),
    });
    await odin.untilSaid('"msg":"ready"');
    port = Number(/"url":"http:\/\/127\.0\.0\.1:(\d+)"/.exec(odin.output)?.[1]);
    const login = await sendJson(port, "POST", "/v1/auth", { username: "root", password: PASSWORD });
    authorization = `Bearer ${login.json.message}`;
  } catch (error) {
    console.error(error, odin?.output);
    throw error;
  }
});
rest.after(async () => {
  await odin.end("SIGTERM");
  await namespace.remove();
});

const get = (path: string): Promise<Answer> => send(port, "GET", path);

async function post(path: string, body: unknown): Promise<Answer> {
  const answer = await sendJson(port, "POST", path, body, { authorization });
  assert.is(answer.status, 200, `${path}: ${answer.text}\n${odin.output.slice(-2000)}`);
  return answer;
}

async function upload(job: string, name: string, text: string): Promise<void> {
  const headers = { authorization, "content-type": "application/octet-stream" };
  const answer = await send(port, "POST", `/v1/jobs/${job}/files/${name}`, { headers, body: text });
  assert.is(answer.status, 200, answer.text);
}

async function launch(job: string, context?: object): Promise<string> {
  const answer = await post("/v1/pipelines", { pipeline: { job }, ...(context === undefined ? {} : { context }) });
  return (answer.json.pipeline as { id: string }).id;
}

async function done(run: string): Promise<void> {
  const text = await until(async () => (await get(`/v1/pipelines/${run}`)).text, WAIT_MS, {
    describe: `${run} ends`,
    accept: (found) => /"status":"(DONE|TERMINATED)"/.test(found),
    everyMs: 300,
  });
  assert.match(text, '"status":"DONE"', text);
}

const logOf = async (task: string): Promise<string> => JSON.parse((await get(`/v1/resources/${task}/logs`)).text);

const MAIN = `
tasks:
  - name: first
    image: python:3.11-slim
    command: sh
    args: ["-ec", "cat $WORK_PATH/note; until test -e $WORK_PATH/go; do sleep 0.1; done; cp $WORK_PATH/note $TASK_PATH/seen"]
  - name: second
    image: python:3.11-slim
    command: sh
    args: ["-ec", "cat $WORK_PATH/note $RUN_PATH/first/seen $ROOT_PATH/shared/note"]
    depends: first
`;

rest("O-107: a job made, filled and run over REST; its files are live, and its directory goes with fs", () =>
  within(2 * WAIT_MS, async () => {
    for (const name of ["shared", "live"]) await post("/v1/jobs", { job: { name } });
    await upload("shared", "note", "beside\n");
    await upload("live", "note", "one\n");
    await upload("live", "main.yml", MAIN);
    const run = await launch("live");
    await until(() => logOf(`${run}--first`), WAIT_MS, {
      describe: "it has read",
      accept: (log) => log.includes("one"),
    });
    await upload("live", "note", "two\n");
    await upload("live", "go", "");
    await done(run);
    const second = await logOf(`${run}--second`);
    assert.match(second, /two\ntwo\nbeside/, second);
    assert.ok(existsSync(join(volume, "odin", run, "first/seen")));
    const cleaned = await send(port, "DELETE", `/v1/pipelines/${run}?fs=True`, { headers: { authorization } });
    assert.not.match(cleaned.text, '"removedFromFs":"No"');
    assert.not.ok(existsSync(join(volume, "odin", run)));
  }),
);

rest("O-153, O-107: a template's rendered files are seen in their directory, and go with fs", () =>
  within(2 * WAIT_MS, async () => {
    await post("/v1/jobs", { job: { name: "tmpl" } });
    await upload("tmpl", "note.jinja2", "hello {{ who }}\n");
    await upload(
      "tmpl",
      "main.yml.jinja2",
      'tasks: [{name: "{{ who }}", image: "python:3.11-slim", command: sh, args: ["-c", "cat $WORK_PATH/note; pwd; echo $WORK_PATH"]}]\n',
    );
    const run = await launch("tmpl", { who: "ada" });
    await done(run);
    const log = await logOf(`${run}--ada`);
    assert.match(log, "hello ada", log);
    const workPath = /^(\/.*\/rendered\/tmpl.{4})$/m.exec(log)?.[1];
    assert.ok(workPath, log);
    const cleaned = await send(port, "DELETE", `/v1/pipelines/${run}?fs=True&db=True`, { headers: { authorization } });
    assert.not.match(cleaned.text, '"removedFromFs":"No"');
    assert.not.ok(existsSync(workPath));
  }),
);
rest.run();
