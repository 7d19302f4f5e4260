import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { KubeClient } from "../../../kube/client.ts";
import { type Moment, systemClock } from "../../../kube/elapsed-clock.ts";
import { Informer } from "../../../kube/informer.ts";
import { LEASE, LeaderElection, type LeaderElectionOptions } from "../../../kube/lease.ts";
import type { Lease } from "../../../kube/lease-record.ts";
import { silentLogger } from "../../../kube/logger.ts";
import { collectionPath, type KubeObject, objectPath } from "../../../kube/resource.ts";
import { until, within } from "../../support/deadline.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../../support/temporary-namespace.ts";
import { FaultProxy } from "./fault-proxy.ts";
import { CONFIG_MAP, configMap, openHandles, recordingLogger, testClient } from "./test-client.ts";

const TIMES = { leaseDurationMs: 2_000, renewDeadlineMs: 1_200, retryPeriodMs: 200 };

let namespace: TemporaryNamespace;
let proxy: FaultProxy;
let direct: KubeClient;
let proxied: KubeClient;
const running = new Set<() => Promise<void>>();

/** Starts a candidate and keeps what it says and logs. */
function candidate(name: string, identity: string, options: Partial<LeaderElectionOptions> = {}) {
  const events: string[] = [];
  const { logger, text } = recordingLogger();
  const abort = new AbortController();
  const election = new LeaderElection({
    client: direct,
    namespace: namespace.name,
    name,
    identity,
    ...TIMES,
    logger,
    onStarted: () => events.push("started"),
    onStopped: () => events.push("stopped"),
    ...options,
  });
  const run = election.run(abort.signal);
  const stop = async () => {
    abort.abort();
    await run;
    running.delete(stop);
  };
  running.add(stop);
  return { election, events, text, stop };
}

const path = (name: string) => objectPath(LEASE, namespace.name, name);
const record = (name: string) => direct.get<Lease>(path(name));
const leads = ({ election }: { election: LeaderElection }, ms = 8_000) =>
  until(() => election.isLeader(), ms, { describe: "leadership", everyMs: 5 });

/** Watches closely that never two of them lead at once. */
function neverBoth(...elections: LeaderElection[]): () => void {
  let both = 0;
  const timer = setInterval(() => {
    if (elections.filter((election) => election.isLeader()).length > 1) both++;
  }, 1);
  return () => {
    clearInterval(timer);
    assert.is(both, 0, "two led at the same time");
  };
}

const leases = suite("leader election");

leases.before(async () => {
  namespace = await temporaryNamespace("lease");
  proxy = await FaultProxy.start();
  direct = testClient();
  proxied = testClient({ kubeConfig: proxy.kubeConfig() });
});

leases.before.each(() => {
  proxy.decide = () => ({ kind: "forward" });
  proxy.requests.length = 0;
});

leases.after.each(async () => {
  for (const stop of [...running]) await stop();
});

leases.after(async () => {
  direct.close();
  proxied.close();
  await proxy.stop();
  await namespace.remove();
});

