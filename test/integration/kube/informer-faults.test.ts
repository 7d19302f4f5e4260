import { Registry } from "prom-client";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { KubeClient } from "../../../kube/client.ts";
import { Informer, type InformerTimings } from "../../../kube/informer.ts";
import { collectionPath, type KubeObject, type ObjectMeta, objectPath } from "../../../kube/resource.ts";
import { until, within } from "../../support/deadline.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../../support/temporary-namespace.ts";
import { FaultProxy } from "./fault-proxy.ts";
import { CONFIG_MAP, configMap, openHandles, recordingLogger, rejection, testClient } from "./test-client.ts";

interface Item {
  metadata: ObjectMeta;
  data: Record<string, string>;
}

const QUICK: Partial<InformerTimings> = {
  backoff: { baseMs: 20, capMs: 100 },
  livedMs: 0,
  missingRetryMs: 50,
};

let namespace: TemporaryNamespace;
let proxy: FaultProxy;
let direct: KubeClient;
let client: KubeClient;
const informers = new Set<Informer<Item>>();

/** An informer over the proxy that keeps what it announced, for the ConfigMaps labelled for this test. */
function watcher(label: string, timings: Partial<InformerTimings> = {}, registry?: Registry) {
  const log: string[] = [];
  const { logger, lines, text } = recordingLogger();
  const informer = new Informer<Item>({
    client,
    resource: CONFIG_MAP,
    namespace: namespace.name,
    labelSelector: `test=${label}`,
    project: (raw) => ({
      metadata: raw.metadata,
      data: (raw as KubeObject & { data?: Record<string, string> }).data ?? {},
    }),
    logger,
    timings: { ...QUICK, ...timings },
    ...(registry ? { registry } : {}),
  });
  informers.add(informer);
  informer.onChange(({ type, object }) => log.push(`${type} ${object.metadata.name} ${object.data.v ?? ""}`.trim()));
  const lists = () => lines.filter(({ msg }) => msg === "the collection was listed").map(({ fields }) => fields.reason);
  return { informer, log, lines, text, lists };
}

const collection = () => collectionPath(CONFIG_MAP, namespace.name);
const path = (name: string) => objectPath(CONFIG_MAP, namespace.name, name);
const make = (label: string, name: string, v = "1") =>
  direct.create<KubeObject>(collection(), configMap(name, { v }, { test: label }));
const change = (name: string, v: string) => direct.patch<KubeObject>(path(name), "merge", { data: { v } });
const remove = (name: string) => direct.delete(path(name));
const seen = (log: string[], line: string) =>
  until(() => log.includes(line), 60_000, { describe: `${line} in ${log}` });
const watching = (atLeast = 1) => until(() => proxy.watches >= atLeast, 60_000, { describe: "an open watch" });

const faults = suite("informer under faults");

faults.before(async () => {
  namespace = await temporaryNamespace("informer");
  proxy = await FaultProxy.start();
  direct = testClient();
  client = testClient({ kubeConfig: proxy.kubeConfig() });
});

faults.after(async () => {
  client.close();
  direct.close();
  await proxy.stop();
  await namespace.remove();
});

faults.before.each(async () => {
  for (const informer of informers) await informer.stop();
  informers.clear();
  // The proxy hears of that a moment later: a watch of the test before is not to be taken for one of the next.
  await until(() => proxy.watches === 0, 60_000, { describe: "no watch is open any more" });
  proxy.decide = () => ({ kind: "forward" });
  proxy.requests.length = 0;
});

faults(
  "a cut watch resumes from the last event: nothing is lost, nothing comes twice, nothing is listed (F-1)",
  async () => {
    const { informer, log, lists } = watcher("cut");
    await make("cut", "cut-a");
    informer.start();
    await within(60_000, () => informer.synced);
    await watching();
    await make("cut", "cut-b");
    await seen(log, "added cut-b 1");
    for (let round = 0; round < 3; round++) {
      proxy.cutWatches();
      await change("cut-a", `r${round}`);
      await make("cut", `cut-x${round}`);
      await seen(log, `added cut-x${round} 1`);
      await watching();
    }
    await remove("cut-b");
    await seen(log, "deleted cut-b 1");
    await informer.stop();
    assert.equal(lists(), ["start"]);
    assert.equal(log, [
      "added cut-a 1",
      "added cut-b 1",
      ...["r0", "r1", "r2"].flatMap((v, round) => [`modified cut-a ${v}`, `added cut-x${round} 1`]),
      "deleted cut-b 1",
    ]);
  },
);

