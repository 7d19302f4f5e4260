import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { KubeConfig } from "@kubernetes/client-node";
import * as assert from "uvu/assert";
import type { Pipeline, Task } from "../../crds/generated/types.ts";
import { API_VERSION, PIPELINE } from "../../crds/resources.ts";
import { KubeClient } from "../../kube/client.ts";
import { CONFIG_MAP, POD } from "../../kube/core-resources.ts";
import { isKubeError } from "../../kube/errors.ts";
import { LEASE } from "../../kube/lease.ts";
import { collectionPath, type KubeObject, objectPath } from "../../kube/resource.ts";
import { FaultProxy } from "../integration/kube/fault-proxy.ts";
import { until } from "../support/deadline.ts";
import { testVariable } from "../support/kubectl.ts";
import { OdinProcess } from "../support/odin-process.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../support/temporary-directory.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../support/temporary-namespace.ts";
import { type AuditedWrite, auditedWrites } from "./history.ts";
import { type Allowance, leftBehind, violations } from "./oracle.ts";
import { PlayedNode, type PlayedPod } from "./played-node.ts";
import { RunRecorder } from "./run-recorder.ts";

/** Generous: a machine under load, and a control plane that has just started. */
const WAIT_MS = 90_000;
const SHOWN_OUTPUT = 6_000;

/** What may differ between cases. */
export interface GroundOptions {
  /** Where a real node runs the pods; by default they are played. */
  realNode?: boolean;
  /** The operators stand for election, each as the name that it is started under. */
  leaderElect?: boolean;
  /** How many shards, each with a lease, they divide the runs into; by default one. */
  shards?: number;
  /** Settings of the operators. */
  environment?: Record<string, string>;
  /** Whom the operators are to the API server; by default the administrator. */
  user?: (ground: Ground) => Promise<Record<string, unknown>>;
}

/** One operator of a case: a real process, and the proxy that is all it sees of the API server. */
export interface ProxiedOperator {
  proxy: FaultProxy;
  process: OdinProcess;
}

/** A namespace of a case, with operators that reach the API server through proxies of their own, and pods that somebody plays. */
export class Ground {
  readonly namespace: string;
  readonly client: KubeClient;
  readonly node: PlayedNode;
  /** What this case may do that others may not. */
  readonly allowance: Allowance;
  readonly #runs: RunRecorder;
  readonly #options: GroundOptions;
  readonly #temporary: TemporaryNamespace;
  readonly #directory: TemporaryDirectory;
  readonly #proxies = new Map<string, FaultProxy>();
  readonly #processes: OdinProcess[] = [];
  #user: Record<string, unknown> = {};

  private constructor(options: GroundOptions, temporary: TemporaryNamespace, directory: TemporaryDirectory) {
    this.#options = options;
    this.#temporary = temporary;
    this.#directory = directory;
    this.namespace = temporary.name;
    const { shards = 1 } = options;
    this.allowance = options.leaderElect ? { lease: { name: "odin-operator", renewDeadlineMs: 10_000, shards } } : {};
    const kubeConfig = new KubeConfig();
    kubeConfig.loadFromFile(testVariable("KUBECONFIG"));
    this.client = new KubeClient({ kubeConfig, userAgent: "odin-test" });
    this.node = new PlayedNode(this.client, this.namespace);
    this.#runs = new RunRecorder(this.client, this.namespace);
    if (options.realNode) this.node.direct = () => "wait";
  }

  static async open(options: GroundOptions = {}): Promise<Ground> {
    const temporary = await temporaryNamespace("faults");
    const ground = new Ground(options, temporary, await temporaryDirectory());
    if (options.user !== undefined) ground.#user = await options.user(ground);
    return ground;
  }

