import { Registry } from "prom-client";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { requireCredential } from "../../../../api/auth/credential.ts";
import { Logins } from "../../../../api/auth/logins.ts";
import { Tokens } from "../../../../api/auth/tokens.ts";
import { authenticator } from "../../../../api/mlbench/access.ts";
import type { WorkerObject } from "../../../../api/mlbench/pods/worker-object.ts";
import { reply } from "../../../../api/mlbench/reply.ts";
import type { MlbenchHandler } from "../../../../api/mlbench/route.ts";
import { parseNetworks } from "../../../../api/networks.ts";
import { type Answer, PASSWORD, send, TOKENS, user } from "../served.ts";
import { type ServedMlbench, serveMlbench } from "./served-mlbench.ts";

const access = suite("who may ask");

const whoIsIt: MlbenchHandler = (ctx, caller) => reply(ctx, 200, caller);
const REQUIRED = { status: "Unauthorized", message: "Credentials required" };

let served: ServedMlbench;
let token = "";
/** Whether requests of the test count as local. */
let network = parseNetworks(["loopback"]);
/** Whose word about the address of others is taken. */
let proxies = parseNetworks([]);
/** The worker that has the address of the test. */
let worker: Partial<WorkerObject> | undefined;

access.before(async () => {
  const ada = await user("ada");
  const users = new Map([["ada", ada]]);
  const find = (name: string) => users.get(name);
  const tokens = new Tokens(TOKENS, { find });
  token = tokens.issue(ada);
  const ask = authenticator({
    network: { has: (address) => network.has(address) },
    trustedProxies: { has: (address) => proxies.has(address) },
    workerAt: (address) => (address === "127.0.0.1" ? (worker as WorkerObject | undefined) : undefined),
    requireCredential: requireCredential(tokens, new Logins({ find }, new Registry())),
    isAdmin: (username) => username === "root",
  });
  served = await serveMlbench(
    [
      { path: "/metrics", methods: { GET: whoIsIt, POST: whoIsIt } },
      { path: "/runs", methods: { GET: whoIsIt, POST: whoIsIt } },
      { path: "/runs/:key", methods: { GET: whoIsIt, DELETE: whoIsIt } },
    ],
    { authenticate: ask },
  );
});
access.before.each(() => {
  network = parseNetworks(["loopback"]);
  proxies = parseNetworks([]);
  worker = undefined;
});
access.after(async () => {
  await served.listener.close(0);
});

const call = (method: string, path: string, headers: Record<string, string> = {}): Promise<Answer> =>
  send(served.port, method, path, { headers });
const basic = (password: string) => ({ authorization: `Basic ${Buffer.from(`ada:${password}`).toString("base64")}` });

access("M-14, §12 row 23: an address of the configured networks needs no credential", async () => {
  for (const [method, path] of [
    ["GET", "/api/runs"],
    ["POST", "/api/runs"],
    ["DELETE", "/api/runs/1"],
  ] as const) {
    const { status, json } = await call(method, path);
    assert.equal([status, json], [200, { kind: "local", admin: false }]);
  }
});

access("M-14: everybody else needs the credential of a user, and is told so", async () => {
  network = parseNetworks(["10.0.0.0/8"]);
  for (const [method, path] of [
    ["GET", "/api/runs"],
    ["GET", "/api/metrics.json"],
    ["HEAD", "/api/runs"],
    ["POST", "/api/runs"],
    ["DELETE", "/api/runs/1"],
  ] as const) {
    const { status, json, headers } = await call(method, path, { "x-forwarded-for": "10.0.0.1" });
    assert.is(status, 401, `${method} ${path}`);
    assert.is(headers["www-authenticate"], "Bearer");
    if (method !== "HEAD") assert.equal(json, REQUIRED);
  }
  for (const headers of [basic(PASSWORD), basic(token), { authorization: `Bearer ${token}` }]) {
    for (const method of ["GET", "POST"]) {
      const { status, json } = await call(method, "/api/runs", headers);
      assert.equal([status, json], [200, { kind: "user", username: "ada", admin: false }]);
    }
  }
});

access(
  "M-14: what is said of the caller's address counts from configured proxies only, and of several the last that is none",
  async () => {
    network = parseNetworks(["10.0.0.0/8"]);
    const from = (addresses: string): Promise<Answer> => call("POST", "/api/runs", { "x-forwarded-for": addresses });
    assert.is((await from("10.0.0.1")).status, 401, "the caller is no proxy");
    proxies = parseNetworks(["loopback", "192.0.2.7"]);
    assert.is((await from("10.0.0.1")).status, 200);
    assert.is((await from("10.0.0.1, 192.0.2.7")).status, 200);
    assert.is((await from("10.0.0.1, 203.0.113.9")).status, 401, "what the caller wrote himself");
    assert.is((await call("POST", "/api/runs")).status, 401, "a proxy that says nothing is not of the network");
    network = parseNetworks(["loopback"]);
    assert.is((await from("203.0.113.9")).status, 401, "a proxy of the network lends nobody its own address");
  },
);

access("M-14: a credential that is presented has to be good, from wherever", async () => {
  for (const headers of [
    basic("wrong"),
    { authorization: "Bearer None" },
    { authorization: `Bearer ${token}x` },
    { authorization: "rubbish" },
  ]) {
    const { status, json } = await call("GET", "/api/runs", headers);
    assert.equal([status, json], [401, REQUIRED]);
  }
});

access("M-14: a worker of a run reads everything and posts metrics, and nothing else", async () => {
  network = parseNetworks([]);
  worker = { run: 7, metadata: { name: "w-0", uid: "u-0", resourceVersion: "1" } };
  const known = { kind: "worker", podUid: "u-0", runId: 7, admin: false };
  assert.equal((await call("GET", "/api/runs/3")).json, known);
  assert.equal((await call("GET", "/api/metrics/")).json, known);
  assert.equal((await call("POST", "/api/metrics")).json, known);
  assert.equal((await call("POST", "/api/metrics/")).json, known);
  assert.is((await call("POST", "/api/runs")).status, 401);
  assert.is((await call("DELETE", "/api/runs/7")).status, 401);
  worker = { metadata: { name: "other", uid: "u-1", resourceVersion: "1" } };
  assert.is((await call("GET", "/api/runs")).status, 401);
});

access("M-14: pages of other sites may not change anything without credentials", async () => {
  const foreign = { origin: "https://evil.example.org" };
  for (const [method, path] of [
    ["POST", "/api/runs"],
    ["DELETE", "/api/runs/1"],
    ["POST", "/api/metrics/"],
  ] as const) {
    const { status, json } = await call(method, path, foreign);
    assert.is(status, 403);
    assert.is(json.status, "Forbidden");
    assert.is((await call(method, path, { origin: "null" })).status, 403);
    const own = `127.0.0.1:${served.port}`;
    assert.is((await call(method, path, { origin: `http://${own}`, host: own })).status, 200);
  }
  assert.is((await call("GET", "/api/runs", foreign)).status, 200);
  // A token is never sent by a browser of itself; a password may be.
  assert.is((await call("POST", "/api/runs", { ...foreign, authorization: `Bearer ${token}` })).status, 200);
  assert.is((await call("POST", "/api/runs", { ...foreign, ...basic(PASSWORD) })).status, 401);
});
access.run();