faults("a line cut in the middle of a character is no event and no end (F-4)", async () => {
  const { informer, log, lists } = watcher("half");
  informer.start();
  await within(60_000, () => informer.synced);
  await watching();
  proxy.cutWatches(Buffer.from('{"type":"ADDED","object":{"metadata":{"name":"é').subarray(0, -1));
  await make("half", "half-a", "ü€😀");
  await seen(log, "added half-a ü€😀");
  await watching();
  proxy.endWatches('{"type":"MODIFIED","object":{"meta');
  await change("half-a", "2");
  await seen(log, "modified half-a 2");
  await informer.stop();
  assert.equal(lists(), ["start"]);
});

faults("a half-open connection is noticed by its silence (F-3)", async () => {
  const { informer, log, lists } = watcher("stall", { idleTimeoutMs: 700 });
  informer.start();
  await within(60_000, () => informer.synced);
  await watching();
  proxy.stallWatches();
  await make("stall", "stall-a");
  await seen(log, "added stall-a 1");
  await informer.stop();
  assert.equal(lists(), ["start"]);
});

faults("a watch whose answer never begins is given up", async () => {
  const { informer, log } = watcher("hang", { openTimeoutMs: 300 });
  let hangs = 1;
  proxy.decide = ({ query }) => (query.get("watch") && hangs-- > 0 ? { kind: "hang" } : { kind: "forward" });
  informer.start();
  await within(60_000, () => informer.synced);
  await make("hang", "hang-a");
  await seen(log, "added hang-a 1");
  await informer.stop();
});

const GONE = { kind: "Status", apiVersion: "v1", status: "Failure", code: 410, reason: "Expired", message: "too old" };

for (const form of ["as an HTTP answer", "inside the stream"]) {
  const label = form.includes("HTTP") ? "gone-http" : "gone-stream";
  faults(`410 ${form} lists anew and announces the deletions that were missed, and only changes (F-2)`, async () => {
    const registry = new Registry();
    const { informer, log, lists } = watcher(label, {}, registry);
    for (const name of ["a", "b", "c"]) await make(label, `${label}-${name}`);
    informer.start();
    await within(60_000, () => informer.synced);
    await watching();
    log.length = 0;
    let expired = false;
    proxy.decide = ({ query }) => {
      if (!query.get("watch") || !expired) return { kind: "forward" };
      expired = false;
      if (label === "gone-http") return { kind: "answer", status: 410, body: JSON.stringify(GONE) };
      return { kind: "lines", lines: [JSON.stringify({ type: "ERROR", object: GONE })], end: true };
    };
    proxy.stallWatches();
    await remove(`${label}-a`);
    const old = await direct.get<KubeObject>(path(`${label}-b`));
    await remove(`${label}-b`);
    await make(label, `${label}-b`, "new");
    await make(label, `${label}-d`);
    expired = true;
    proxy.cutWatches();
    await seen(log, `added ${label}-d 1`);
    await until(() => log.length >= 4, 60_000, { describe: "all changes" });
    await watching();
    await informer.stop();
    assert.equal([...log].sort(), [
      `added ${label}-b new`,
      `added ${label}-d 1`,
      `deleted ${label}-a 1`,
      `deleted ${label}-b 1`,
    ]);
    assert.ok(log.indexOf(`deleted ${label}-b 1`) < log.indexOf(`added ${label}-b new`));
    assert.is.not(informer.get(`${namespace.name}/${label}-b`)?.metadata.uid, old.metadata.uid);
    assert.equal(lists(), ["start", "expired"]);
    assert.match(await registry.metrics(), /odin_informer_gaps_total\{resource="configmaps"\} 1/);
  });
}

for (const [status, reason] of [
  [400, "refused"],
  [404, "notServed"],
] as const) {
  faults(`${status} on the watch lists anew`, async () => {
    const label = `http-${status}`;
    const { informer, lists } = watcher(label);
    let answers = 1;
    proxy.decide = ({ query }) =>
      query.get("watch") && answers-- > 0 ? { kind: "answer", status, body: "{}" } : { kind: "forward" };
    informer.start();
    await until(() => lists().length === 2, 60_000, { describe: "a second list" });
    await watching();
    await informer.stop();
    assert.equal(lists(), ["start", reason]);
  });
}

