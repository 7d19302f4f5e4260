import { suite } from "uvu";
import * as assert from "uvu/assert";
import { hashPassword } from "../../../api/auth/password.ts";
import { userSecret, userSecretName } from "../../../api/auth/user.ts";
import type { KubeObject } from "../../../kube/resource.ts";
import { until } from "../../support/deadline.ts";
import { isProblem, send, sendJson } from "../../unit/api/served.ts";
import { FacadeStage, ROOT_PASSWORD, ROOT_USER } from "./facade-stage.ts";

const test = suite("api users and login");
let stage: FacadeStage;

test.before(async () => {
  stage = await FacadeStage.open({ ODIN_PUBLIC_READS: "none" });
});
test.after(async () => {
  await stage.close();
});

const secretPath = (name: string): string => `/api/v1/namespaces/${stage.namespace}/secrets/${userSecretName(name)}`;
const secret = (name: string) =>
  stage.client.get<KubeObject & { type: string; data: Record<string, string> }>(secretPath(name));
const login = (username: string, password: string) => sendJson(stage.port, "POST", "/v1/auth", { username, password });
const read = (authorization: string) => send(stage.port, "GET", "/v1/pipelines", { headers: { authorization } });

test("O-30, O-31: the root user is a Secret of its own type, with a hash and no password", async () => {
  const stored = await secret(ROOT_USER);
  assert.is(stored.type, "odin.io/user");
  const texts = Object.values(stored.data).map((text) => Buffer.from(text, "base64").toString());
  assert.ok(texts.some((text) => text.startsWith("$scrypt$ln=15,r=8,p=1$")));
  assert.not.ok(JSON.stringify(stored).includes(ROOT_PASSWORD));
  assert.not.ok(texts.join().includes(ROOT_PASSWORD));
});

test("O-42, O-280: login gives a token of three parts; a wrong password 401 without message", async () => {
  const answer = await login(ROOT_USER, ROOT_PASSWORD);
  assert.is(answer.status, 200);
  assert.is(String(answer.json.message).split(".").length, 3);
  const wrong = await login(ROOT_USER, "not the password");
  assert.is(wrong.status, 401);
  assert.ok(isProblem(wrong));
});

test("O-27: with reads closed, only ping, auth and the document are open", async () => {
  for (const path of ["/v1/ping", "/v1/openapi.json", "/openapi.json", "/healthz", "/readyz", "/metrics"]) {
    assert.is((await stage.get(path)).status, 200, path);
  }
  const closed = [
    "/v1/jobs",
    "/v1/jobs/x",
    "/v1/pipelines",
    "/v1/pipelines/x",
    "/v1/resources/x/data",
    "/v1/resources/x/events",
    "/v1/resources/x/logs",
  ];
  for (const path of closed) {
    const answer = await stage.get(path);
    assert.is(answer.status, 401, path);
    assert.is(answer.headers["www-authenticate"], "Bearer");
    assert.is(
      (await stage.call("GET", path)).status,
      path.endsWith("x") || path.includes("resources") ? 404 : 200,
      path,
    );
  }
});

test("O-5: deletes of known and unknown ids look alike to a stranger", async () => {
  await stage.applyJob("j", { tasks: [] });
  const id = await stage.launch("j");
  const strip = ({ status, json }: { status: number; json: Record<string, unknown> }) => ({
    status,
    ...json,
    instance: "",
  });
  const [known, unknown] = await Promise.all(
    [id, "nope"].map((name) => send(stage.port, "DELETE", `/v1/pipelines/${name}`)),
  );
  if (known === undefined || unknown === undefined) throw new Error("two answers");
  assert.is(known.status, 401);
  assert.equal(strip(known), strip(unknown));
});

test("O-24: every read works with Basic, as clients with a netrc file send it", async () => {
  const basic = `Basic ${Buffer.from(`${ROOT_USER}:${ROOT_PASSWORD}`).toString("base64")}`;
  assert.is((await read(basic)).status, 200);
  const withToken = `Basic ${Buffer.from(`${ROOT_USER}:${stage.token}`).toString("base64")}`;
  assert.is((await read(withToken)).status, 200);
});

test("O-23: a user made elsewhere can log in; deleting it ends its tokens", async () => {
  const fields = { username: "Some.One@x", passwordHash: await hashPassword("someone's password"), validFrom: 1 };
  await stage.client.create(`/api/v1/namespaces/${stage.namespace}/secrets`, userSecret(stage.namespace, fields));
  // Not by logging in: a few failures shut the name out for a minute.
  await until(async () => (await stage.call("GET", "/v1/users/Some.One%40x")).status === 200, 60_000, {
    describe: "the user arrives",
  });
  const answer = await login("Some.One@x", "someone's password");
  assert.is(answer.status, 200, answer.text);
  const token = `Bearer ${answer.json.message}`;
  assert.is((await read(token)).status, 200);
  await stage.client.delete(secretPath("Some.One@x"));
  await until(async () => (await read(token)).status === 401, 60_000, { describe: "the token ends" });
});

test("a Secret that only looks like a user's is nobody", async () => {
  const forged = userSecret(stage.namespace, {
    username: "mallory",
    passwordHash: await hashPassword("mallory's password"),
    validFrom: 1,
  });
  await stage.client.create(`/api/v1/namespaces/${stage.namespace}/secrets`, { ...forged, type: "Opaque" });
  assert.is((await login("mallory", "mallory's password")).status, 401);
});

test("O-31: a restart keeps root's tokens; another password in the settings replaces the stored one and ends them", async () => {
  const { resourceVersion } = (await secret(ROOT_USER)).metadata;
  const { token } = stage;
  await stage.stop();
  await stage.start({ ODIN_PUBLIC_READS: "none" });
  assert.is((await secret(ROOT_USER)).metadata.resourceVersion, resourceVersion);
  assert.is((await read(`Bearer ${token}`)).status, 200);
  await stage.stop();
  await stage.start({ ODIN_PUBLIC_READS: "none", ODIN_ROOT_PASS: "another password" });
  assert.is((await login(ROOT_USER, "another password")).status, 200);
  assert.is((await login(ROOT_USER, ROOT_PASSWORD)).status, 401);
  assert.is((await read(`Bearer ${token}`)).status, 401);
});

test("O-31: two replicas that start at the same time agree", async () => {
  await stage.stop();
  await stage.client.delete(secretPath(ROOT_USER));
  const other = await stage.start({}, undefined, false);
  await stage.start({});
  await other.ready;
  await other.stop();
  assert.is((await login(ROOT_USER, ROOT_PASSWORD)).status, 200);
});

test("O-15: neither tokens nor passwords reach the log", () => {
  const text = JSON.stringify(stage.logLines);
  for (const secretText of [ROOT_PASSWORD, "another password", stage.token]) assert.not.ok(text.includes(secretText));
});

test.run();
