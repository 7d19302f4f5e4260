import * as assert from "uvu/assert";
import type { Pipeline } from "../../../crds/generated/types.ts";
import { API_VERSION, PIPELINE } from "../../../crds/resources.ts";
import { KubeClient } from "../../../kube/client.ts";
import { LEASE } from "../../../kube/lease.ts";
import type { Lease } from "../../../kube/lease-record.ts";
import { collectionPath, objectPath } from "../../../kube/resource.ts";
import { auditedRequests } from "../../support/audit-log.ts";
import { until } from "../../support/deadline.ts";
import { podsCreatedTwice, writesWithoutLease } from "../../support/lease-oracle.ts";
import { OdinProcess } from "../../support/odin-process.ts";
import { PodPlayer } from "../../support/pod-player.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../../support/temporary-namespace.ts";
import { kubeConfig } from "../api/facade-stage.ts";

const WAIT_MS = 300_000;
const CREATED_AT_A_TIME = 20;
const END_MS = 40_000;

/** A namespace whose pods succeed by themselves, and the processes that share its runs. */
export class Replicas {
  readonly client = new KubeClient({ kubeConfig: kubeConfig(), userAgent: "odin-test" });
  readonly #shards: number;
  readonly #leaseSeconds: number;
  readonly #space: TemporaryNamespace;
  readonly #player: PodPlayer;
  readonly #processes: OdinProcess[] = [];

  private constructor(space: TemporaryNamespace, shards: number, leaseSeconds: number) {
    this.#space = space;
    this.#shards = shards;
    this.#leaseSeconds = leaseSeconds;
    this.#player = new PodPlayer(this.client, space.name, () => 200 + Math.random() * 800);
  }

  static async open(shards: number, leaseSeconds: number): Promise<Replicas> {
    const replicas = new Replicas(await temporaryNamespace("replicas"), shards, leaseSeconds);
    await replicas.#player.start();
    return replicas;
  }

  get namespace(): string {
    return this.#space.name;
  }

  /** Starts a process and waits until it stands for the leases; `untilLeads`: until it holds one. */
  async start(identity: string, untilLeads = true, more: Record<string, string> = {}): Promise<OdinProcess> {
    const started = new OdinProcess("operator", {
      ODIN_NAMESPACE: this.namespace,
      ODIN_LEASE_NAMESPACE: this.namespace,
      ODIN_IDENTITY: identity,
      ODIN_INSTALL_CRDS: "false",
      ODIN_SHARDS: String(this.#shards),
      ODIN_LEASE_DURATION: String(this.#leaseSeconds),
      ...more,
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
    const count = async (): Promise<number> =>
      (await this.runs(prefix)).filter(({ status }) => status?.phase === phase).length;
    const what = { describe: `${atLeast} runs ${prefix}-* are ${phase}`, everyMs: 200 };
    try {
      await until(count, WAIT_MS, { ...what, accept: (now) => now >= atLeast });
    } catch (error) {
      for (const { running, output } of this.#processes) console.error(running, output.slice(-3_000));
      throw error;
    }
  }

  holder(lease = "odin-operator"): Promise<string> {
    return this.client
      .get<Lease>(objectPath(LEASE, this.namespace, lease))
      .then(({ spec }) => spec?.holderIdentity ?? "");
  }

  /** Fails if anything was written without a lease, or a pod created twice, so far. */
  async judge(): Promise<void> {
    const requests = await auditedRequests(this.namespace);
    const options = { shards: this.#shards, namespace: this.namespace, leaseSeconds: this.#leaseSeconds };
    assert.equal(writesWithoutLease(requests, options).slice(0, 5), [], "I-8");
    assert.equal(podsCreatedTwice(requests), [], "I-1");
    const pods = requests.filter(
      ({ verb, resource, subresource, code }) =>
        verb === "create" && resource === "pods" && subresource === undefined && code === 201,
    );
    assert.ok(pods.length > 0 && requests.some(({ resource }) => resource === "leases"), "the log has been read");
  }

  /** Ends all processes, to begin anew; those that do not end in order are killed. */
  async endAll(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    const end = async (process: OdinProcess): Promise<void> => {
      const late = setTimeout(() => void process.end("SIGKILL"), END_MS);
      await process.end(signal);
      clearTimeout(late);
    };
    await Promise.all(this.#processes.splice(0).map(end));
  }

  async close(): Promise<void> {
    await this.endAll("SIGKILL");
    await this.#player.stop();
    this.client.close();
    await this.#space.remove();
  }
}