faults("errors of the server are survived with growing pauses, then a new list is made (F-17)", async () => {
  const { informer, log, lists } = watcher("errors", { failuresBeforeRelist: 4, livedMs: 60_000 });
  informer.start();
  await within(60_000, () => informer.synced);
  await watching();
  const answers: string[] = [];
  const error500 = JSON.stringify({ type: "ERROR", object: { kind: "Status", code: 500, message: "etcd" } });
  proxy.decide = ({ query }) => {
    if (!query.get("watch") || answers.length >= 6) return { kind: "forward" };
    answers.push("x");
    if (answers.length === 1) return { kind: "answer", status: 503, body: "<html>busy</html>" };
    if (answers.length === 2) return { kind: "refuse" };
    return { kind: "lines", lines: answers.length % 2 ? [error500] : ["rubbish"], end: false };
  };
  proxy.cutWatches();
  await until(() => lists().length >= 2, 60_000, { describe: "a relist" });
  await make("errors", "errors-a");
  await seen(log, "added errors-a 1");
  await informer.stop();
  assert.equal(lists()[1], "failures");
});

faults(
  "F-3: a watch that the server closes early, as it does in a burst, is opened again at once if it got anywhere",
  async () => {
    const pause = { baseMs: 60_000, capMs: 60_000 };
    const { informer, log, lists } = watcher("burst", { livedMs: 60_000, backoff: pause });
    const events: string[] = [];
    const createThem = async (): Promise<void> => {
      for (let i = 0; i < 5; i++)
        events.push(JSON.stringify({ type: "ADDED", object: await make("burst", `burst-${i}`, `${i}`) }));
    };
    proxy.decide = ({ query }) => {
      if (!query.get("watch")) return { kind: "beforeAnswer", act: createThem };
      const event = events.shift();
      return event === undefined ? { kind: "forward" } : { kind: "lines", lines: [event], end: true };
    };
    informer.start();
    await watching();
    await change("burst-0", "last");
    await seen(log, "modified burst-0 last");
    await informer.stop();
    assert.equal(lists(), ["start"]);
    assert.equal(
      log.slice(0, 5),
      ["0", "1", "2", "3", "4"].map((i) => `added burst-${i} ${i}`),
    );
  },
);

faults("a server that closes every watch at once is not hammered", async () => {
  const { informer } = watcher("closing", { livedMs: 60_000, backoff: { baseMs: 100, capMs: 400 } });
  proxy.decide = ({ query }) => (query.get("watch") ? { kind: "lines", lines: [], end: true } : { kind: "forward" });
  informer.start();
  await within(60_000, () => informer.synced);
  const startedAt = performance.now();
  const watches = () => proxy.matching(/watch=true/).length;
  await until(() => watches() >= 5, 60_000, { describe: "five tries" });
  await informer.stop();
  const elapsed = performance.now() - startedAt;
  assert.ok(elapsed > 300, `five watches within ${elapsed} ms`);
});

faults("Retry-After of the list is obeyed (F-16)", async () => {
  const { informer } = watcher("throttled");
  let answers = 1;
  const times: number[] = [];
  proxy.decide = () => {
    times.push(performance.now());
    return answers-- > 0
      ? { kind: "answer", status: 429, headers: { "retry-after": "1" }, body: "{}" }
      : { kind: "forward" };
  };
  informer.start();
  await within(60_000, () => informer.synced);
  await informer.stop();
  assert.ok((times[1] ?? 0) - (times[0] ?? 0) >= 990, `${times}`);
});

faults("stale and repeated events put into the stream change nothing (F-8)", async () => {
  const { informer, log } = watcher("stale");
  const created = await make("stale", "stale-a");
  informer.start();
  await within(60_000, () => informer.synced);
  await watching();
  const changed = await change("stale-a", "2");
  await seen(log, "modified stale-a 2");
  const inject = (type: string, object: unknown) => proxy.inject(JSON.stringify({ type, object }));
  inject("ADDED", created);
  inject("MODIFIED", changed);
  inject("MODIFIED", created);
  await change("stale-a", "3");
  await seen(log, "modified stale-a 3");
  await remove("stale-a");
  await seen(log, "deleted stale-a 3");
  inject("MODIFIED", changed);
  await make("stale", "stale-b");
  await seen(log, "added stale-b 1");
  await informer.stop();
  assert.equal(log, [
    "added stale-a 1",
    "modified stale-a 2",
    "modified stale-a 3",
    "deleted stale-a 3",
    "added stale-b 1",
  ]);
  assert.is(informer.size, 1);
});

