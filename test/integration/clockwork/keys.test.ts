// timeout: 600
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { sha256 } from "../../../api/clockwork/credentials.ts";
import { runClockworkKey } from "../../../api/clockwork/keys/command.ts";
import { MAX_KEYS } from "../../../api/clockwork/keys/key-store.ts";
import type { KubeObject } from "../../../kube/resource.ts";
import { until } from "../../support/deadline.ts";
import { testVariable } from "../../support/kubectl.ts";
import { basic } from "../../unit/api/clockwork/served-clockwork.ts";
import { type Answer, send } from "../../unit/api/served.ts";
import { ClockworkStage } from "./clockwork-stage.ts";

const test = suite("clockwork API keys");
const LIST = "/api/v1/clusters/jobs/list";
let stage: ClockworkStage;

test.before(async () => {
  try {
    stage = await ClockworkStage.open();
    await stage.user("ada", { email: "ada@example.org" });
  } catch (error) {
    console.error(error);
    throw error;
  }
});
test.after(async () => {
  await stage.close();
});

const password = basic("ada", "ada's password");
const keys = (method: string, path = "", headers: Record<string, string> = password): Promise<Answer> =>
  send(stage.port, method, `/api/v1/cluster/keys${path}`, { headers });
const listed = async (): Promise<string[]> =>
  (JSON.parse((await keys("GET")).text) as { id: string }[]).map(({ id }) => id);
const works = async (key: string, port = stage.port): Promise<number> =>
  (await send(port, "GET", LIST, { headers: basic("ada@example.org", key) })).status;
const command = async (...argv: string[]): Promise<string> => {
  let output = "";
  const env = { KUBECONFIG: testVariable("KUBECONFIG"), ODIN_NAMESPACE: stage.facade.namespace };
  await runClockworkKey(argv, env, (text) => {
    output += text;
  });
  return output;
};

test("C-15: a key is shown once, works at once, is listed without itself, and is kept as a hash only", async () => {
  const made = await keys("POST");
  assert.equal(Object.keys(made.json), ["clockwork_api_key", "created", "id", "mila_email_username"]);
  const key = String(made.json.clockwork_api_key);
  assert.match(key, /^[0-9a-f]{64}$/);
  assert.is(made.json.mila_email_username, "ada@example.org");
  assert.ok(Number.isSafeInteger(made.json.created));
  assert.is(await works(key), 200);
  const list = await keys("GET");
  assert.not.ok(list.text.includes(key));
  assert.ok(list.text.includes(String(made.json.id)));
  const secret = await stage.facade.client.get<KubeObject & { data: Record<string, string> }>(stage.secretPath("ada"));
  for (const text of Object.values(secret.data)) assert.not.ok(Buffer.from(text, "base64").toString().includes(key));
  const hash = sha256(key);
  assert.ok(
    Buffer.from(secret.data.clockwork_keys ?? "", "base64")
      .toString()
      .includes(hash),
  );
  const told = [list.text, made.text, await command("list", "--user", "ada")];
  for (const text of told) assert.not.ok(text.includes(hash));
  for (const one of JSON.parse(list.text) as object[]) assert.equal(Object.keys(one), ["created", "id"]);
});

test("C-15: a revoked key fails at once here, and within five seconds on another replica", async () => {
  const firstPort = stage.port;
  await stage.facade.start({ ODIN_STORE: stage.store.name, CLOCKWORK_NAMESPACES: "where-nothing-is" });
  const secondPort = stage.port;
  const lags: number[] = [];
  for (let round = 0; round < 3; round++) {
    const made = await send(firstPort, "POST", "/api/v1/clusters/keys", { headers: password });
    const { id, clockwork_api_key: key } = made.json as { id: string; clockwork_api_key: string };
    assert.is(await works(key, firstPort), 200);
    await until(async () => (await works(key, secondPort)) === 200, 60_000, {
      describe: "the other replica knows the key",
    });
    const answer = await send(firstPort, "DELETE", `/api/v1/clusters/keys/${id}`, { headers: password });
    assert.equal([answer.status, answer.text], [200, '""\n']);
    const from = performance.now();
    assert.is(await works(key, firstPort), 401);
    await until(async () => (await works(key, secondPort)) === 401, 60_000, {
      describe: "the other replica refuses the key",
    });
    lags.push(performance.now() - from);
    const again = await keys("DELETE", `/${id}`);
    assert.equal([again.status, again.text], [404, '"Not found."\n']);
  }
  // The one in the middle: a loaded machine stands still now and then, which says nothing of how soon it is told.
  const median = lags.sort((a, b) => a - b)[1] ?? Number.POSITIVE_INFINITY;
  assert.ok(median <= 5_000, `two of three were refused after more than ${median.toFixed(0)} ms`);
  for (const odd of ["/%2e%2e", "/%zz", "/%00", "/a%2Fb"]) assert.is((await keys("DELETE", odd)).status, 404, odd);
});

