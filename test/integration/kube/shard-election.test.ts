import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { KubeClient } from "../../../kube/client.ts";
import { LEASE } from "../../../kube/lease.ts";
import type { Lease } from "../../../kube/lease-record.ts";
import { collectionPath, objectPath } from "../../../kube/resource.ts";
import { ShardElection, type ShardElectionOptions } from "../../../kube/shard-election.ts";
import { until } from "../../support/deadline.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../../support/temporary-namespace.ts";
import { FaultProxy } from "./fault-proxy.ts";
import { recordingLogger, testClient } from "./test-client.ts";

/** A process that gets no turn for `renewDeadlineMs` loses its shards for good reason: what a loaded machine does must stay well below. */
const TIMES = { leaseDurationMs: 9_000, renewDeadlineMs: 6_000, retryPeriodMs: 300 };
/** For what does not wait until somebody's time is up: no process loses anything however long the machine stands still. */
const PATIENT = { leaseDurationMs: 60_000, renewDeadlineMs: 45_000 };
const WAIT_MS = 180_000;

let namespace: TemporaryNamespace;
let proxy: FaultProxy;
let direct: KubeClient;
let proxied: KubeClient;
const running = new Set<() => Promise<void>>();

/** A process that stands for shards, and what it was told. */
function candidate(name: string, identity: string, shards: number, options: Partial<ShardElectionOptions> = {}) {
  const told: string[] = [];
  const abort = new AbortController();
  const { logger, text } = recordingLogger();
  const election = new ShardElection({
    client: direct,
    namespace: namespace.name,
    name,
    shards,
    identity,
    ...TIMES,
    logger,
    onTaken: (shard) => told.push(`taken ${shard}`),
    onYield: async (shard) => {
      told.push(`yield ${shard}`);
    },
    onLost: (why) => told.push(`lost: ${why}`),
    ...options,
  });
  const run = election.run(abort.signal);
  const stop = async (): Promise<void> => {
    abort.abort();
    await run;
    running.delete(stop);
  };
  running.add(stop);
  const held = (): number[] => Array.from({ length: shards }, (_, i) => i).filter((shard) => election.holds(shard));
  return { election, told, text, stop, held };
}

type Candidate = ReturnType<typeof candidate>;

/** Looks closely that no shard is ever held by two at once. */
function neverTwice(...all: Candidate[]): () => void {
  let twice = 0;
  const timer = setInterval(() => {
    const held = all.flatMap((one) => one.held());
    if (new Set(held).size < held.length) twice++;
  }, 1);
  return () => {
    clearInterval(timer);
    assert.is(twice, 0, "a shard was held twice at the same time");
  };
}

const sizes = (...all: Candidate[]): number[] => all.map((one) => one.held().length).sort();
const untilSizes = (wanted: number[], ...all: Candidate[]): Promise<number[]> =>
  until(() => sizes(...all), WAIT_MS, {
    describe: `shards held are ${wanted}`,
    accept: (now) => now.join() === wanted.join(),
  });

async function leases(name: string): Promise<string[]> {
  const { items } = await direct.listAll<Lease>(collectionPath(LEASE, namespace.name), {
    labelSelector: `lease-set=${name}`,
  });
  return items.map((lease) => lease.metadata.name).sort();
}

const shards = suite("shards");
shards.before(async () => {
  namespace = await temporaryNamespace("shards");
  proxy = await FaultProxy.start();
  direct = testClient();
  proxied = testClient({ kubeConfig: proxy.kubeConfig() });
});
shards.after.each(async () => {
  proxy.decide = () => ({ kind: "forward" });
  for (const stop of [...running]) await stop();
});
shards.after(async () => {
  direct.close();
  proxied.close();
  await proxy.stop();
  await namespace.remove();
});

shards("one takes all; who joins gets a fair share, given up in order; who leaves gives it back at once", async () => {
  const a = candidate("fair", "a", 4, PATIENT);
  await untilSizes([4], a);
  const b = candidate("fair", "b", 4, PATIENT);
  const c = candidate("fair", "c", 4, PATIENT);
  const check = neverTwice(a, b, c);
  await untilSizes([1, 1, 2], a, b, c);
  assert.ok(a.told.filter((what) => what.startsWith("yield")).length >= 2, a.told.join());
  await c.stop();
  await untilSizes([2, 2], a, b);
  check();
  assert.ok([...a.told, ...b.told, ...c.told].every((what) => !what.startsWith("lost")));
  await Promise.all([a.stop(), b.stop()]);
  assert.equal(await leases("fair"), ["fair", "fair-1", "fair-2", "fair-3"], "no presence is left behind");
});

