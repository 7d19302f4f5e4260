import { suite } from "uvu";
import * as assert from "uvu/assert";
import { userSecretName } from "../../../api/auth/user.ts";
import { until } from "../../support/deadline.ts";
import { kubectl, kubectlApply } from "../../support/kubectl.ts";
import { type Answer, isProblem, send, sendJson } from "../../unit/api/served.ts";
import { FacadeStage, ROOT_PASSWORD, ROOT_USER, SECRET } from "./facade-stage.ts";

const test = suite("api users");
let stage: FacadeStage;

test.before(async () => {
  stage = await FacadeStage.open({ ODIN_ADMINS: "deputy" });
});
test.after(async () => {
  await stage.close();
});

const login = async (username: string, password: string, port = stage.port): Promise<string> => {
  const answer = await sendJson(port, "POST", "/v1/auth", { username, password });
  assert.is(answer.status, 200, answer.text);
  return String(answer.json.message);
};
const as = (token: string) => ({ authorization: `Bearer ${token}` });
const post = (token: string, user: unknown, port = stage.port): Promise<Answer> =>
  sendJson(port, "POST", "/v1/users", { user }, as(token));
const put = (token: string, name: string, body: unknown, port = stage.port): Promise<Answer> =>
  sendJson(port, "PUT", `/v1/users/${name}`, body, as(token));
const remove = (token: string, name: string, port = stage.port): Promise<Answer> =>
  send(port, "DELETE", `/v1/users/${name}`, { headers: as(token) });
const secretOf = async (name: string) =>
  JSON.parse(await kubectl("get", "secret", userSecretName(name), "--namespace", stage.namespace, "--output=json"));

/** A new user with a password made of its name, and a token of its. */
async function newUser(username: string, port = stage.port): Promise<string> {
  const answer = await post(stage.token, { username, password: `${username}'s password` }, port);
  assert.is(answer.status, 200, answer.text);
  return await login(username, `${username}'s password`, port);
}

function refused(answer: Answer, status: number, detail?: RegExp): void {
  assert.is(answer.status, status, answer.text);
  assert.ok(isProblem(answer), answer.text);
  if (detail !== undefined) assert.match(String(answer.json.detail), detail);
}

test("O-292, O-43: create, read, search, update and delete, with the root token", async () => {
  const daniel = { username: "dpr", firstname: "daniel", lastname: "pressel" };
  const created = await post(stage.token, { ...daniel, password: "daniel's password" });
  assert.is(created.status, 200);
  assert.equal(created.json, { user: daniel });
  assert.equal((await stage.get("/v1/users/dpr")).json, { user: daniel });
  assert.equal((await stage.get("/v1/users?q=DPR")).json, { users: [daniel, { username: ROOT_USER }] });
  assert.equal((await stage.get("/v1/users?q=dpr*l")).json, { users: [{ username: ROOT_USER }] });
  assert.equal((await stage.get("/v1/users?q=.")).json, { users: [] });
  const updated = await put(stage.token, "dpr", { username: "dpr", firstname: "Dan", lastname: "" });
  assert.equal(updated.json, { user: { ...daniel, firstname: "Dan" } });
  const wrapped = await put(stage.token, "dpr", { user: { lastname: "Pressel", firstname: null } });
  assert.equal(wrapped.json, { user: { username: "dpr", firstname: "Dan", lastname: "Pressel" } });
  const deleted = await remove(stage.token, "dpr");
  assert.is(deleted.status, 200);
  assert.equal(deleted.json, wrapped.json);
  refused(await stage.get("/v1/users/dpr"), 404);
  assert.equal((await stage.get("/v1/users?q=dpr")).json, { users: [{ username: ROOT_USER }] });
});

test("O-29, O-292: users may change themselves and nobody else; administrators may do everything", async () => {
  const ann = await newUser("ann");
  await newUser("bob");
  refused(await post(ann, { username: "carl", password: "carl's password" }), 403, /administrator/);
  refused(await put(ann, "bob", { lastname: "x" }), 403, /your own/);
  refused(await put(ann, "nobody", { lastname: "x" }), 403);
  refused(await remove(ann, "bob"), 403);
  refused(await remove(ann, "ann"), 403);
  assert.equal((await put(ann, "ann", { lastname: "A" })).json, { user: { username: "ann", lastname: "A" } });
  // The right is checked before the body is looked at.
  const unread = await send(stage.port, "POST", "/v1/users", { headers: as(ann), body: "{" });
  refused(unread, 403);
  const deputy = await newUser("deputy");
  assert.is((await post(deputy, { username: "carl", password: "carl's password" })).status, 200);
  assert.is((await put(deputy, "bob", { firstname: "B" })).status, 200);
  assert.is((await remove(deputy, "carl")).status, 200);
});