faults("own writes show at once while the watch is delayed, and its echo is no change (F-9)", async () => {
  const { informer, log } = watcher("overlay", { idleTimeoutMs: 600 });
  informer.start();
  await within(60_000, () => informer.synced);
  await watching();
  proxy.stallWatches();
  informer.noteWritten(await make("overlay", "overlay-a"));
  assert.equal(log, ["added overlay-a 1"]);
  assert.ok(informer.get(`${namespace.name}/overlay-a`));
  const gone = await make("overlay", "overlay-b");
  informer.noteWritten(gone);
  await remove("overlay-b");
  informer.noteDeleted(gone.metadata.uid);
  await make("overlay", "overlay-c");
  await seen(log, "added overlay-c 1");
  informer.noteWritten(gone);
  await informer.stop();
  assert.equal(log, ["added overlay-a 1", "added overlay-b 1", "deleted overlay-b 1", "added overlay-c 1"]);
});

faults("a deletion seen before the answer of our own create wins (F-9)", async () => {
  const { informer, log } = watcher("late");
  informer.start();
  await within(60_000, () => informer.synced);
  await watching();
  const late = await make("late", "late-a");
  await remove("late-a");
  await seen(log, "deleted late-a 1");
  informer.noteWritten(late);
  await informer.stop();
  assert.is(informer.size, 0);
  assert.equal(log, ["added late-a 1", "deleted late-a 1"]);
});

faults("bookmarks move the place to resume from", async () => {
  // The server sends a bookmark in the last two seconds of a watch, unless it is too busy: then in those of a later one.
  const { informer } = watcher("bookmarks", { watchSeconds: [4, 4] });
  informer.start();
  await within(60_000, () => informer.synced);
  await watching();
  await direct.create(collection(), configMap("not-ours"));
  const versions = () => proxy.matching(/watch=true/).map(({ query }) => Number(query.get("resourceVersion")));
  await until(versions, 120_000, {
    describe: "a watch from a later place",
    accept: ([first = 0, ...later]) => later.some((version) => version > first),
  });
  await informer.stop();
  assert.is(proxy.matching(/limit=/).length, 1, "one list");
});

faults("a handler and a projection that throw are logged and counted, and the others still run (F-38)", async () => {
  const registry = new Registry();
  const { informer, log, text } = watcher("throw", {}, registry);
  informer.onChange(() => {
    throw new Error("first handler");
  });
  informer.onChange(async () => {
    throw new Error("second handler");
  });
  const after: string[] = [];
  informer.onChange(({ key }) => after.push(key));
  informer.start();
  await within(60_000, () => informer.synced);
  await make("throw", "throw-a");
  await seen(log, "added throw-a 1");
  assert.equal(after, [`${namespace.name}/throw-a`]);
  await until(() => text().includes("second handler"), 60_000, { describe: "the rejection in the log" });
  assert.ok(text().includes("first handler"));
  assert.match(await registry.metrics(), /odin_informer_handler_errors_total\{resource="configmaps"\} 2/);
  await informer.stop();
});

faults("pages of a large collection are read, and an expired continue token starts over", async () => {
  const { informer, lists } = watcher("paged", { pageSize: 10 });
  await Promise.all(Array.from({ length: 35 }, (_, i) => make("paged", `paged-${i}`)));
  let expired = 1;
  proxy.decide = ({ query }) =>
    query.get("continue") && expired-- > 0
      ? { kind: "answer", status: 410, body: JSON.stringify(GONE) }
      : { kind: "forward" };
  informer.start();
  await within(60_000, () => informer.synced);
  await informer.stop();
  assert.is(informer.size, 35);
  assert.equal(lists(), ["start"]);
  assert.is(proxy.matching(/limit=10/).length, 2 + 4);
});

faults("stop before the first list rejects synced, at once", async () => {
  const { informer } = watcher("stopped");
  proxy.decide = () => ({ kind: "hang" });
  informer.start();
  await until(() => proxy.requests.length === 1, 60_000, { describe: "the list under way" });
  await within(20_000, () => informer.stop());
  assert.match(String(await rejection(informer.synced)), /stopped/);
  informer.start();
  assert.is(proxy.requests.length, 1, "it does not start again");
});

faults("stop leaves no timer and no socket, from a watch and from a pause", async () => {
  const before = openHandles().length;
  const { informer } = watcher("handles");
  informer.start();
  await within(60_000, () => informer.synced);
  await watching();
  await within(20_000, () => informer.stop());
  await until(() => proxy.watches === 0, 60_000, { describe: "the watch's connection is closed" });
  const failing = watcher("handles", { backoff: { baseMs: 60_000, capMs: 60_000 } });
  proxy.decide = () => ({ kind: "answer", status: 500 });
  failing.informer.start();
  await until(() => failing.text().includes("the list failed"), 60_000, { describe: "the pause" });
  await within(20_000, () => failing.informer.stop());
  await until(() => openHandles().length <= before, 60_000, { describe: "handles as before" });
});

faults.run();
