import { suite } from "uvu";
import * as assert from "uvu/assert";
import { SST2_TASKS } from "../../unit/api/odin/sample.ts";
import { isProblem, send, sendJson } from "../../unit/api/served.ts";
import { FacadeStage, ROOT_PASSWORD, ROOT_USER } from "./facade-stage.ts";

const test = suite("traps of the clients");
let stage: FacadeStage;
let id = "";

test.before(async () => {
  stage = await FacadeStage.open({ ODIN_PUBLIC_READS: "none" });
  try {
    await stage.applyJob("sst2", { tasks: SST2_TASKS });
    id = await stage.launch("sst2");
  } catch (error) {
    console.error(error);
    throw error;
  }
});
test.after(async () => {
  await stage.close();
});

test("O-241: every answer to a call with a credential is JSON, so that no client throws its token away", async () => {
  const calls: [string, string, unknown][] = [
    ["GET", "/v1/pipelines", undefined],
    ["GET", "/v1/pipelines/nope", undefined],
    ["GET", `/v1/resources/${id}/logs`, undefined],
    ["POST", "/v1/pipelines", { pipeline: { job: "nope" } }],
    ["POST", "/v1/pipelines", { pipeline: { job: "sst2" }, context: [] }],
    ["PUT", "/v1/pipelines", {}],
    ["DELETE", "/v1/nothing/here", undefined],
  ];
  for (const [method, path, body] of calls) {
    const answer = await stage.call(method, path, body);
    assert.match(String(answer.headers["content-type"]), /^application\/(problem\+)?json; charset=utf-8$/, path);
    JSON.parse(answer.text);
  }
});

test("O-241: no reply to a launch has a `status` of its own; every error has one, and none a `message`", async () => {
  const launched = await stage.call("POST", "/v1/pipelines", { pipeline: { job: "sst2" } });
  assert.equal([launched.status, "status" in launched.json], [200, false]);
  for (const body of [{ username: ROOT_USER, password: "wrong password" }, { username: ROOT_USER }, [], "x"]) {
    const answer = await sendJson(stage.port, "POST", "/v1/auth", body);
    assert.ok([401, 422].includes(answer.status), answer.text);
    assert.is(answer.json.status, answer.status);
    assert.ok(isProblem(answer));
  }
});

test("O-66, O-241: the flags of a cleanup are texts on every row", async () => {
  const run = await stage.launch("sst2");
  await stage.createPod(run, "sst2");
  const { cleanups } = (await stage.call("DELETE", `/v1/pipelines/${run}?db=True&fs=True`)).json as {
    cleanups: Record<string, unknown>[];
  };
  assert.ok(cleanups.length > 0);
  for (const { taskId, ...flags } of cleanups) {
    assert.type(taskId, "string");
    for (const flag of Object.values(flags)) assert.ok(flag === "Yes" || flag === "No", String(flag));
  }
});

test("O-241: `q` is taken as clients send it: a raw *, blanks as + or %20, nothing encoded", async () => {
  const ids = async (q: string): Promise<string[]> => {
    const answer = await stage.call("GET", `/v1/pipelines?q=${q}`);
    assert.is(answer.status, 200);
    return (answer.json.pipelines as { id: string }[]).map((one) => one.id);
  };
  assert.ok((await ids(`sst2-*${id.slice(-3)}`)).includes(id));
  assert.equal(await ids(id), [id]);
  assert.equal([await ids("a+b"), await ids("a%20b"), await ids("sst2-%")], [[], [], []]);
});

test("O-241: a token read from a file with its newline still counts", async () => {
  const read = async (authorization: string): Promise<number> =>
    (await send(stage.port, "GET", "/v1/pipelines", { headers: { authorization } })).status;
  const basic = Buffer.from(`${ROOT_USER}:${stage.token}\n`).toString("base64");
  assert.equal([await read(`Basic ${basic}`), await read(`Bearer ${stage.token} `)], [200, 200]);
});

test("O-9: lists are there even when they are empty", async () => {
  // With what the random part of a run's id cannot hold.
  const empty = { jobs: "/v1/jobs?q=z-z", pipelines: "/v1/pipelines?q=z-z", users: "/v1/users?q=z-z" };
  for (const [key, path] of Object.entries(empty)) {
    assert.equal((await stage.call("GET", path)).json, { [key]: [] });
  }
  const bare = await stage.applyJob("bare", { tasks: [] });
  assert.is(bare.metadata.name, "bare");
  const run = await stage.launch("bare");
  const { pipeline } = (await stage.call("GET", `/v1/pipelines/${run}`)).json as { pipeline: { tasks: unknown[] } };
  assert.equal(pipeline.tasks, []);
  const { events } = (await stage.call("GET", `/v1/resources/${run}/events`)).json as { events: unknown[] };
  assert.ok(Array.isArray(events));
});

test("O-15: what a request carries is not in its log line; method, path, status, user, id and duration are", async () => {
  const text = "a secret of nobody's business";
  await send(stage.port, "POST", `/v1/pipelines?token=${encodeURIComponent(text)}`, {
    headers: { authorization: `Bearer ${stage.token}`, cookie: text, "content-type": "application/json" },
    body: JSON.stringify({ pipeline: { job: "sst2" }, context: { webhook: text } }),
  });
  await send(stage.port, "GET", "/v1/pipelines", {
    headers: { authorization: `Basic ${Buffer.from(`${ROOT_USER}:${ROOT_PASSWORD}`).toString("base64")}` },
  });
  const lines = stage.logLines.filter(({ msg }) => msg === "request");
  for (const line of lines) {
    const { level: _, msg: __, cut: ___, ...fields } = line;
    assert.equal(Object.keys(fields).sort(), ["durationMs", "method", "path", "requestId", "status", "user"]);
  }
  const log = JSON.stringify(stage.logLines);
  for (const secret of [text, encodeURIComponent(text), ROOT_PASSWORD, stage.token])
    assert.not.ok(log.includes(secret));
});

test.run();
