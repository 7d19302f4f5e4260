import { randomUUID } from "node:crypto";
import { KubeConfig } from "@kubernetes/client-node";
import type { Pipeline, Task } from "../../../crds/generated/types.ts";
import { DEFAULT_PATHS } from "../../../crds/run-paths.ts";
import type { TaskKind } from "../../../crds/task-kinds.ts";
import { TASK_KIND_FACTS } from "../../../crds/task-kinds.ts";
import type { KubeClient } from "../../../kube/client.ts";
import { POD } from "../../../kube/core-resources.ts";
import { applyDefinition } from "../../../kube/definition.ts";
import { resourceKey, servedResources } from "../../../kube/discovery.ts";
import { isKubeError } from "../../../kube/errors.ts";
import { silentLogger } from "../../../kube/logger.ts";
import { collectionPath, type KubeObject, objectPath, type Resource } from "../../../kube/resource.ts";
import { planOf } from "../../../operator/decide/plan.ts";
import type { ObjectForm } from "../../../operator/kinds/object-form.ts";
import { until } from "../../support/deadline.ts";
import type { Definition } from "../../support/kind-definitions.ts";
import { kubectlDryRun, testVariable } from "../../support/kubectl.ts";
import type { Stage } from "./stage.ts";

const WAIT_MS = 180_000;
const CRD = {
  group: "apiextensions.k8s.io",
  version: "v1",
  plural: "customresourcedefinitions",
  kind: "CustomResourceDefinition",
  namespaced: false,
} as const;

/** A pod template inside an object. */
export interface Template {
  metadata: { labels: Record<string, string>; annotations: Record<string, string> };
  spec: {
    automountServiceAccountToken?: boolean;
    containers: {
      name: string;
      command?: string[];
      args?: string[];
      resources?: { limits?: Record<string, unknown> };
    }[];
  };
}

/** Replicas of one role. */
export interface Replicas {
  replicas: number;
  restartPolicy: string;
  template: Template;
}

/** An object of any kind, as far as these tests look at it. */
export interface TaskObject extends KubeObject {
  spec: {
    backoffLimit?: number;
    slotsPerWorker?: number;
    rdzvEndpoint?: string;
    minReplicas?: number;
    maxReplicas?: number;
    elasticPolicy?: { minReplicas?: number; maxReplicas?: number };
    template?: Template;
    pytorchReplicaSpecs?: Record<string, Replicas>;
    tfReplicaSpecs?: Record<string, Replicas>;
    mpiReplicaSpecs?: Record<string, Replicas>;
    replicaSpecs?: Record<string, Replicas>;
  };
}

