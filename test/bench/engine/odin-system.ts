import { podName } from "../../../crds/names.ts";
import { API_VERSION, PIPELINE } from "../../../crds/resources.ts";
import { collectionPath, type KubeObject } from "../../../kube/resource.ts";
import type { Component } from "../../../local/component.ts";
import { freePorts } from "../../../local/ports.ts";
import { waitFor } from "../../../local/wait.ts";
import { FAILS_ONCE } from "../../support/simulated-stages.ts";
import { type BenchCluster, NAMESPACE, OPERATOR_USER } from "./cluster.ts";
import { FINISHED } from "./finished-runs.ts";
import type { BenchRun, BenchTask } from "./graphs.ts";
import { programOf } from "./program.ts";
import type { PodIdentity, System } from "./system.ts";

const READY_MS = 120_000;
const MOST_ATTEMPTS = 3;

/** How the operator is started. */
export interface OperatorOptions {
  /** Checkout whose program is run, as installations run it. */
  root: string;
  /** Name in the lease: a restart under the same name takes over at once, one under another waits until the lease has run out. */
  identity?: string;
  /** Further flags; they win over those that are set here. */
  flags?: readonly string[];
  /** Flags of Node. */
  nodeFlags?: readonly string[];
  /** A run has ended when it is gone, because the flags make the operator delete it. */
  runsGoAway?: boolean;
}

interface PipelineObject extends KubeObject {
  status?: { phase?: string; counts?: { total: number; executed: number } };
}

/** The operator of a checkout as a process of its own, with the settings it has by default; only the store is off. */
export class OdinSystem implements System {
  readonly user = OPERATOR_USER;
  readonly resource = "pipelines";
  readonly #cluster: BenchCluster;
  readonly #root: string;
  readonly #flags: readonly string[];
  readonly #nodeFlags: readonly string[];
  readonly #runsGoAway: boolean;
  readonly #pods = new Map<string, PodIdentity>();
  #component: Component;
  #port: number;
  #isRestarting = false;

  private constructor(cluster: BenchCluster, o: OperatorOptions, started: { component: Component; port: number }) {
    this.#cluster = cluster;
    this.#root = o.root;
    this.#flags = o.flags ?? [];
    this.#nodeFlags = o.nodeFlags ?? [];
    this.#runsGoAway = o.runsGoAway ?? false;
    this.#component = started.component;
    this.#port = started.port;
  }

  /** Resolves when it has filled its caches and holds the lease: waiting for that is no part of a measurement. */
  static async start(cluster: BenchCluster, o: OperatorOptions): Promise<OdinSystem> {
    const started = await startOperator(cluster, o);
    const system = new OdinSystem(cluster, o, started);
    await system.untilReady();
    await system.untilLeading();
    return system;
  }

  pid(): number {
    return this.#component.pid;
  }

  get metricsAddress(): string {
    return `http://127.0.0.1:${this.#port}/metrics`;
  }

  check(): void {
    if (!this.#isRestarting) this.#component.check();
  }

  /** Kills it and starts it anew, without waiting until it is ready. */
  async restart(identity?: string): Promise<void> {
    this.#isRestarting = true;
    process.kill(this.#component.pid, "SIGKILL");
    const common = { root: this.#root, flags: this.#flags, nodeFlags: this.#nodeFlags };
    const options = { ...common, ...(identity === undefined ? {} : { identity }) };
    ({ component: this.#component, port: this.#port } = await startOperator(this.#cluster, options));
    this.#isRestarting = false;
  }

  async untilReady(): Promise<void> {
    await waitFor(async () => (await fetch(`http://127.0.0.1:${this.#port}/readyz`)).ok, {
      deadlineMs: READY_MS,
      everyMs: 20,
      what: "the operator's readiness",
      check: () => this.#component.check(),
    });
  }

  async untilLeading(): Promise<void> {
    await waitFor(async () => /^odin_is_leader\{[^}]*\} 1$/m.test(await (await fetch(this.metricsAddress)).text()), {
      deadlineMs: READY_MS,
      everyMs: 20,
      what: "the operator's leadership",
      check: () => this.#component.check(),
    });
  }

  async submit({ name, tasks }: BenchRun): Promise<void> {
    for (const { name: task } of tasks) {
      for (let attempt = 1; attempt <= MOST_ATTEMPTS; attempt++) {
        this.#pods.set(podName(name, task, attempt), { run: name, task, attempt });
      }
    }
    await this.#cluster.client.create(collectionPath(PIPELINE, NAMESPACE), {
      apiVersion: API_VERSION,
      kind: PIPELINE.kind,
      metadata: { name },
      spec: { tasks: tasks.map(taskOf), user: "bench" },
    });
  }

  async unfinished(runs: readonly BenchRun[]): Promise<string[]> {
    const measured = { labelSelector: `!${FINISHED}` };
    const { items } = await this.#cluster.client.listAll<PipelineObject>(collectionPath(PIPELINE, NAMESPACE), measured);
    if (this.#runsGoAway) {
      const left = new Set(items.map(({ metadata }) => metadata.name));
      return runs.map(({ name }) => name).filter((name) => left.has(name));
    }
    const done = new Set(
      items
        .filter(({ status }) => status?.phase === "DONE" && status.counts?.executed === status.counts?.total)
        .map(({ metadata }) => metadata.name),
    );
    return runs.map(({ name }) => name).filter((name) => !done.has(name));
  }

  identify(pod: string): PodIdentity | undefined {
    return this.#pods.get(pod);
  }

  async sentBytes(): Promise<Map<string, number>> {
    const text = await (await fetch(this.metricsAddress)).text();
    // Older revisions, which this one is compared with, have it under another name.
    const lines = text.matchAll(/^odin_(?:api|k8s)_request_bytes_total\{verb="(\w+)",resource="([^"]+)"\} (\S+)$/gm);
    return new Map([...lines].map(([, verb, resource, value]) => [`${verb} ${resource}`, Number(value)]));
  }

  async stop(): Promise<void> {
    try {
      process.kill(this.#component.pid, "SIGTERM");
    } catch {
      // It has ended already.
    }
  }
}

async function startOperator(
  cluster: BenchCluster,
  { root, identity = "bench", flags = [], nodeFlags = [] }: OperatorOptions,
): Promise<{ component: Component; port: number }> {
  const [port = 0] = await freePorts(1);
  const program = [
    process.execPath,
    ...nodeFlags,
    await programOf(root),
    "operator",
    `--kubeconfig=${cluster.operatorKubeconfig}`,
    `--namespace=${NAMESPACE}`,
    `--identity=${identity}`,
    "--install-crds=false",
    "--store=none",
    `--metrics-listen=127.0.0.1:${port}`,
    ...flags,
  ];
  const bound =
    cluster.controllerProcessors === undefined ? program : ["taskset", "-c", cluster.controllerProcessors, ...program];
  const [command = "", ...args] = bound;
  return { component: await cluster.plane.addComponent("operator", command, args), port };
}

function taskOf({ name, depends, failsOnce }: BenchTask): object {
  return {
    name,
    image: failsOnce ? FAILS_ONCE : "simulated",
    command: ["run"],
    ...(depends.length === 0 ? {} : { depends }),
    ...(failsOnce ? { retries: 1 } : {}),
  };
}