leases("of two candidates one leads, and the other follows at once when it gives the lease up (F-41)", async () => {
  const long = { leaseDurationMs: 600_000 };
  const a = candidate("two", "a", long);
  await leads(a);
  const b = candidate("two", "b", long);
  const check = neverBoth(a.election, b.election);
  const held = await record("two");
  assert.is(held.spec?.holderIdentity, "a");
  assert.match(held.spec?.renewTime ?? "", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  await until(async () => (await record("two")).spec?.renewTime !== held.spec?.renewTime, 5_000, {
    describe: "renewal",
  });
  assert.not(b.election.isLeader());
  await a.stop();
  await leads(b);
  check();
  assert.equal(a.events, ["started", "stopped"]);
  const taken = await record("two");
  assert.equal([taken.spec?.holderIdentity, taken.spec?.leaseTransitions], ["b", 1]);
});

leases("a holder that is cut off stops acting before another one may begin (F-33, F-34)", async () => {
  const a = candidate("cut", "a", { client: proxied });
  await leads(a);
  const b = candidate("cut", "b");
  const check = neverBoth(a.election, b.election);
  proxy.decide = () => ({ kind: "hang" });
  await until(() => a.events.includes("stopped"), 20_000, { describe: "a gives up by its own clock", everyMs: 5 });
  assert.not(b.election.isLeader(), "there is a margin between the two");
  await leads(b);
  proxy.decide = () => ({ kind: "forward" });
  await until(() => proxy.matching(/leases\/cut/, "GET").length > 0, 20_000, { describe: "a asks again" });
  assert.not(a.election.isLeader());
  check();
  assert.match(a.text(), /was not renewed within 1200 ms/);
});

leases("isLeader is false in the very moment after a pause or a sleep of the machine (F-33)", async () => {
  let skipped: Moment = { monotonicMs: 0, wallMs: 0 };
  const clock = () => {
    const { monotonicMs, wallMs } = systemClock();
    return { monotonicMs: monotonicMs + skipped.monotonicMs, wallMs: wallMs + skipped.wallMs };
  };
  for (const skip of [
    { monotonicMs: 30_000, wallMs: 30_000 },
    { monotonicMs: 0, wallMs: 30_000 },
  ]) {
    const a = candidate(`pause-${skip.monotonicMs}`, "a", { clock });
    await leads(a);
    skipped = { monotonicMs: skipped.monotonicMs + skip.monotonicMs, wallMs: skipped.wallMs + skip.wallMs };
    assert.not(a.election.isLeader());
    await a.stop();
  }
});

leases("a wall clock that is set back does not make a holder lead longer (F-25)", async () => {
  let wallOffset = 0;
  const clock = () => ({ ...systemClock(), wallMs: Date.now() + wallOffset });
  const a = candidate("back", "a", { clock, client: proxied });
  await leads(a);
  proxy.decide = () => ({ kind: "refuse" });
  wallOffset = -3_600_000;
  await until(() => !a.election.isLeader(), 10_000, { describe: "the deadline", everyMs: 5 });
});

leases("a process that was stopped writes nothing after it goes on (F-33, I-8)", async () => {
  const maps = collectionPath(CONFIG_MAP, namespace.name);
  await direct.create(maps, configMap("written"));
  const writers: string[] = [];
  const informer = new Informer({
    client: direct,
    resource: CONFIG_MAP,
    namespace: namespace.name,
    fieldSelector: "metadata.name=written",
    project: (raw) => ({ metadata: raw.metadata, writer: (raw as { data?: { writer?: string } }).data?.writer ?? "" }),
    logger: silentLogger,
  });
  informer.onChange(({ object }) => {
    if (writers.at(-1) !== object.writer) writers.push(object.writer);
  });
  informer.start();
  await informer.synced;
  const map = `${maps}/written`;
  const child = spawnCandidate("stopped", "child", map);
  try {
    await until(() => child.lines.includes("started"), 20_000, { describe: "the child leads" });
    child.write(1);
    await until(() => child.lines.includes("wrote"), 20_000, { describe: "the child writes" });
    const b = candidate("stopped", "parent");
    // No write is under way now: one that was sent before the stop may land whenever the server gets to it.
    child.process.kill("SIGSTOP");
    await leads(b);
    await direct.patch(map, "merge", { data: { writer: "parent" } });
    child.lines.length = 0;
    // Already there when it goes on, so that they are tried in the very first moment.
    child.write(20);
    child.process.kill("SIGCONT");
    await until(() => child.lines.includes("stopped"), 20_000, { describe: "the child notices" });
    await until(() => child.lines.filter((line) => line === "refused NotLeader").length === 20, 20_000, {
      describe: "the child's writes are refused",
    });
    await until(() => writers.at(-1) === "parent", 20_000, { describe: "the parent's write" });
    assert.equal(writers, ["", "child", "parent"]);
  } finally {
    child.process.kill("SIGKILL");
    await informer.stop();
  }
});

interface SpawnedCandidate {
  process: ChildProcess;
  lines: string[];
  /** Tells it to try that many writes. */
  write(times: number): void;
}

function spawnCandidate(lease: string, identity: string, map: string): SpawnedCandidate {
  const script = join(import.meta.dirname, "lease-candidate.js");
  const child = spawn(process.execPath, [script, namespace.name, lease, identity, map], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => lines.push(line));
  return { process: child, lines, write: (times) => child.stdin.write("write\n".repeat(times)) };
}

leases("a restart under the same identity takes its lease over at once", async () => {
  const now = new Date().toISOString().replace("Z", "000Z");
  await direct.create(collectionPath(LEASE, namespace.name), {
    metadata: { name: "same" },
    spec: { holderIdentity: "a", leaseDurationSeconds: 3_600, acquireTime: now, renewTime: now, leaseTransitions: 4 },
  });
  const a = candidate("same", "a");
  await leads(a, 20_000);
  assert.is((await record("same")).spec?.leaseTransitions, 4, "the holder did not change");
});

leases("two processes with one identity do not fight: the one that was replaced stays a follower", async () => {
  const first = candidate("twins", "a");
  await leads(first);
  const second = candidate("twins", "a");
  await leads(second, 20_000);
  await until(() => first.events.includes("stopped"), 20_000, { describe: "the first gives up" });
  const { renewTime } = (await record("twins")).spec ?? {};
  await until(async () => (await record("twins")).spec?.renewTime !== renewTime, 20_000, { describe: "a renewal" });
  assert.ok(second.election.isLeader() && !first.election.isLeader());
  assert.equal([first.events, second.events], [["started", "stopped"], ["started"]]);
});

leases("a lease that is deleted makes its holder a follower, and one is elected anew (F-35)", async () => {
  const a = candidate("deleted", "a");
  await leads(a);
  const b = candidate("deleted", "b", { client: proxied });
  const check = neverBoth(a.election, b.election);
  await until(() => proxy.matching(/leases\/deleted/).length >= 2, 20_000, { describe: "b has seen the holder" });
  await direct.delete(path("deleted"));
  await until(() => a.events.includes("stopped"), 20_000, { describe: "a notices" });
  assert.match(a.text(), /the lease object was deleted/);
  await until(() => a.election.isLeader() || b.election.isLeader(), 30_000, { describe: "a new leader" });
  check();
});

leases("a holder without rights gives up at its deadline, says why, and comes back with them (F-35)", async () => {
  let forbidden = false;
  const body = JSON.stringify({ kind: "Status", code: 403, reason: "Forbidden", message: "no leases for you" });
  proxy.decide = () => (forbidden ? { kind: "answer", status: 403, body } : { kind: "forward" });
  const a = candidate("rights", "a", { client: proxied });
  await leads(a);
  forbidden = true;
  await until(() => a.events.includes("stopped"), 20_000, { describe: "a gives up" });
  assert.match(a.text(), /no leases for you/);
  forbidden = false;
  await leads(a);
  assert.equal(a.events, ["started", "stopped", "started"]);
});

leases("a renewal whose answer is lost is recognised as our own (F-17)", async () => {
  const a = candidate("lost", "a", { client: proxied });
  await leads(a);
  let drops = 1;
  proxy.decide = ({ method }) => (method === "PUT" && drops-- > 0 ? { kind: "dropAnswer" } : { kind: "forward" });
  await until(() => proxy.matching(/leases\/lost/, "PUT").length >= 4, 20_000, { describe: "further renewals" });
  assert.ok(a.election.isLeader());
  assert.equal(a.events, ["started"]);
  assert.is((await record("lost")).spec?.leaseTransitions, 0);
});

leases("somebody's edit of the lease costs nothing but a look", async () => {
  const a = candidate("edited", "a");
  await leads(a);
  const edited = await direct.patch<KubeObject>(path("edited"), "merge", { metadata: { labels: { edited: "yes" } } });
  await until(
    async () => Number((await record("edited")).metadata.resourceVersion) > Number(edited.metadata.resourceVersion),
    5_000,
    {
      describe: "a renewal after the edit",
    },
  );
  assert.equal(a.events, ["started"]);
  assert.is((await record("edited")).metadata.labels?.edited, "yes", "the edit is kept");
});

leases("nonsense in the options is refused, and a stopped candidate leaves no handle", async () => {
  assert.throws(() => candidate("bad", "", {}), /identity/);
  assert.throws(() => candidate("bad", "a", { renewDeadlineMs: 2_000 }), /shorter than leaseDurationMs/);
  assert.throws(() => candidate("bad", "a", { retryPeriodMs: 1_200 }), /shorter than renewDeadlineMs/);
  const before = openHandles().filter((name) => name === "Timeout").length;
  const a = candidate("handles", "a");
  await leads(a);
  await within(3_000, a.stop);
  assert.ok(openHandles().filter((name) => name === "Timeout").length <= before);
});

leases.run();
