// timeout: 600
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { LEASE } from "../../../kube/lease.ts";
import type { Lease } from "../../../kube/lease-record.ts";
import { objectPath } from "../../../kube/resource.ts";
import type { SeenRequest } from "../../integration/kube/fault.ts";
import type { FaultProxy } from "../../integration/kube/fault-proxy.ts";
import { until } from "../../support/deadline.ts";
import { stopProcess } from "../../support/stop-process.ts";
import { type Ground, type ProxiedOperator, task } from "../ground.ts";
import { faultCase } from "../row.ts";

const underWay = suite("writes under way when a lease goes");
const isPodCreation = ({ method, url }: SeenRequest): boolean => method === "POST" && /\/pods(\?|$)/.test(url);
const LEADS = "operator running as leader";
const ELECTED = { leaderElect: true };
/** More than are created at a time: when the lease goes, some have not been asked for yet. */
const TASKS = 60;
/** Creations that are answered before the trouble begins. */
const ANSWERED = 3;
const UNANSWERED = 30;
const WAIT_MS = 120_000;

/** The leader `a`, and a second operator that stands by. */
async function two(ground: Ground): Promise<{ a: ProxiedOperator; b: ProxiedOperator }> {
  const a = await ground.start("a");
  await a.process.untilSaid(LEADS);
  const b = await ground.start("b");
  await b.process.untilSaid("standing by for a lease");
  ground.node.direct = () => "run";
  return { a, b };
}

function makeRun(ground: Ground): Promise<unknown> {
  return ground.create(
    "run",
    Array.from({ length: TASKS }, (_, i) => task(`t${i}`)),
  );
}

/** Creations that are on their way to the server. */
class OnTheWay {
  readonly pods = new Set<string>();
  readonly #go: (() => void)[] = [];
  #isCut = false;

  constructor(proxy: FaultProxy) {
    let nth = 0;
    proxy.decide = (seen) => {
      if (this.#isCut) return { kind: "hang" };
      if (!isPodCreation(seen) || ++nth <= ANSWERED) return { kind: "forward" };
      const act = (body: Buffer): Promise<void> => {
        this.pods.add((JSON.parse(body.toString()) as { metadata: { name: string } }).metadata.name);
        return new Promise((resolve) => this.#go.push(resolve));
      };
      return { kind: "beforeRequest", act };
    };
  }

  async untilMany(): Promise<void> {
    await until(() => this.#go.length >= UNANSWERED, WAIT_MS, { describe: "creations are on their way" });
  }

  /** From now on nothing more gets through. */
  cut(): void {
    this.#isCut = true;
  }

  /** Lets some of them, or the rest, reach the server, which answers to nobody where the client has gone. */
  arrive(count?: number): void {
    for (const go of this.#go.splice(0, count ?? this.#go.length)) go();
  }

  /** Waits until the server has had all of them. */
  async untilHad(ground: Ground): Promise<void> {
    const had = async (): Promise<number> => {
      const writes = await ground.writes();
      return writes.filter(
        ({ verb, resource, subresource, userAgent, name = "" }) =>
          verb === "create" &&
          resource === "pods" &&
          subresource === undefined &&
          userAgent.endsWith(" via a") &&
          this.pods.has(name),
      ).length;
    };
    await until(had, WAIT_MS, { describe: "the server has had them", accept: (count) => count === this.pods.size });
  }
}

async function endedAsLoser({ process }: ProxiedOperator): Promise<void> {
  await until(() => !process.running, WAIT_MS, { describe: "the one that lost its lease ends" });
  assert.is(await process.end("SIGKILL"), 1, "it ends as one that lost its lease");
}

async function untilAllPods(ground: Ground): Promise<void> {
  await until(async () => (await ground.pods()).length === TASKS, WAIT_MS, { describe: "all pods are there" });
}

async function allDone(ground: Ground): Promise<void> {
  await untilAllPods(ground);
  for (const { metadata } of await ground.pods()) await ground.node.set(metadata.name, "succeed");
  const { status } = await ground.untilEnded("run");
  assert.is(status?.progress, `${TASKS}/${TASKS}`);
}

faultCase(
  underWay,
  "F-33",
  "paused past its lease while the answers to many creations are under way, which it finds when it wakes",
  async (ground) => {
    const { a, b } = await two(ground);
    const held = a.proxy.holdAnswers(isPodCreation, (nth) => nth > ANSWERED);
    await makeRun(ground);
    await until(() => held.size >= UNANSWERED, WAIT_MS, {
      describe: "creations that the server has carried out are unanswered",
    });
    await stopProcess(a.process.pid);
    held.letGo();
    await b.process.untilSaid(LEADS);
    process.kill(a.process.pid, "SIGCONT");
    await endedAsLoser(a);
    await allDone(ground);
  },
  ELECTED,
);

faultCase(
  underWay,
  "F-34",
  "cut off while many creations are on their way, which reach the server when another one makes the same pods",
  async (ground) => {
    const { a, b } = await two(ground);
    const onTheWay = new OnTheWay(a.proxy);
    await makeRun(ground);
    await onTheWay.untilMany();
    onTheWay.cut();
    a.proxy.stallWatches();
    const { lease } = ground.allowance;
    if (lease !== undefined) lease.underWay = { writer: "a", pods: onTheWay.pods };
    await b.process.untilSaid(LEADS);
    // Half of them race with those of the other one; the rest come when all of that is over.
    onTheWay.arrive(UNANSWERED / 2);
    await endedAsLoser(a);
    assert.not.match(a.process.output, "no complete answer", "it did not wait for what it could not use any more");
    await untilAllPods(ground);
    onTheWay.arrive();
    await onTheWay.untilHad(ground);
    await allDone(ground);
  },
  ELECTED,
);

faultCase(
  underWay,
  "F-41",
  "SIGTERM while the server does not answer many creations: they are given up in time, and so is the lease",
  async (ground) => {
    const { a, b } = await two(ground);
    const onTheWay = new OnTheWay(a.proxy);
    await makeRun(ground);
    await onTheWay.untilMany();
    const { lease } = ground.allowance;
    if (lease !== undefined) lease.underWay = { writer: "a", pods: onTheWay.pods };
    assert.is(await a.process.end("SIGTERM"), 0, a.process.output.slice(-2_000));
    assert.not.match(a.process.output, "no complete answer", "it did not wait for the answers");
    const { spec } = await ground.client.get<Lease>(objectPath(LEASE, ground.namespace, "odin-operator"));
    assert.is.not(spec?.holderIdentity, "a", "the lease is given back");
    onTheWay.arrive();
    await b.process.untilSaid(LEADS);
    await onTheWay.untilHad(ground);
    await allDone(ground);
  },
  ELECTED,
);
underWay.run();
