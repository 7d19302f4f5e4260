import * as net from "node:net";
import { KubeConfig } from "@kubernetes/client-node";
import { Registry } from "prom-client";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { KubeClient } from "../../../kube/client.ts";
import type { Query } from "../../../kube/client-options.ts";
import { POD } from "../../../kube/core-resources.ts";
import { type ErrorCategory, isKubeError, type KubeError } from "../../../kube/errors.ts";
import { collectionPath, type KubeObject, objectPath } from "../../../kube/resource.ts";
import { until, within } from "../../support/deadline.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../../support/temporary-namespace.ts";
import type { Fault } from "./fault.ts";
import { FaultProxy } from "./fault-proxy.ts";
import { CONFIG_MAP, configMap, openHandles, recordingLogger, rejection, testClient } from "./test-client.ts";

type ConfigMap = KubeObject & { data?: Record<string, string> };

let namespace: TemporaryNamespace;
let proxy: FaultProxy;
let direct: KubeClient;
let client: KubeClient;

const collection = () => collectionPath(CONFIG_MAP, namespace.name);
const path = (name: string) => objectPath(CONFIG_MAP, namespace.name, name);

async function fails(promise: Promise<unknown>, ...categories: ErrorCategory[]): Promise<KubeError> {
  const error = await rejection(promise);
  if (!isKubeError(error)) throw error;
  assert.ok(categories.includes(error.category), `${error.category}: ${error.message}`);
  return error;
}

/** Does this to the first request that matches, and passes everything else on. */
function once(fault: Fault, matches = (_method: string) => true): void {
  let left = 1;
  proxy.decide = ({ method }) => (matches(method) && left-- > 0 ? fault : { kind: "forward" });
}

const requests = suite("requests");

requests.before(async () => {
  namespace = await temporaryNamespace("client");
  proxy = await FaultProxy.start();
  direct = testClient();
  client = testClient({ kubeConfig: proxy.kubeConfig() });
});

requests.before.each(() => {
  proxy.decide = () => ({ kind: "forward" });
  proxy.requests.length = 0;
});

requests("create, read, replace, the four patches, delete", async () => {
  const made = await direct.create<ConfigMap>(collection(), configMap("verbs", { a: "1" }));
  assert.equal((await direct.get<ConfigMap>(path("verbs"))).data, { a: "1" });
  const replaced = await direct.replace<ConfigMap>(path("verbs"), { ...made, data: { a: "2" } });
  assert.equal(replaced.data, { a: "2" });
  await fails(direct.replace(path("verbs"), { ...made, data: { a: "3" } }), "conflict");
  await direct.patch(path("verbs"), "merge", { data: { b: "1" } });
  await direct.patch(path("verbs"), "strategic", { data: { c: "1" } });
  await direct.patch(path("verbs"), "json", [{ op: "add", path: "/data/d", value: "1" }]);
  const manifest = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "verbs" }, data: { a: "9" } };
  await fails(direct.patch(path("verbs"), "apply", manifest, { fieldManager: "test" }), "conflict");
  const applied = await direct.patch<ConfigMap>(path("verbs"), "apply", manifest, {
    fieldManager: "test",
    force: true,
  });
  assert.equal(applied.data, { a: "9", b: "1", c: "1", d: "1" });
  await fails(direct.delete(path("verbs"), { uid: "another" }), "conflict");
  await fails(direct.delete(path("verbs"), { resourceVersion: "1" }), "conflict");
  await direct.delete(path("verbs"), { uid: made.metadata.uid, propagationPolicy: "Background" });
  await fails(direct.get(path("verbs")), "notFound");
});

requests("a name that is taken is alreadyExists, a JSON Patch test that fails is a conflict (F-10, F-11)", async () => {
  await direct.create(collection(), configMap("taken"));
  const error = await fails(direct.create(collection(), configMap("taken")), "alreadyExists");
  assert.match(error.message, /^POST \/api\/v1\/namespaces\/.*\/configmaps: .*already exists/);
  const test = [{ op: "test", path: "/metadata/resourceVersion", value: "1" }];
  await fails(direct.patch(path("taken"), "json", test), "conflict");
});