test("O-31: the root user cannot be deleted, not even by itself", async () => {
  refused(await remove(stage.token, ROOT_USER), 409, /settings/);
  refused(await remove(await login("deputy", "deputy's password"), ROOT_USER), 409);
  assert.is((await stage.get(`/v1/users/${ROOT_USER}`)).status, 200);
});

test("O-32, O-30: what a new user must be", async () => {
  const password = "long enough";
  const bad: [unknown, RegExp][] = [
    [{ username: "x" }, /user\.password: is missing/],
    [{ username: "x", password: "" }, /user\.password: is missing/],
    [{ username: "x", password: "short77" }, /8 to 256 bytes/],
    [{ username: "x", password: "ä".repeat(129) }, /8 to 256 bytes/],
    [{ username: "x", password: 12345678 }, /user\.password: must be a string/],
    [{ password }, /user\.username: is missing/],
    [{ username: "-x", password }, /user\.username/],
    [{ username: "x/y", password }, /user\.username/],
    [{ username: "x".repeat(65), password }, /user\.username/],
    [{ username: ["x"], password }, /user\.username: must be a string/],
    [{ username: "x", password, firstname: 1 }, /user\.firstname/],
    [{ username: "x", password, lastname: "a\nb" }, /user\.lastname.*control/],
    [{ username: "x", password, lastname: "y".repeat(129) }, /user\.lastname/],
    [null, /user: must be an object/],
    ["x", /user: must be an object/],
  ];
  for (const [user, detail] of bad) refused(await post(stage.token, user), 422, detail);
  refused(await sendJson(stage.port, "POST", "/v1/users", { username: "x", password }, as(stage.token)), 422);
  assert.is((await stage.get("/v1/users/x")).status, 404);
  assert.is((await post(stage.token, { username: "Zoe", password: "ä".repeat(128) })).status, 200);
  refused(await post(stage.token, { username: "Zoe", password }), 409, /Zoe.*already/);
  // Names are told apart by case.
  assert.is((await post(stage.token, { username: "zoe", password })).status, 200);
});

test("O-32: unknown users, other users in the body, empty changes", async () => {
  await newUser("eve");
  for (const name of ["nope", "..", "%2e%2e", "-x", "a%2Fb", "__proto__", "x".repeat(3000)]) {
    refused(await put(stage.token, name, { lastname: "x" }), 404);
    refused(await remove(stage.token, name), 404);
    refused(await stage.get(`/v1/users/${name}`), 404);
  }
  refused(await put(stage.token, "eve", { username: "ann", lastname: "x" }), 422, /username/);
  refused(await put(stage.token, "eve", { user: { username: "ann" } }), 422, /user\.username/);
  refused(await put(stage.token, "eve", { user: "eve" }), 422, /user: must be an object/);
  refused(await put(stage.token, "eve", { password: "short" }), 422, /8 to 256/);
  const { resourceVersion } = (await secretOf("eve")).metadata;
  for (const body of [{}, { password: "", firstname: "", lastname: null }, { user: {} }, { unknown: 1 }]) {
    assert.equal((await put(stage.token, "eve", body)).json, { user: { username: "eve" } });
  }
  assert.is((await secretOf("eve")).metadata.resourceVersion, resourceVersion);
});

test("O-23, O-32: another password ends older tokens and Basic pairs, the same one changes nothing", async () => {
  const token = await newUser("fay");
  const basic = { authorization: `Basic ${Buffer.from("fay:fay's password").toString("base64")}` };
  const change = (headers: Record<string, string>) =>
    sendJson(stage.port, "PUT", "/v1/users/fay", { firstname: "Fay" }, headers);
  assert.is((await change(basic)).status, 200);
  const { resourceVersion } = (await secretOf("fay")).metadata;
  assert.is((await put(stage.token, "fay", { username: "fay", password: "fay's password" })).status, 200);
  assert.is((await secretOf("fay")).metadata.resourceVersion, resourceVersion);
  assert.is((await change(as(token))).status, 200);
  assert.is((await put(token, "fay", { password: "another password" })).status, 200);
  refused(await change(as(token)), 401);
  refused(await change(basic), 401);
  const fresh = await login("fay", "another password");
  assert.is((await change(as(fresh))).status, 200);
});

test("O-23: a deleted user's token ends, also where a new user takes the name", async () => {
  const token = await newUser("gus");
  assert.is((await remove(stage.token, "gus")).status, 200);
  refused(await put(token, "gus", { firstname: "G" }), 401);
  // Tokens count whole seconds.
  const second = Math.floor(Date.now() / 1000);
  await until(() => Math.floor(Date.now() / 1000) > second + 1, 60_000, { describe: "the second has passed" });
  const fresh = await newUser("gus");
  refused(await put(token, "gus", { firstname: "G" }), 401);
  assert.is((await put(fresh, "gus", { firstname: "G" })).status, 200);
});