/** Plays the operators of other kinds on a stage: applies their definitions, makes pods from templates, writes conditions. */
export class KindStage {
  readonly #stage: Stage;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  /** Installs definitions and waits until they are served. */
  async install(...definitions: Definition[]): Promise<void> {
    for (const definition of definitions)
      await applyDefinition(this.#stage.client, definition, { deadlineMs: WAIT_MS, logger: silentLogger });
    // The list of what is served follows a moment later.
    const wanted = definitions.flatMap(({ spec: { group, names, versions } }) =>
      versions.map(({ name }) => ({ group, version: name, ...names, namespaced: true })),
    );
    await until(() => servedResources(this.#stage.client, wanted), WAIT_MS, {
      describe: "the kinds are served",
      accept: (served) => wanted.every((resource) => served.has(resourceKey(resource))),
    });
  }

  /** Takes definitions away, with all objects of the kind, and waits until they are gone. */
  async uninstall(...names: string[]): Promise<void> {
    const { client } = this.#stage;
    for (const name of names) {
      const path = objectPath(CRD, undefined, name);
      await client.delete(path, {}).catch(() => undefined);
      await until(async () => (await client.listAll<KubeObject>(collectionPath(CRD, undefined))).items, WAIT_MS, {
        describe: `${name} is gone`,
        accept: (items) => items.every(({ metadata }) => metadata.name !== name),
      });
    }
  }

  /** Waits until the task's object is there. */
  async object(resource: Resource, name: string): Promise<TaskObject> {
    const path = objectPath(resource, this.#stage.namespace, name);
    return await until(() => this.#stage.client.get<TaskObject>(path), WAIT_MS, {
      describe: `${resource.kind} ${name}`,
    });
  }

  async isGone(resource: Resource, name: string): Promise<boolean> {
    try {
      await this.#stage.client.get(objectPath(resource, this.#stage.namespace, name));
      return false;
    } catch (error) {
      if (isKubeError(error, "notFound")) return true;
      throw error;
    }
  }

  /** Waits until the run has ended, one way or the other. */
  async ended(run: string): Promise<Pipeline> {
    return await this.#stage.untilRun(run, "ends", ({ status }) => status?.completionTime !== undefined);
  }

  /** Says of an object what its operator would say. */
  async setStatus(resource: Resource, name: string, status: Record<string, unknown>): Promise<void> {
    // ElasticJob has no status subresource.
    const subresource = resource.kind === "ElasticJob" ? undefined : "status";
    const path = objectPath(resource, this.#stage.namespace, name, subresource);
    await this.#stage.client.patch(path, "merge", { status });
  }

  /** Asks the API server whether it would take the object of a task as it is built, and knows every field of it. */
  async checkStrictly(form: ObjectForm, task: Task): Promise<void> {
    const run = {
      apiVersion: "odin.io/v1",
      kind: "Pipeline",
      metadata: { name: "strict", namespace: this.#stage.namespace, uid: randomUUID(), resourceVersion: "1" },
      spec: {},
    };
    const definition = { tasks: [task], files: [], failFast: false, job: "a/job" };
    const attempt = { run, plan: planOf(definition, undefined), task, number: 1, args: ["x"], env: { A: "b" } };
    const settings = { paths: DEFAULT_PATHS, pullSecrets: ["registry"], elasticEtcd: "etcd:2379" };
    await kubectlDryRun(this.#stage.namespace, form.build(attempt, settings));
  }

  /** Makes a pod of an object as its operator would: the template, the object as owner. */
  async makePod(object: KubeObject, resource: Resource, template: Template, suffix: string): Promise<string> {
    const { name, uid } = object.metadata;
    const pod = `${name}-${suffix}`;
    const apiVersion = `${resource.group}/${resource.version}`;
    await this.#stage.client.create(collectionPath(POD, this.#stage.namespace), {
      apiVersion: "v1",
      kind: "Pod",
      metadata: {
        name: pod,
        labels: { ...template.metadata.labels, "training.kubeflow.org/job-name": name },
        annotations: template.metadata.annotations,
        ownerReferences: [{ apiVersion, kind: resource.kind, name, uid, controller: true }],
      },
      spec: { restartPolicy: "Never", ...template.spec },
    });
    return pod;
  }

  /** Says of a pod what a kubelet would say at its end. */
  async endPod(pod: string, exitCode: number, message?: string): Promise<void> {
    const now = new Date().toISOString();
    const terminated = {
      exitCode,
      reason: exitCode === 0 ? "Completed" : "Error",
      startedAt: now,
      finishedAt: now,
      ...(message === undefined ? {} : { message }),
    };
    const { spec } = await this.#stage.client.get<KubeObject & Template>(objectPath(POD, this.#stage.namespace, pod));
    const name = spec.containers[0]?.name;
    const container = { name, image: "i", imageID: "", ready: false, restartCount: 0, state: { terminated } };
    await this.setPodStatus(pod, { phase: exitCode === 0 ? "Succeeded" : "Failed", containerStatuses: [container] });
  }

  async setPodStatus(pod: string, status: Record<string, unknown>): Promise<void> {
    await this.#stage.client.patch(objectPath(POD, this.#stage.namespace, pod, "status"), "strategic", { status });
  }
}

/** An account that may do everything to everything, but nothing to the groups of other operators; `remove` takes it away. */
export async function accountWithoutKinds(
  client: KubeClient,
): Promise<{ config: KubeConfig; remove(): Promise<void> }> {
  const name = `odin-rights-${randomUUID().slice(0, 8)}`;
  const rbac = "/apis/rbac.authorization.k8s.io/v1";
  const accounts = "/api/v1/namespaces/default/serviceaccounts";
  await client.create(accounts, { metadata: { name } });
  const rule = { apiGroups: ["", "batch", "odin.io", "events.k8s.io"], resources: ["*"], verbs: ["*"] };
  await client.create(`${rbac}/clusterroles`, { metadata: { name }, rules: [rule] });
  await client.create(`${rbac}/clusterrolebindings`, {
    metadata: { name },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name },
    subjects: [{ kind: "ServiceAccount", name, namespace: "default" }],
  });
  const { status } = await client.create<{ status: { token: string } }>(`${accounts}/${name}/token`, {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenRequest",
    spec: {},
  });
  const config = new KubeConfig();
  config.loadFromFile(testVariable("KUBECONFIG"));
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new Error("the kubeconfig of the tests names no cluster");
  config.loadFromClusterAndUser(cluster, { name, token: status.token });
  return {
    config,
    remove: async () => {
      for (const path of [`${rbac}/clusterrolebindings/${name}`, `${rbac}/clusterroles/${name}`, `${accounts}/${name}`])
        await client.delete(path);
    },
  };
}

/** The resource in which a kind is preferred. */
export function resourceOf(kind: TaskKind): Resource {
  return TASK_KIND_FACTS[kind].resources[0];
}

/** A condition that holds. */
export function condition(type: string, reason = `Test${type}`, message = `the test says ${type}`): object {
  return { type, status: "True", reason, message, lastTransitionTime: new Date().toISOString() };
}