requests("an object that is too large is refused by the server as such, and sent only once (F-27)", async () => {
  const leases = `/apis/coordination.k8s.io/v1/namespaces/${namespace.name}/leases`;
  const lease = (bytes: number) => ({ metadata: { name: "large" }, spec: { holderIdentity: "x".repeat(bytes) } });
  for (const bytes of [1_700_000, 2_200_000, 3_200_000]) {
    const error = await fails(client.create(leases, lease(bytes)), "tooLarge");
    assert.is(error.code, bytes === 3_200_000 ? 413 : 500);
  }
  assert.is(proxy.matching(/leases/, "POST").length, 3);
});

requests("a namespace that is going away is notFound, as is one that is not there (F-29)", async () => {
  const doomed = `${namespace.name}-doomed`;
  await direct.create("/api/v1/namespaces", { metadata: { name: doomed } });
  const maps = collectionPath(CONFIG_MAP, doomed);
  const blocker = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "blocker", finalizers: ["test/wait"] } };
  await direct.create(maps, blocker);
  await direct.delete(`/api/v1/namespaces/${doomed}`);
  const error = await fails(direct.create(maps, configMap("late")), "notFound");
  assert.is(error.reason, "NamespaceTerminating");
  await direct.patch(`${maps}/blocker`, "merge", { metadata: { finalizers: [] } });
  await fails(direct.create(collectionPath(CONFIG_MAP, "does-not-exist"), configMap("x")), "notFound");
});

requests("an exhausted quota is told apart from missing rights (F-12)", async () => {
  await direct.create(`/api/v1/namespaces/${namespace.name}/resourcequotas`, {
    metadata: { name: "q" },
    spec: { hard: { "count/secrets": "0" } },
  });
  const secrets = `/api/v1/namespaces/${namespace.name}/secrets`;
  const quota = await until(() => rejection(direct.create(secrets, { metadata: { generateName: "s-" } })), 60_000, {
    describe: "the quota takes effect",
    accept: (error) => isKubeError(error, "quota"),
  });
  assert.match(String(quota), /exceeded quota/);
});

requests("pages carry kinds, and a whole list starts over when its token expires", async () => {
  await Promise.all(
    Array.from({ length: 12 }, (_, i) => direct.create(collection(), configMap(`page-${i}`, {}, { p: "1" }))),
  );
  let expired = 1;
  proxy.decide = ({ query }) =>
    query.get("continue") && expired-- > 0
      ? { kind: "answer", status: 410, body: '{"kind":"Status","code":410,"reason":"Expired"}' }
      : { kind: "forward" };
  const list = await client.listAll<ConfigMap>(collection(), { labelSelector: "p=1", limit: 5 });
  assert.is(list.items.length, 12);
  assert.ok(list.items.every(({ apiVersion, kind }) => apiVersion === "v1" && kind === "ConfigMap"));
  assert.is(proxy.requests.length, 2 + 3);
  const page = await client.listPage<ConfigMap>(collection(), { labelSelector: "p=1", limit: 5 });
  assert.is(page.items.length, 5);
  await fails(client.listPage(collection(), { limit: 5, continue: "rubbish" }), "invalid");
});

requests("the log of a pod that has no node is a stream without a byte", async () => {
  const pods = collectionPath(POD, namespace.name);
  const pod = { metadata: { name: "nowhere" }, spec: { containers: [{ name: "main", image: "i" }] } };
  await until(() => direct.create(pods, pod), 60_000, { describe: "the namespace takes pods" });
  const stream = await direct.stream(`${pods}/nowhere/log`);
  let bytes = 0;
  for await (const chunk of stream) bytes += (chunk as Buffer).length;
  assert.is(bytes, 0);
});

requests("more than 500 objects come in pages of 500", async () => {
  const names = Array.from({ length: 510 }, (_, i) => `many-${i}`);
  await Promise.all(names.map((name) => direct.create(collection(), configMap(name, {}, { many: "1" }))));
  const list = await client.listAll<ConfigMap>(collection(), { labelSelector: "many=1" });
  assert.is(new Set(list.items.map(({ metadata }) => metadata.name)).size, 510);
  assert.equal(
    proxy.requests.map(({ query }) => query.get("limit")),
    ["500", "500"],
  );
});

