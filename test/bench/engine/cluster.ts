import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { KubeConfig } from "@kubernetes/client-node";
import { KubeClient } from "../../../kube/client.ts";
import { collectionPath, objectPath } from "../../../kube/resource.ts";
import type { Component } from "../../../local/component.ts";
import { type OwnControlPlane, startControlPlane } from "../../../local/control-plane.ts";
import type { Progress } from "../../../local/progress.ts";
import { waitFor } from "../../../local/wait.ts";
import { addSimulatedNodes } from "../../support/simulated-nodes.ts";
import type { SimulatedPods } from "../../support/simulated-stages.ts";
import { installDefinitions } from "../definitions.ts";
import { bind, type Placement, processorsOf } from "./placement.ts";

/** Namespace of everything that is measured. */
export const NAMESPACE = "bench";
/** Whom the operator is to the API server. */
export const OPERATOR_ACCOUNT = "odin-operator";
export const OPERATOR_USER = `system:serviceaccount:${NAMESPACE}:${OPERATOR_ACCOUNT}`;

const NODES = 10;
/** The API server holds each creation of a custom object back for two seconds while its definition is younger than that, counted in whole seconds. */
const YOUNG_DEFINITION_MS = 3_000;
const SERVICE_ACCOUNT = {
  group: "",
  version: "v1",
  plural: "serviceaccounts",
  kind: "ServiceAccount",
  namespaced: true,
} as const;
const NAMESPACES = { group: "", version: "v1", plural: "namespaces", kind: "Namespace", namespaced: false } as const;
const BINDINGS = {
  group: "rbac.authorization.k8s.io",
  version: "v1",
  plural: "clusterrolebindings",
  kind: "ClusterRoleBinding",
  namespaced: false,
} as const;

/** How a cluster for one measurement is made. */
export interface BenchClusterOptions {
  /** A new directory for it. */
  directory: string;
  /** Checkout whose custom resource definitions are installed. */
  root: string;
  /** How pods behave. */
  pods: SimulatedPods;
  placement: Placement;
  /** The process under test, where it is one of the control plane. */
  controller?: "kube-controller-manager";
  progress: Progress;
  signal: AbortSignal;
}

/** A control plane with simulated nodes, without anything in it yet. */
export interface BenchCluster {
  plane: OwnControlPlane;
  client: KubeClient;
  auditLog: string;
  /** Kubeconfig of the operator. */
  operatorKubeconfig: string;
  /** Processors of the controller under test. */
  controllerProcessors: string | undefined;
  /** The running process of that name; it may have been restarted. */
  component(name: string): Component;
  /** Puts a restarted process in the place of the one that ended. */
  replace(component: Component): void;
  stop(): Promise<void>;
}

/**
 * Starts etcd, API server, controller-manager and scheduler with limits that nobody in the measurement reaches, and ten simulated nodes. The
 * operator gets an account of its own, so that the audit log tells its requests from all others.
 */
export async function startBenchCluster(o: BenchClusterOptions): Promise<BenchCluster> {
  const policy = `${o.directory}-audit-policy.json`;
  await writeFile(policy, JSON.stringify(auditPolicy));
  const plane = await startControlPlane({
    dir: o.directory,
    progress: o.progress,
    signal: o.signal,
    auditLog: true,
    scheduler: true,
    controllerManager: true,
    flags: {
      // One file, however long it gets: a log that is rotated cannot be followed.
      "kube-apiserver": { "audit-policy-file": policy, "audit-log-maxsize": "100000" },
      "kube-controller-manager": { "kube-api-qps": "1000", "kube-api-burst": "2000", "concurrent-job-syncs": "32" },
      "kube-scheduler": { "kube-api-qps": "1000", "kube-api-burst": "2000" },
    },
  });
  try {
    const kubeConfig = new KubeConfig();
    kubeConfig.loadFromFile(plane.kubeconfig);
    const client = new KubeClient({ kubeConfig, userAgent: "odin-bench" });
    await installDefinitions(plane, o.root, o.signal);
    const establishedAt = performance.now();
    await prepareNamespace(client, o.signal);
    const simulator = await addSimulatedNodes(plane, client, NODES, o.pods, o.progress);
    const components = new Map([...plane.components, simulator].map((one) => [one.name, one]));
    const { controller, others } = processorsOf(o.placement);
    for (const { name, pid } of components.values()) await bind(pid, name === o.controller ? controller : others);
    const operatorKubeconfig = join(o.directory, "operator.kubeconfig");
    await writeOperatorKubeconfig(plane, client, operatorKubeconfig);
    const youngMs = establishedAt + YOUNG_DEFINITION_MS - performance.now();
    await delay(Math.max(0, youngMs), undefined, { signal: o.signal });
    return {
      plane,
      client,
      auditLog: plane.auditLog ?? "",
      operatorKubeconfig,
      controllerProcessors: controller,
      component: (name) => {
        const found = components.get(name);
        if (found === undefined) throw new Error(`there is no process ${name}`);
        return found;
      },
      replace: (component) => void components.set(component.name, component),
      stop: async () => {
        client.close();
        await plane.stop();
      },
    };
  } catch (error) {
    await plane.stop();
    throw error;
  }
}

/** One line for each answered request; when it was received is on that line, too. */
const auditPolicy = {
  apiVersion: "audit.k8s.io/v1",
  kind: "Policy",
  omitStages: ["RequestReceived", "ResponseStarted"],
  rules: [{ level: "Metadata" }],
};

async function prepareNamespace(client: KubeClient, signal: AbortSignal): Promise<void> {
  await client.create(collectionPath(NAMESPACES), object("Namespace", NAMESPACE));
  await client.create(collectionPath(SERVICE_ACCOUNT, NAMESPACE), object("ServiceAccount", OPERATOR_ACCOUNT));
  await client.create(collectionPath(BINDINGS), {
    ...object("ClusterRoleBinding", "bench-operator"),
    apiVersion: "rbac.authorization.k8s.io/v1",
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
    subjects: [{ kind: "ServiceAccount", name: OPERATOR_ACCOUNT, namespace: NAMESPACE }],
  });
  // Pods are refused until the controller-manager has made it.
  const account = objectPath(SERVICE_ACCOUNT, NAMESPACE, "default");
  await waitFor(() => client.get(account), { deadlineMs: 30_000, what: "the default service account", signal });
}

function object(kind: string, name: string): object {
  return { apiVersion: "v1", kind, metadata: { name } };
}

async function writeOperatorKubeconfig(plane: OwnControlPlane, client: KubeClient, file: string): Promise<void> {
  const path = objectPath(SERVICE_ACCOUNT, NAMESPACE, OPERATOR_ACCOUNT, "token");
  const { status } = await client.create<{ status: { token: string } }>(path, {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenRequest",
    spec: { expirationSeconds: 24 * 3600 },
  });
  const own = new KubeConfig();
  own.loadFromFile(plane.kubeconfig);
  const cluster = own.getCurrentCluster();
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      { name: "bench", cluster: { server: plane.server, "certificate-authority-data": cluster?.caData ?? "" } },
    ],
    users: [{ name: "operator", user: { token: status.token } }],
    contexts: [{ name: "bench", context: { cluster: "bench", user: "operator", namespace: NAMESPACE } }],
    "current-context": "bench",
  };
  await writeFile(file, JSON.stringify(config), { mode: 0o600 });
}