  /** The path of a file of this case. */
  file(name: string): string {
    return join(this.#directory.path, name);
  }

  /** Starts the operator of this name and waits until it works, or with election until it stands; after an end, once more. */
  async start(name = "a", environment: Record<string, string> = {}): Promise<ProxiedOperator> {
    const proxy = await this.proxy(name);
    const file = this.file(`kubeconfig-${name}`);
    await writeFile(file, proxy.kubeConfigText(this.namespace, this.#user), { mode: 0o600 });
    const leaderElect = this.#options.leaderElect ?? false;
    const process = new OdinProcess("operator", {
      KUBECONFIG: file,
      ODIN_NAMESPACE: this.namespace,
      ODIN_LEASE_NAMESPACE: this.namespace,
      ODIN_LEADER_ELECT: String(leaderElect),
      ODIN_IDENTITY: name,
      ODIN_SHARDS: String(this.#options.shards ?? 1),
      ODIN_INSTALL_CRDS: "false",
      ODIN_RETRY_PAUSE: "1",
      ...this.#options.environment,
      ...environment,
    });
    this.#processes.push(process);
    if (!leaderElect) await process.untilSaid("operator running");
    return { proxy, process };
  }

  /** The proxy of an operator, made when it is first asked for. */
  async proxy(name = "a"): Promise<FaultProxy> {
    let proxy = this.#proxies.get(name);
    if (proxy === undefined) {
      proxy = await FaultProxy.start({ tls: true, name });
      this.#proxies.set(name, proxy);
    }
    return proxy;
  }

  async create(name: string, tasks: Task[], more: Partial<Pipeline["spec"]> = {}): Promise<Pipeline> {
    const body = { apiVersion: API_VERSION, kind: "Pipeline", metadata: { name }, spec: { tasks, ...more } };
    return await this.client.create<Pipeline>(collectionPath(PIPELINE, this.namespace), body);
  }

  async get(name: string): Promise<Pipeline> {
    return await this.client.get<Pipeline>(objectPath(PIPELINE, this.namespace, name));
  }

  async patch(name: string, spec: Record<string, unknown>): Promise<void> {
    await this.client.patch(objectPath(PIPELINE, this.namespace, name), "merge", { spec });
  }

  /** Deletes a run, or another object of the namespace. */
  async delete(name: string, resource: Parameters<typeof objectPath>[0] = PIPELINE): Promise<void> {
    await this.client.delete(objectPath(resource, this.namespace, name));
  }

  async pods(): Promise<PlayedPod[]> {
    return (await this.client.listAll<PlayedPod>(collectionPath(POD, this.namespace), {})).items;
  }

  async untilPod(name: string): Promise<PlayedPod> {
    const look = () => this.client.get<PlayedPod>(objectPath(POD, this.namespace, name));
    return await until(look, WAIT_MS, { describe: `pod ${name}` });
  }

  async untilRun(name: string, describe: string, accept: (run: Pipeline) => boolean, ms = WAIT_MS): Promise<Pipeline> {
    return await until(() => this.get(name), ms, { describe: `run ${name}: ${describe}`, accept, everyMs: 150 });
  }

  async untilEnded(name: string, phase: "DONE" | "TERMINATED" = "DONE", ms = WAIT_MS): Promise<Pipeline> {
    const run = await this.untilRun(name, "ends", ({ status }) => status?.completionTime !== undefined, ms);
    assert.is(run.status?.phase, phase, JSON.stringify(run.status));
    return run;
  }

  /** The writes in the namespace so far. */
  async writes(): Promise<AuditedWrite[]> {
    return await auditedWrites(testVariable("ODIN_TEST_AUDIT_LOG"), this.namespace);
  }

  /** What the oracle has against what has happened so far, I-5 left out. */
  async found(): Promise<string[]> {
    const [writes, pipelines, pods] = [await this.writes(), await this.#all<KubeObject>(PIPELINE), await this.pods()];
    return violations({ writes, seen: await this.#runs.versions(pipelines), pipelines, pods }, this.allowance);
  }

  /** Checks I-1 to I-8 on all that has happened; for I-5 it deletes what runs are left. */
  async judge(): Promise<void> {
    const writes = await this.writes();
    const pipelines = await this.#all<KubeObject>(PIPELINE);
    if (this.#options.user !== undefined) {
      const seen = [...this.#proxies.values()].flatMap(({ requests }) => requests);
      const anonymous = seen.filter(({ authorization }) => authorization === undefined);
      assert.equal(anonymous, [], "the operators came as who they are, and not as the administrator");
    }
    // Without bodies the oracle would have nothing to find anything in.
    assert.ok(writes.length === 0 || writes.some(({ object }) => object !== undefined), "the audit log has bodies");
    assert.equal(await this.found(), [], "the oracle found nothing");
    for (const { metadata } of pipelines) await this.delete(metadata.name);
    const uids = new Set(
      writes.flatMap(({ resource, object }) => (resource === "pipelines" ? [object?.metadata.uid ?? ""] : [])),
    );
    const look = async (): Promise<string[]> => {
      const all = [POD, CONFIG_MAP, LEASE, PIPELINE].map((resource) => this.#all<KubeObject>(resource));
      return leftBehind((await Promise.all(all)).flat(), uids);
    };
    await until(look, WAIT_MS, {
      describe: "nothing of the runs is left (I-5)",
      accept: (left) => left.length === 0,
      everyMs: 300,
    });
  }

  /** Prints what the operators said last, for a case that failed. */
  tell(): void {
    for (const { output } of this.#processes) console.error(`an operator said last:\n${output.slice(-SHOWN_OUTPUT)}`);
  }

  /** Kills the operators. */
  async end(): Promise<void> {
    for (const process of this.#processes) await process.end("SIGKILL");
  }

  async close(): Promise<void> {
    await this.end();
    for (const proxy of this.#proxies.values()) await proxy.stop();
    await this.node.stop();
    await this.#runs.stop();
    this.client.close();
    await this.#temporary.remove();
    await this.#directory.remove();
  }

  async #all<T extends KubeObject>(resource: Parameters<typeof collectionPath>[0]): Promise<T[]> {
    try {
      return (await this.client.listAll<T>(collectionPath(resource, this.namespace), {})).items;
    } catch (error) {
      if (isKubeError(error, "notFound")) return [];
      throw error;
    }
  }
}

/** A task with what a pod needs at least. */
export function task(name: string, ...depends: string[]): Task {
  return { name, image: "image:1", command: ["run"], ...(depends.length === 0 ? {} : { depends }) };
}

/** Tasks one after the other: `t0` to `t<length - 1>`. */
export function chain(length: number): Task[] {
  return Array.from({ length }, (_, i) => task(`t${i}`, ...(i === 0 ? [] : [`t${i - 1}`])));
}