const faults = suite("faults");

faults.before.each(() => {
  proxy.decide = () => ({ kind: "forward" });
  proxy.requests.length = 0;
});

faults(
  "an answer lost after the write is transient, is not repeated, and the retry finds the object (F-17)",
  async () => {
    once({ kind: "dropAnswer" });
    const error = await fails(client.create(collection(), configMap("dropped")), "transient");
    assert.is(error.code, 0);
    assert.is(proxy.requests.length, 1);
    await fails(client.create(collection(), configMap("dropped")), "alreadyExists");
  },
);

faults("an answer that is cut off is an error and not half an object (F-4)", async () => {
  await direct.create(collection(), configMap("cut", { a: "x".repeat(5_000) }));
  for (const afterBytes of [1, 3_000]) {
    once({ kind: "cutBody", afterBytes });
    await fails(client.get(path("cut")), "transient");
  }
});

faults("no answer in time is a time-out, and the connection is given up", async () => {
  once({ kind: "hang" });
  const error = await fails(client.get(path("x"), { timeoutMs: 100 }), "transient");
  assert.is(error.reason, "Timeout");
  assert.match(error.message, /100 ms/);
  // What was given up may still be on its way to the proxy: it must not come in as a request of the next test.
  await client.get("/version");
});

faults("the caller's signal ends a request at once", async () => {
  once({ kind: "hang" });
  const abort = new AbortController();
  const promise = fails(client.get(path("x"), { signal: abort.signal }), "aborted");
  await until(() => proxy.requests.length === 1, 60_000, { describe: "the request under way" });
  abort.abort();
  await within(20_000, () => promise);
  await fails(client.get(path("x"), { signal: abort.signal }), "aborted");
  assert.is(proxy.requests.length, 1);
});

faults("Retry-After is told, and holds back the next request to that server (F-16)", async () => {
  const throttled = testClient({ kubeConfig: proxy.kubeConfig() });
  once({ kind: "answer", status: 429, headers: { "retry-after": "1" }, body: "{}" });
  const startedAt = performance.now();
  const error = await fails(throttled.get(path("x")), "throttled");
  assert.is(error.retryAfterMs, 1_000);
  await fails(throttled.get(path("x")), "notFound");
  assert.ok(performance.now() - startedAt >= 990);
  throttled.close();
});

faults("a Retry-After of one resource, whose storage is not ready, holds back nothing else", async () => {
  const using = testClient({ kubeConfig: proxy.kubeConfig() });
  const status = { kind: "Status", code: 429, reason: "TooManyRequests", message: "storage is (re)initializing" };
  once({ kind: "answer", status: 429, headers: { "retry-after": "300" }, body: JSON.stringify(status) });
  const error = await fails(using.get(path("x")), "throttled");
  assert.is(error.reason, "StorageNotReady");
  assert.is(error.retryAfterMs, 300_000, "whoever asked for that resource waits");
  await within(60_000, () => fails(using.get(path("y")), "notFound"));
  using.close();
});

faults("a proxy's error page and an answer that is no JSON are told in short", async () => {
  once({ kind: "answer", status: 502, body: `<html>${"x".repeat(10_000)}</html>` });
  const error = await fails(client.get(path("x")), "transient");
  assert.ok(error.message.length < 400);
  once({ kind: "answer", status: 200, body: "<html>login</html>" });
  await fails(client.get(path("x")), "transient");
  once({ kind: "answer", status: 200, body: "{}" });
  await fails(client.listPage(collection()), "other");
});

faults("a read on a kept connection that the server closed is repeated, a write is not", async () => {
  await client.get("/version");
  once({ kind: "refuse" });
  await client.get("/version");
  assert.is(proxy.requests.length, 3);
  proxy.requests.length = 0;
  once({ kind: "refuse" }, (method) => method === "POST");
  await fails(client.create(collection(), configMap("never")), "transient");
  assert.is(proxy.requests.length, 1);
});

