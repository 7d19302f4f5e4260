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
import { stopProcess } from "../../support/stop-process.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../../support/temporary-namespace.ts";
import { FaultProxy } from "./fault-proxy.ts";
import { CONFIG_MAP, configMap, openHandles, recordingLogger, testClient } from "./test-client.ts";

/** A process that gets no turn for `renewDeadlineMs` loses its lease for good reason: what a loaded machine does must stay well below. */
const TIMES = { leaseDurationMs: 8_000, renewDeadlineMs: 5_000, retryPeriodMs: 200 };
/** Nobody takes the lease of a holder that does not give it up within the time of a test. */
const LONG = { leaseDurationMs: 600_000, renewDeadlineMs: 300_000, releaseTimeoutMs: 60_000 };
/** Guards against waiting for ever, no more. */
const WAIT_MS = 60_000;

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
const leads = ({ election, text }: { election: LeaderElection; text: () => string }) =>
  until(() => election.isLeader() || text(), WAIT_MS, {
    describe: "leadership",
    accept: (is) => is === true,
    everyMs: 5,
  });

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
  const a = candidate("two", "a", LONG);
  await leads(a);
  const b = candidate("two", "b", LONG);
  const check = neverBoth(a.election, b.election);
  const held = await record("two");
  assert.is(held.spec?.holderIdentity, "a");
  assert.match(held.spec?.renewTime ?? "", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  await until(async () => (await record("two")).spec?.renewTime !== held.spec?.renewTime, WAIT_MS, {
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

leases("F-41: a renewal that was under way does not keep a holder from giving its lease up", async () => {
  const a = candidate("renewing", "a", { ...LONG, client: proxied });
  await leads(a);
  const b = candidate("renewing", "b", LONG);
  const check = neverBoth(a.election, b.election);
  let stopping: Promise<void> | undefined;
  // The server has taken the renewal in, and the holder will never learn of it.
  proxy.decide = ({ method }) =>
    method === "PUT" && stopping === undefined
      ? {
          kind: "beforeAnswer",
          act: () => {
            stopping = a.stop();
          },
        }
      : { kind: "forward" };
  await leads(b);
  await stopping;
  check();
  assert.equal(a.events, ["started", "stopped"]);
});

leases("F-41: a lease that was asked for and never answered is given up as well", async () => {
  const a = candidate("asking", "a", { ...LONG, client: proxied });
  let stopping: Promise<void> | undefined;
  proxy.decide = ({ method }) =>
    method === "POST" && stopping === undefined
      ? {
          kind: "beforeAnswer",
          act: () => {
            stopping = a.stop();
          },
        }
      : { kind: "forward" };
  await until(() => stopping !== undefined, WAIT_MS, { describe: "the lease is asked for", everyMs: 5 });
  await stopping;
  assert.equal(a.events, []);
  const b = candidate("asking", "b", LONG);
  await leads(b);
});

leases(
  "F-41: giving the lease up is tried again when the server fails, also after the deadline of the holder",
  async () => {
    const a = candidate("failing", "a", { ...LONG, renewDeadlineMs: TIMES.renewDeadlineMs, client: proxied });
    await leads(a);
    const b = candidate("failing", "b", LONG);
    let failures = 0;
    proxy.decide = ({ method }) => {
      if (method === "GET") return { kind: "forward" };
      failures += 1;
      return a.events.includes("stopped") && failures > 3 ? { kind: "dropAnswer" } : { kind: "refuse" };
    };
    await until(() => a.events.includes("stopped"), WAIT_MS, { describe: "a gives up by its own clock" });
    await a.stop();
    await leads(b);
    assert.equal(a.events, ["started", "stopped"]);
  },
);

leases(
  "a holder that cannot reach the server gives up within its time, and says that the lease has to run out",
  async () => {
    const a = candidate("away", "a", { ...LONG, releaseTimeoutMs: 1_500, client: proxied });
    await leads(a);
    proxy.decide = () => ({ kind: "refuse" });
    const begun = performance.now();
    await within(WAIT_MS, a.stop);
    assert.ok(performance.now() - begun < LONG.releaseTimeoutMs, "it does not try until the lease has run out");
    assert.equal(a.events, ["started", "stopped"]);
    assert.match(a.text(), /the lease could not be given up; another candidate takes it when it has run out/);
  },
);

leases("nothing is written to a lease that was lost to somebody else", async () => {
  const a = candidate("taken", "a", { ...LONG, client: proxied });
  await leads(a);
  await direct.patch(path("taken"), "merge", { spec: { holderIdentity: "somebody" } });
  await until(() => a.events.includes("stopped"), WAIT_MS, { describe: "a notices" });
  proxy.requests.length = 0;
  await a.stop();
  assert.equal(proxy.matching(/leases\/taken/, "PUT"), []);
  assert.is((await record("taken")).spec?.holderIdentity, "somebody");
});

leases("a holder that is cut off stops acting before another one may begin (F-33, F-34)", async () => {
  // In the moment itself: the margin is over before a later look where the machine stands still for as long.
  const margins: boolean[] = [];
  const onStopped = () => {
    a.events.push("stopped");
    margins.push(!b.election.isLeader());
  };
  const a = candidate("cut", "a", { client: proxied, onStopped });
  await leads(a);
  const b = candidate("cut", "b");
  const check = neverBoth(a.election, b.election);
  proxy.decide = () => ({ kind: "hang" });
  await until(() => a.events.includes("stopped"), WAIT_MS, { describe: "a gives up by its own clock", everyMs: 5 });
  assert.equal(margins, [true], "there is a margin between the two");
  await leads(b);
  proxy.requests.length = 0;
  proxy.decide = () => ({ kind: "forward" });
  await until(() => proxy.matching(/leases\/cut/, "GET").length > 0, WAIT_MS, { describe: "a asks again" });
  assert.not(a.election.isLeader());
  check();
  assert.match(a.text(), /was not renewed within 5000 ms/);
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
  await until(() => !a.election.isLeader(), WAIT_MS, { describe: "the deadline", everyMs: 5 });
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
    await until(() => child.lines.includes("started"), WAIT_MS, { describe: "the child leads" });
    child.write(1);
    await until(() => child.lines.includes("wrote"), WAIT_MS, { describe: "the child writes" });
    const b = candidate("stopped", "parent");
    // No write is under way now: one that was sent before the stop may land whenever the server gets to it.
    await stopProcess(child.process.pid ?? 0);
    await leads(b);
    await direct.patch(map, "merge", { data: { writer: "parent" } });
    child.lines.length = 0;
    // Already there when it goes on, so that they are tried in the very first moment.
    child.write(20);
    child.process.kill("SIGCONT");
    await until(() => child.lines.includes("stopped"), WAIT_MS, { describe: "the child notices" });
    await until(() => child.lines.filter((line) => line === "refused NotLeader").length === 20, WAIT_MS, {
      describe: "the child's writes are refused",
    });
    await until(() => writers.at(-1) === "parent", WAIT_MS, { describe: "the parent's write" });
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
  await leads(a);
  assert.is((await record("same")).spec?.leaseTransitions, 4, "the holder did not change");
});

leases("two processes with one identity do not fight: the one that was replaced stays a follower", async () => {
  const first = candidate("twins", "a", LONG);
  await leads(first);
  const second = candidate("twins", "a", LONG);
  await leads(second);
  await until(() => first.events.includes("stopped"), WAIT_MS, { describe: "the first gives up" });
  const { renewTime } = (await record("twins")).spec ?? {};
  await until(async () => (await record("twins")).spec?.renewTime !== renewTime, WAIT_MS, { describe: "a renewal" });
  assert.ok(second.election.isLeader() && !first.election.isLeader());
  assert.equal([first.events, second.events], [["started", "stopped"], ["started"]]);
});

leases("a lease that is deleted makes its holder a follower, and one is elected anew (F-35)", async () => {
  const a = candidate("deleted", "a");
  await leads(a);
  const b = candidate("deleted", "b", { client: proxied });
  const check = neverBoth(a.election, b.election);
  await until(() => proxy.matching(/leases\/deleted/).length >= 2, WAIT_MS, { describe: "b has seen the holder" });
  await direct.delete(path("deleted"));
  await until(() => a.events.includes("stopped"), WAIT_MS, { describe: "a notices" });
  assert.match(a.text(), /the lease object was deleted/);
  await until(() => a.election.isLeader() || b.election.isLeader(), WAIT_MS, { describe: "a new leader" });
  check();
});

leases("a holder without rights gives up at its deadline, says why, and comes back with them (F-35)", async () => {
  let forbidden = false;
  const body = JSON.stringify({ kind: "Status", code: 403, reason: "Forbidden", message: "no leases for you" });
  proxy.decide = () => (forbidden ? { kind: "answer", status: 403, body } : { kind: "forward" });
  const a = candidate("rights", "a", { client: proxied });
  await leads(a);
  forbidden = true;
  await until(() => a.events.includes("stopped"), WAIT_MS, { describe: "a gives up" });
  assert.match(a.text(), /no leases for you/);
  forbidden = false;
  await leads(a);
  assert.equal(a.events, ["started", "stopped", "started"]);
});

leases("a renewal whose answer is lost is recognised as our own (F-17)", async () => {
  const a = candidate("lost", "a", { ...LONG, client: proxied });
  await leads(a);
  let drops = 1;
  proxy.decide = ({ method }) => (method === "PUT" && drops-- > 0 ? { kind: "dropAnswer" } : { kind: "forward" });
  await until(() => proxy.matching(/leases\/lost/, "PUT").length >= 4, WAIT_MS, { describe: "further renewals" });
  assert.ok(a.election.isLeader());
  assert.equal(a.events, ["started"]);
  assert.is((await record("lost")).spec?.leaseTransitions, 0);
});

leases("somebody's edit of the lease costs nothing but a look", async () => {
  const a = candidate("edited", "a", LONG);
  await leads(a);
  const edited = await direct.patch<KubeObject>(path("edited"), "merge", { metadata: { labels: { edited: "yes" } } });
  await until(
    async () => Number((await record("edited")).metadata.resourceVersion) > Number(edited.metadata.resourceVersion),
    WAIT_MS,
    {
      describe: "a renewal after the edit",
    },
  );
  assert.equal(a.events, ["started"]);
  assert.is((await record("edited")).metadata.labels?.edited, "yes", "the edit is kept");
});

leases("nonsense in the options is refused, and a stopped candidate leaves no handle", async () => {
  assert.throws(() => candidate("bad", "", {}), /identity/);
  assert.throws(() => candidate("bad", "a", { renewDeadlineMs: 8_000 }), /shorter than leaseDurationMs/);
  assert.throws(() => candidate("bad", "a", { retryPeriodMs: 5_000 }), /shorter than renewDeadlineMs/);
  const before = openHandles().filter((name) => name === "Timeout").length;
  const a = candidate("handles", "a");
  await leads(a);
  await within(WAIT_MS, a.stop);
  assert.ok(openHandles().filter((name) => name === "Timeout").length <= before);
});

leases.run();
