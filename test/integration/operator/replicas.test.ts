// timeout: 600
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Pipeline } from "../../../crds/generated/types.ts";
import { API_VERSION, PIPELINE } from "../../../crds/resources.ts";
import { KubeClient } from "../../../kube/client.ts";
import { LEASE } from "../../../kube/lease.ts";
import type { Lease } from "../../../kube/lease-record.ts";
import { collectionPath, objectPath } from "../../../kube/resource.ts";
import { auditedRequests } from "../../support/audit-log.ts";
import { until } from "../../support/deadline.ts";
import { blocksOf } from "../../support/documents.ts";
import { kubectl } from "../../support/kubectl.ts";
import { podsCreatedTwice, writesWithoutLease } from "../../support/lease-oracle.ts";
import { OdinProcess } from "../../support/odin-process.ts";
import { PodPlayer } from "../../support/pod-player.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../../support/temporary-namespace.ts";
import { kubeConfig } from "../api/facade-stage.ts";

const LEASE_SECONDS = 8;
const WAIT_MS = 120_000;
const CREATED_AT_A_TIME = 20;

/** A namespace whose pods succeed by themselves, and the processes that share its runs. */
class Replicas {
  readonly client = new KubeClient({ kubeConfig: kubeConfig(), userAgent: "odin-test" });
  readonly #shards: number;
  readonly #space: TemporaryNamespace;
  readonly #player: PodPlayer;
  readonly #processes: OdinProcess[] = [];

  private constructor(space: TemporaryNamespace, shards: number) {
    this.#space = space;
    this.#shards = shards;
    this.#player = new PodPlayer(this.client, space.name, () => 100 + Math.random() * 400);
  }

  static async open(shards: number): Promise<Replicas> {
    const replicas = new Replicas(await temporaryNamespace("replicas"), shards);
    await replicas.#player.start();
    return replicas;
  }

  get namespace(): string {
    return this.#space.name;
  }