faults("nobody listens", async () => {
  const gone = await FaultProxy.start();
  const lost = testClient({ kubeConfig: gone.kubeConfig() });
  await gone.stop();
  const error = await fails(lost.get("/version"), "transient");
  assert.is(error.reason, "ECONNREFUSED");
  lost.close();
});

const guard = suite("write guard and close");

guard("without the right to write only reads are sent (I-8)", async () => {
  let mayWrite = false;
  const guarded = testClient({ kubeConfig: proxy.kubeConfig(), canWrite: () => mayWrite });
  proxy.requests.length = 0;
  for (const write of [
    guarded.create(collection(), configMap("guarded")),
    guarded.delete(path("guarded")),
    guarded.patch(path("guarded"), "merge", {}),
    guarded.replace(path("guarded"), {}),
  ]) {
    assert.is((await fails(write, "other")).reason, "NotLeader");
  }
  assert.is(proxy.requests.length, 0);
  await guarded.listPage(collection(), { limit: 1 });
  mayWrite = true;
  await guarded.create(collection(), configMap("guarded"));
  guarded.close();
});

guard("the right is asked again after the wait for a slot", async () => {
  let mayWrite = true;
  const guarded = testClient({ kubeConfig: proxy.kubeConfig(), canWrite: () => mayWrite, maxSockets: 1 });
  proxy.requests.length = 0;
  once({ kind: "hang" });
  const abort = new AbortController();
  const first = fails(guarded.get("/version", { signal: abort.signal }), "aborted");
  const second = fails(guarded.create(collection(), configMap("too-late")), "other");
  await until(() => proxy.requests.length === 1, 60_000, { describe: "the first request" });
  mayWrite = false;
  abort.abort();
  await first;
  assert.is((await second).reason, "NotLeader");
  guarded.close();
});

guard(
  "the right is asked again when a new connection has taken its time, and of a guarded client's own guard (F-33)",
  async () => {
    const config = new KubeConfig();
    config.loadFromDefault();
    const cluster = config.getCurrentCluster();
    const { hostname, port } = new URL(cluster?.server ?? "");
    let accept: () => void = () => undefined;
    const accepted = new Promise<void>((resolve) => {
      accept = resolve;
    });
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    // Takes connections at once and lets the handshake wait.
    const slow = net.createServer((fromClient) => {
      accept();
      fromClient.on("error", () => undefined);
      void released.then(() => {
        const toServer = net.connect(Number(port), hostname);
        toServer.on("error", () => fromClient.destroy());
        fromClient.pipe(toServer).pipe(fromClient);
      });
    });
    await new Promise<void>((resolve) => slow.listen(0, "127.0.0.1", resolve));
    const user = config.getCurrentUser();
    if (cluster === null || user === null) throw new Error("the kubeconfig of the tests is not complete");
    const server = `https://127.0.0.1:${(slow.address() as net.AddressInfo).port}`;
    const delayed = new KubeConfig();
    delayed.loadFromClusterAndUser({ ...cluster, server }, user);
    let mayWrite = true;
    const base = testClient({ kubeConfig: delayed, canWrite: () => true });
    const guarded = base.guarded(() => mayWrite);
    try {
      const write = fails(guarded.create(collection(), configMap("after-handshake")), "other");
      await within(20_000, () => accepted);
      mayWrite = false;
      release();
      assert.is((await write).reason, "NotLeader");
      await fails(direct.get(path("after-handshake")), "notFound");
      mayWrite = true;
      await guarded.create(collection(), configMap("after-handshake"));
      await direct.get(path("after-handshake"));
    } finally {
      base.close();
      slow.close();
    }
  },
);

guard("close ends what is under way, refuses what comes later and leaves no handle", async () => {
  const before = openHandles().length;
  const closing = testClient({ kubeConfig: proxy.kubeConfig() });
  proxy.decide = ({ url }) => (url.includes("hang") ? { kind: "hang" } : { kind: "forward" });
  await closing.get("/version");
  const pending = fails(closing.get("/version?hang"), "aborted");
  const stream = await closing.stream(collection(), { query: { watch: true } });
  const streamEnd = new Promise((resolve) => stream.once("close", resolve));
  stream.on("error", () => undefined);
  closing.close();
  closing.close();
  await within(20_000, () => pending);
  await within(20_000, () => streamEnd);
  await fails(closing.get("/version"), "aborted");
  await until(() => openHandles().length <= before, 60_000, { describe: "no handle is left" });
});