test("C-15, C-12: an API key makes no keys, and neither does anybody else", async () => {
  const key = stage.keyOf("ada");
  const refused = [
    {},
    basic("ada@example.org", key),
    basic("ada", key),
    { authorization: `Bearer ${key}` },
    basic("ada", "wrong"),
    { ...password, origin: "https://page.example.org" },
  ];
  for (const headers of refused) {
    for (const [method, path] of [
      ["GET", ""],
      ["POST", ""],
      ["DELETE", "/1"],
    ] as const) {
      const answer = await keys(method, path, headers as Record<string, string>);
      assert.equal([answer.status, answer.text], [401, '"Authorization error."\n'], JSON.stringify([method, headers]));
      assert.is(answer.headers["www-authenticate"], undefined);
    }
  }
  const token = { authorization: `Bearer ${stage.facade.token}` };
  assert.is((await keys("GET", "", token)).status, 200);
  assert.is((await send(stage.port, "GET", LIST, { headers: token })).status, 200);
});

test("C-15: keys that are made side by side are all there, up to the limit", async () => {
  const before = await listed();
  const made = await Promise.all(Array.from({ length: 8 }, () => keys("POST")));
  const good = made.filter(({ status }) => status === 200);
  assert.ok(good.length > 0);
  for (const { status } of made) assert.ok(status === 200 || status === 503, String(status));
  assert.is((await listed()).length, before.length + good.length);
  const many = Array.from({ length: MAX_KEYS }, (_, n) => ({ id: String(n), sha256: "0".repeat(64), created: n }));
  await stage.say("ada", { clockwork_keys: JSON.stringify(many) });
  const full = await keys("POST");
  assert.is(full.status, 400);
  assert.match(full.text, /^"Too many keys: maximum 100/);
  await stage.say("ada", { clockwork_keys: "" });
});

test("C-14, C-12: what an administrator writes into the Secret counts: a disabled user is a stranger", async () => {
  const { clockwork_api_key: key } = (await keys("POST")).json as { clockwork_api_key: string };
  await stage.say("ada", { status: "disabled" });
  await until(async () => (await works(key)) === 401, 60_000, { describe: "the user is refused" });
  assert.is((await keys("GET")).status, 401);
  await stage.say("ada", { status: "enabled" });
  await until(async () => (await works(key)) === 200, 60_000, { describe: "the user is let in" });
});

test("C-15: the command makes, lists and revokes keys", async () => {
  const made = await command("create", "--user", "ada");
  const [, id = "", key = ""] = /^id: +(\S+)\ne-mail: ada@example\.org\nkey: +([0-9a-f]{64})\n$/.exec(made) ?? [];
  await until(async () => (await works(key)) === 200, 60_000, { describe: "the key works" });
  assert.match(await command("list", "--user", "ada"), `${id}  20`);
  assert.is(await command("revoke", "--user", "ada", "--id", id), `revoked ${id}\n`);
  await until(async () => (await works(key)) === 401, 60_000, { describe: "the key is refused" });
  assert.match(await command("--help"), "odin clockwork-key create");
  for (const [argv, complaint] of [
    [["list", "--user", "nobody"], /no user "nobody"/],
    [["revoke", "--user", "ada", "--id", id], /no key of that id/],
    [["revoke", "--user", "ada"], /--id/],
    [["destroy"], /create, list or revoke/],
    [["create"], /--user/],
  ] as const) {
    const problem = await command(...argv).then(
      () => "none",
      (error: Error) => error.message,
    );
    assert.match(problem, complaint);
  }
});

test.run();