  /** Starts a process and waits until it stands for the leases; `untilLeads`: until it holds one. */
  async start(identity: string, untilLeads = true): Promise<OdinProcess> {
    const started = new OdinProcess("operator", {
      ODIN_NAMESPACE: this.namespace,
      ODIN_LEASE_NAMESPACE: this.namespace,
      ODIN_IDENTITY: identity,
      ODIN_INSTALL_CRDS: "false",
      ODIN_SHARDS: String(this.#shards),
      ODIN_LEASE_DURATION: String(LEASE_SECONDS),
    });
    this.#processes.push(started);
    await started.untilSaid(untilLeads ? "running as leader" : "operator standing by");
    return started;
  }

  /** Creates runs of two tasks, one after the other. */
  async create(prefix: string, count: number): Promise<void> {
    const task = (name: string, depends: string[]): object => ({ name, image: "i", command: ["c"], depends });
    const spec = { tasks: [task("a", []), task("b", ["a"])] };
    const names = Array.from({ length: count }, (_, i) => `${prefix}-${i}`);
    for (let at = 0; at < count; at += CREATED_AT_A_TIME) {
      const some = names.slice(at, at + CREATED_AT_A_TIME);
      await Promise.all(
        some.map((name) =>
          this.client.create(collectionPath(PIPELINE, this.namespace), {
            apiVersion: API_VERSION,
            kind: "Pipeline",
            metadata: { name },
            spec,
          }),
        ),
      );
    }
  }

  async runs(prefix: string): Promise<Pipeline[]> {
    const { items } = await this.client.listAll<Pipeline>(collectionPath(PIPELINE, this.namespace));
    return items.filter(({ metadata }) => metadata.name.startsWith(`${prefix}-`));
  }

  /** Waits until so many of the runs have a phase. */
  async untilPhase(prefix: string, phase: string, atLeast: number): Promise<void> {
    await until(() => this.runs(prefix), WAIT_MS, {
      describe: `${atLeast} runs ${prefix}-* are ${phase}`,
      accept: (runs) => runs.filter(({ status }) => status?.phase === phase).length >= atLeast,
      everyMs: 200,
    });
  }

  holder(lease = "odin-operator"): Promise<string> {
    return this.client
      .get<Lease>(objectPath(LEASE, this.namespace, lease))
      .then(({ spec }) => spec?.holderIdentity ?? "");
  }

  /** Fails if anything was written without a lease, or a pod created twice, so far. */
  async judge(): Promise<void> {
    const requests = await auditedRequests(this.namespace);
    const options = { shards: this.#shards, namespace: this.namespace, leaseSeconds: LEASE_SECONDS };
    assert.equal(writesWithoutLease(requests, options).slice(0, 5), [], "I-8");
    assert.equal(podsCreatedTwice(requests), [], "I-1");
    const pods = requests.filter(
      ({ verb, resource, subresource, code }) =>
        verb === "create" && resource === "pods" && subresource === undefined && code === 201,
    );
    assert.ok(pods.length > 0 && requests.some(({ resource }) => resource === "leases"), "the log has been read");
  }

  /** Ends all processes, to begin anew. */
  async endAll(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    for (const process of this.#processes.splice(0)) await process.end(signal);
  }

  async close(): Promise<void> {
    await this.endAll("SIGKILL");
    await this.#player.stop();
    this.client.close();
    await this.#space.remove();
  }
}

const replicas = suite("replicas");
let pair: Replicas | undefined;
replicas.before(async () => {
  pair = await Replicas.open(1);
});
replicas.after.each(async () => {
  await pair?.endAll("SIGKILL");
});
replicas.after(async () => {
  await pair?.close();
});

function stage(): Replicas {
  if (pair === undefined) throw new Error("the namespace could not be made");
  return pair;
}

replicas("F-41, P-6: SIGTERM hands over at once, in the middle of the work; nothing is lost or doubled", async () => {
  const first = await stage().start("first");
  await stage().start("second", false);
  await stage().create("term", 60);
  await stage().untilPhase("term", "DONE", 10);
  const asked = performance.now();
  const code = first.end("SIGTERM");
  await until(() => stage().holder(), WAIT_MS, { describe: "the other leads", accept: (now) => now === "second" });
  console.log(`handed over after ${Math.round(performance.now() - asked)} ms`);
  assert.is(await code, 0, first.output.slice(-2_000));
  await stage().untilPhase("term", "DONE", 60);
  await stage().judge();
});

replicas(
  "F-6, P-6: a leader that is killed is replaced when its lease has run out, by one whose caches are warm",
  async () => {
    const first = await stage().start("killed");
    const second = await stage().start("warm", false);
    await stage().create("kill", 60);
    await stage().untilPhase("kill", "DONE", 10);
    const killed = performance.now();
    await first.end("SIGKILL");
    await second.untilSaid("running as leader");
    console.log(`took over after ${Math.round(performance.now() - killed)} ms with a lease of ${LEASE_SECONDS} s`);
    await stage().untilPhase("kill", "DONE", 60);
    await stage().judge();
  },
);

replicas("P-6: a restart under the same name waits for nothing", async () => {
  const before = await stage().start("same");
  await stage().create("again", 60);
  await stage().untilPhase("again", "DONE", 10);
  const killed = performance.now();
  await before.end("SIGKILL");
  await stage().start("same");
  console.log(`worked again after ${Math.round(performance.now() - killed)} ms, with the start of the process`);
  await stage().untilPhase("again", "DONE", 60);
  await stage().judge();
});

replicas("F-33, I-8: a leader that stands still past its lease writes nothing when it goes on, and ends", async () => {
  const paused = await stage().start("paused");
  const other = await stage().start("other", false);
  await stage().create("pause", 60);
  await stage().untilPhase("pause", "DONE", 10);
  process.kill(paused.pid, "SIGSTOP");
  await other.untilSaid("running as leader");
  await stage().untilPhase("pause", "DONE", 60);
  await stage().create("late", 20);
  process.kill(paused.pid, "SIGCONT");
  await until(() => !paused.running, WAIT_MS, { describe: "the paused leader ends" });
  assert.is(await paused.end("SIGKILL"), 1, paused.output.slice(-2_000));
  assert.match(paused.output, /another process works now/);
  await stage().untilPhase("late", "DONE", 20);
  await stage().judge();
});

replicas("F-34, F-35: a lease that is stolen or deleted ends its holder, and another one goes on", async () => {
  const robbed = await stage().start("robbed");
  await stage().create("steal", 30);
  const path = objectPath(LEASE, stage().namespace, "odin-operator");
  const now = new Date().toISOString().replace("Z", "000Z");
  await stage().client.patch(path, "merge", {
    metadata: { annotations: { "holder-instance": "thief" } },
    spec: { holderIdentity: "thief", renewTime: now, leaseDurationSeconds: 1 },
  });
  await until(() => !robbed.running, WAIT_MS, { describe: "the robbed leader ends" });
  assert.is(await robbed.end("SIGKILL"), 1);
  const second = await stage().start("second-holder");
  await stage().client.delete(path);
  await until(() => !second.running, WAIT_MS, { describe: "the holder of the deleted lease ends" });
  assert.is(await second.end("SIGKILL"), 1);
  await stage().start("third-holder");
  await stage().untilPhase("steal", "DONE", 30);
  assert.equal(podsCreatedTwice(await auditedRequests(stage().namespace)), []);
});

replicas(
  "F-6, F-33, I-8: of three replicas with four shards one is killed in the middle of 200 runs; all are done, none twice",
  async () => {
    const shared = await Replicas.open(4);
    try {
      const [first] = await Promise.all(["one", "two", "three"].map((identity) => shared.start(identity, false)));
      const holders = async (): Promise<string[]> =>
        await Promise.all(
          ["odin-operator", "odin-operator-1", "odin-operator-2", "odin-operator-3"].map((lease) =>
            shared.holder(lease),
          ),
        );
      await until(holders, WAIT_MS, {
        describe: "all three hold a shard",
        accept: (names) => new Set(names).size === 3 && !names.includes(""),
      });
      await shared.create("many", 200);
      await shared.untilPhase("many", "DONE", 50);
      const requests = await auditedRequests(shared.namespace);
      const busy = new Set(
        requests.filter(({ verb, resource }) => verb === "create" && resource === "pods").map((one) => one.userAgent),
      );
      assert.is(busy.size, 3, [...busy].join());
      const [block] = blocksOf("docs/how-to/run-several-replicas.md");
      const shown = await kubectl(...(block?.text.trim().split(/\s+/).slice(1) ?? []), "-n", shared.namespace);
      assert.match(shown, /^LEASE +HOLDER +RENEWED$/m);
      assert.match(shown, /^odin-operator-3 +(?:one|two|three) +20/m);
      assert.match(shown, /^odin-operator-member-\w+ /m);
      await first?.end("SIGKILL");
      await shared.untilPhase("many", "DONE", 200);
      await shared.judge();
      assert.not((await holders()).includes("one"));
    } finally {
      await shared.close();
    }
  },
);
replicas.run();