const streams = suite("streams (F-42)");

streams("a stream ends where the server ends it", async () => {
  proxy.decide = () => ({ kind: "forward" });
  const sizeOf = async (query: Query): Promise<number> => {
    let bytes = 0;
    for await (const chunk of await client.stream(collection(), { query })) bytes += (chunk as Buffer).length;
    return bytes;
  };
  assert.ok((await sizeOf({ limit: 1 })) > 0);
  // A second may be too short for the server to send anything, so it is the end alone that is waited for here.
  await within(60_000, () => sizeOf({ watch: true, timeoutSeconds: 1 }));
});

streams("a stream errs when the connection breaks, and when its signal aborts", async () => {
  const read = async (stream: NodeJS.ReadableStream) => {
    for await (const _ of stream);
  };
  const cut = await client.stream(collection(), { query: { watch: true } });
  const broken = fails(read(cut), "transient");
  await until(() => proxy.watches > 0, 60_000, { describe: "the stream is open" });
  proxy.cutWatches();
  await within(20_000, () => broken);
  const abort = new AbortController();
  const aborted = await client.stream(collection(), { query: { watch: true }, signal: abort.signal });
  const ended = fails(read(aborted), "aborted");
  abort.abort();
  await within(20_000, () => ended);
  await until(() => proxy.watches === 0, 60_000, { describe: "both connections are closed" });
});

streams("F-42: a reader that stops reading stops the server, and a refusal keeps its words", async () => {
  const stream = await client.stream(collection(), { query: { watch: true } });
  await until(() => stream.readableLength > 0, 60_000, { describe: "data" });
  stream.destroy();
  await until(() => proxy.watches === 0, 60_000, { describe: "the connection is closed" });
  const missing = objectPath({ ...CONFIG_MAP, plural: "pods", kind: "Pod" }, namespace.name, "no-such", "log");
  const error = await fails(client.stream(missing), "notFound");
  assert.match(error.message, /no-such/);
});

const metrics = suite("metrics and secrets");

metrics("requests are counted by verb, resource and code, without names", async () => {
  const registry = new Registry();
  const counted = testClient({ kubeConfig: proxy.kubeConfig(), registry });
  proxy.decide = () => ({ kind: "forward" });
  await counted.create(collection(), configMap("counted-secret-name"));
  await fails(counted.get(path("counted-secret-name-2")), "notFound");
  await counted.listPage(collection(), { limit: 1 });
  const text = await registry.metrics();
  assert.match(text, /odin_api_requests_total\{verb="create",resource="configmaps",code="201"\} 1/);
  assert.match(text, /odin_api_requests_total\{verb="get",resource="configmaps",code="404"\} 1/);
  assert.match(text, /odin_api_requests_total\{verb="list",resource="configmaps",code="200"\} 1/);
  assert.match(text, /odin_k8s_requests_in_flight\{lane="create"\} 0/);
  assert.match(text, /odin_k8s_sockets [1-9]/);
  assert.not.match(text, /counted-secret-name|odin-client/);
  counted.close();
});

metrics("a token shows neither in errors nor in the log (401, F-13)", async () => {
  const { logger, text } = recordingLogger();
  const refused = testClient({ kubeConfig: proxy.kubeConfig({ token: "s3cr3t-token" }), logger });
  const error = await fails(refused.get(path("x")), "unauthorized");
  const shown = JSON.stringify([error.message, error.stack, error.statusDetails, String(error.cause), text()]);
  assert.not.match(shown, /s3cr3t/);
  refused.close();
});

metrics.after(async () => {
  client.close();
  direct.close();
  await proxy.stop();
  await namespace.remove();
});

requests.run();
faults.run();
guard.run();
streams.run();
metrics.run();