shards(
  "F-33, F-34: the shards of one that is cut off are taken over when its time is up, and never held twice",
  async () => {
    const a = candidate("cut", "a", 4, { client: proxied });
    const b = candidate("cut", "b", 4);
    await untilSizes([2, 2], a, b);
    const check = neverTwice(a, b);
    proxy.decide = () => ({ kind: "hang" });
    await until(() => b.held().length, WAIT_MS, { describe: "b holds all", accept: (held) => held === 4 });
    check();
    assert.equal(a.held(), []);
    assert.ok(
      a.told.some((what) => what.startsWith("lost")),
      a.told.join(),
    );
  },
);

shards(
  "a process that is set to another number of shards takes nothing and says why, until the others are gone",
  async () => {
    const four = candidate("mixed", "four", 4, PATIENT);
    await untilSizes([4], four);
    const one = candidate("mixed", "one", 1);
    const two = candidate("mixed", "two", 2);
    await until(() => two.election.mismatch, WAIT_MS, { describe: "it says why" });
    assert.match(two.election.mismatch ?? "", /four works with 4 shards and this process is set to 2/);
    // Even with shard 0 free, what is held under the old number keeps the new one out.
    await four.stop();
    await until(() => one.held().length + two.held().length, WAIT_MS, { describe: "one of them works" });
    const check = (): void => assert.ok(one.held().length === 0 || two.held().length === 0, "both work");
    for (let i = 0; i < 300; i++) {
      check();
      await new Promise((done) => setTimeout(done, 5));
    }
  },
);

shards("shard 0 is not taken under another number while a further shard of the old number is held", async () => {
  const lease = (name: string, holder: string, seconds: number): object => ({
    metadata: { name, annotations: { "shard-count": "3" }, labels: { "lease-set": "half" } },
    spec: {
      holderIdentity: holder,
      leaseDurationSeconds: seconds,
      renewTime: new Date().toISOString().replace("Z", "000Z"),
    },
  });
  await direct.create(collectionPath(LEASE, namespace.name), lease("half", "", 1));
  await direct.create(collectionPath(LEASE, namespace.name), lease("half-2", "somebody", 8));
  const one = candidate("half", "one", 1);
  await until(() => one.election.mismatch, WAIT_MS, { describe: "it says why" });
  assert.match(one.election.mismatch ?? "", /somebody still works with 3 shards and this process is set to 1/);
  assert.equal(one.held(), []);
  await until(() => one.held().length, WAIT_MS, { describe: "the old holder's time is up" });
  assert.is(one.election.mismatch, undefined);
  const first = await direct.get<Lease>(objectPath(LEASE, namespace.name, "half"));
  assert.is(first.metadata.annotations?.["shard-count"], "1");
});

shards("two numbers of shards that start at the same moment never both work", async () => {
  for (let round = 0; round < 5; round++) {
    const name = `race-${round}`;
    const one = candidate(name, "one", 1);
    const three = candidate(name, "three", 3);
    await until(() => one.held().length + three.held().length, WAIT_MS, { describe: "one of them works", everyMs: 1 });
    for (let i = 0; i < 200; i++) {
      assert.ok(one.held().length === 0 || three.held().length === 0, "both work");
      await new Promise((done) => setTimeout(done, 3));
    }
    await Promise.all([one.stop(), three.stop()]);
  }
});

shards("F-35: what keeps it from its shards is told and goes away with the cause", async () => {
  const body = JSON.stringify({ kind: "Status", code: 403, reason: "Forbidden", message: "no leases for you" });
  proxy.decide = () => ({ kind: "answer", status: 403, body });
  const a = candidate("rights", "a", 2, { client: proxied });
  await until(() => a.election.trouble, WAIT_MS, { describe: "it says why" });
  assert.match(a.election.trouble ?? "", /no leases for you/);
  assert.equal(a.held(), []);
  proxy.decide = () => ({ kind: "forward" });
  await untilSizes([2], a);
  await until(() => a.election.trouble === undefined, WAIT_MS, { describe: "nothing is wrong any more" });
});
shards.run();