test("O-30: users are Secrets that kubectl shows and the API never does", async () => {
  const token = await newUser("Hal.9000@x-y_z");
  const { type, data } = await secretOf("Hal.9000@x-y_z");
  assert.is(type, "odin.io/user");
  const hash = Buffer.from(data.passwordHash, "base64").toString();
  assert.match(hash, /^\$scrypt\$ln=15,r=8,p=1\$/);
  const replies = [
    await stage.get("/v1/users"),
    await stage.get("/v1/users/Hal.9000@x-y_z"),
    await stage.get("/v1/users/Hal.9000%40x-y_z"),
    await put(token, "Hal.9000@x-y_z", { firstname: "Hal" }),
    await stage.get("/v1/resources/odin-user-hal/data"),
    await stage.get("/metrics"),
  ];
  for (const { text } of replies) {
    for (const secret of [hash, "Hal.9000@x-y_z's password", "passwordHash"]) assert.not.ok(text.includes(secret));
  }
  const { users } = (await stage.get("/v1/users")).json as { users: object[] };
  const keys = new Set(users.flatMap(Object.keys));
  for (const key of keys) assert.ok(["username", "firstname", "lastname"].includes(key), key);
  await kubectl("delete", "secret", userSecretName("Hal.9000@x-y_z"), "--namespace", stage.namespace);
  await until(async () => (await stage.get("/v1/users/Hal.9000@x-y_z")).status === 404, 60_000, {
    describe: "a user deleted by kubectl is gone",
  });
});

test("O-30: a Secret in the place of a user is no user, and is left alone", async () => {
  await kubectlApply(stage.namespace, {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: userSecretName("ivy") },
    stringData: { username: "ivy", precious: "yes" },
  });
  refused(await post(stage.token, { username: "ivy", password: "ivy's password" }), 409);
  refused(await put(stage.token, "ivy", { lastname: "x" }), 404);
  refused(await remove(stage.token, "ivy"), 404);
  assert.ok((await secretOf("ivy")).data.precious);
});

test("O-32: two replicas and many callers at once: a name is given once, deleted once, and no change is half", async () => {
  const one = stage.port;
  await stage.start({ ODIN_ADMINS: "deputy" });
  const two = stage.port;
  const ports = Array.from({ length: 16 }, (_, index) => (index % 2 === 0 ? one : two));
  const count = (answers: Answer[], status: number): number =>
    answers.filter((answer) => answer.status === status).length;
  const user = { username: "jan", password: "jan's password" };
  const created = await Promise.all(ports.map((port) => post(stage.token, user, port)));
  assert.equal([count(created, 200), count(created, 409)], [1, 15]);
  const changes = await Promise.all(
    ports.map((port, index) => put(stage.token, "jan", { firstname: `f${index}`, lastname: `l${index}` }, port)),
  );
  assert.is(count(changes, 200) + count(changes, 409), 16);
  assert.ok(count(changes, 200) > 0);
  const { data } = await secretOf("jan");
  const [first, last] = [data.firstname, data.lastname].map((text) => Buffer.from(text, "base64").toString().slice(1));
  assert.is(first, last);
  const removed = await Promise.all(ports.map((port) => remove(stage.token, "jan", port)));
  assert.equal([count(removed, 200), count(removed, 404)], [1, 15]);
});

test("O-29: under the policy `any` every user has these rights, as the document has it", async () => {
  const kim = await newUser("kim");
  await stage.stop();
  await stage.start({ ODIN_USER_POLICY: "any" });
  assert.is((await post(kim, { username: "lea", password: "lea's password" })).status, 200);
  assert.is((await put(kim, "lea", { firstname: "Lea" })).status, 200);
  assert.is((await remove(kim, "lea")).status, 200);
  refused(await remove(kim, ROOT_USER), 409);
});

test("O-28, O-23: after a rotation of the secret old tokens work as long as the previous one is named", async () => {
  const next = "the next secret of the integration tests, as long";
  await stage.stop();
  await stage.start();
  const old = stage.token;
  await stage.stop();
  await stage.start({ ODIN_SECRET: next, ODIN_SECRET_PREVIOUS: SECRET });
  const fresh = stage.token;
  for (const token of [old, fresh]) assert.is((await put(token, ROOT_USER, {})).status, 200);
  await stage.stop();
  await stage.start({ ODIN_SECRET: next });
  assert.is((await put(fresh, ROOT_USER, {})).status, 200);
  refused(await put(old, ROOT_USER, {}), 401);
});

test("O-15: no password and no hash has reached the log", () => {
  const text = JSON.stringify(stage.logLines);
  for (const secret of [ROOT_PASSWORD, "ann's password", "another password", "$scrypt$", stage.token]) {
    assert.not.ok(text.includes(secret), secret);
  }
});

test.run();
