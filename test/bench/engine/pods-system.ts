import { KubeConfig } from "@kubernetes/client-node";
import type { Pipeline, Task } from "../../../crds/generated/types.ts";
import { API_VERSION, PIPELINE } from "../../../crds/resources.ts";
import { DEFAULT_PATHS } from "../../../crds/run-paths.ts";
import { KubeClient } from "../../../kube/client.ts";
import { POD } from "../../../kube/core-resources.ts";
import { collectionPath, type KubeObject } from "../../../kube/resource.ts";
import { planOf } from "../../../operator/decide/plan.ts";
import { attemptName } from "../../../operator/kinds/attempt.ts";
import { POD_FORM } from "../../../operator/kinds/pod.ts";
import { type BenchCluster, NAMESPACE, OPERATOR_USER } from "./cluster.ts";
import type { BenchRun } from "./graphs.ts";
import type { PodIdentity, System } from "./system.ts";

interface PodObject extends KubeObject {
  status?: { phase?: string };
}

/**
 * The box's own limit: the pods that the operator would make, created by a plain client that looks at nothing and writes nothing else. Whatever turns
 * something into pods here does at least this. Runs of one task only.
 */
export class PodsSystem implements System {
  readonly user = OPERATOR_USER;
  readonly resource = "pods";
  readonly #cluster: BenchCluster;
  readonly #client: KubeClient;
  readonly #pods = new Map<string, string>();
  #sentBytes = 0;

  constructor(cluster: BenchCluster) {
    this.#cluster = cluster;
    const kubeConfig = new KubeConfig();
    kubeConfig.loadFromFile(cluster.operatorKubeconfig);
    this.#client = new KubeClient({ kubeConfig, userAgent: "odin-bench-pods" });
  }

  /** It is the benchmark itself that creates them. */
  pid(): undefined {
    return undefined;
  }

  check(): void {}

  async submit({ name, tasks: [task, ...others] }: BenchRun): Promise<void> {
    if (task === undefined || others.length > 0) throw new Error(`${name} must have one task: it is one pod`);
    const { pod, object } = podOf(name, task.name);
    this.#pods.set(pod, name);
    const body = Buffer.from(JSON.stringify(object));
    this.#sentBytes += body.length;
    await this.#client.create(collectionPath(POD, NAMESPACE), body, { lane: "create" });
  }

  async unfinished(runs: readonly BenchRun[]): Promise<string[]> {
    const { items } = await this.#cluster.client.listAll<PodObject>(collectionPath(POD, NAMESPACE));
    const ended = items.filter(({ status }) => status?.phase === "Succeeded").map(({ metadata }) => metadata.name);
    const done = new Set(ended.map((pod) => this.#pods.get(pod)));
    return runs.map(({ name }) => name).filter((name) => !done.has(name));
  }

  identify(pod: string): PodIdentity | undefined {
    const run = this.#pods.get(pod);
    return run === undefined ? undefined : { run, task: "t0", attempt: 1 };
  }

  async sentBytes(): Promise<Map<string, number>> {
    return new Map([["create pods", this.#sentBytes]]);
  }

  async stop(): Promise<void> {
    this.#client.close();
  }
}

/** What the operator sends for the one task of a run; without the owner, for there is no run that could be one. */
function podOf(name: string, taskName: string): { pod: string; object: Record<string, unknown> } {
  const task: Task = { name: taskName, image: "simulated", command: ["run"] };
  const run: Pipeline = {
    apiVersion: API_VERSION,
    kind: PIPELINE.kind,
    metadata: { name, namespace: NAMESPACE, uid: "", resourceVersion: "" },
    spec: { tasks: [task], user: "bench" },
  };
  const plan = planOf({ tasks: [task], files: [], failFast: false });
  const attempt = { run, plan, task, number: 1, args: [], env: {} };
  const object = POD_FORM.build(attempt, { paths: DEFAULT_PATHS, pullSecrets: [], elasticEtcd: "" });
  const { ownerReferences: _, ...metadata } = object.metadata as Record<string, unknown>;
  return { pod: attemptName(attempt), object: { ...object, metadata } };
}
