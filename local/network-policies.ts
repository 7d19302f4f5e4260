import { join } from "node:path";
import type { AdminApi } from "./admin-api.ts";
import { Component } from "./component.ts";
import { writeKubeconfig } from "./kubeconfig.ts";
import type { Layout } from "./layout.ts";
import type { NodeNamespace } from "./node-namespace.ts";
import type { Pki } from "./pki.ts";
import { waitFor } from "./wait.ts";

/** What the enforcement reads, and where it runs. */
export interface NetworkPoliciesOptions {
  layout: Layout;
  pki: Pki;
  namespace: NodeNamespace;
  server: string;
  api: AdminApi;
  diesWithStarter: boolean;
  signal?: AbortSignal | undefined;
}

const USER = "odin-local-network-policies";
const PROGRAM = join(import.meta.dirname, "network-policies-main.js");
/** What the program says when the first rules are in force. */
export const ENFORCING = "enforcing";
const READY_WITHIN_MS = 90_000;

/** Starts the process that enforces NetworkPolicies between the pods of the cluster's nodes, and waits until it does. */
export async function startNetworkPolicies(o: NetworkPoliciesOptions): Promise<Component> {
  const kubeconfig = join(o.layout.pki, "network-policies.kubeconfig");
  await writeKubeconfig(kubeconfig, {
    server: o.server,
    authority: o.pki.authorityCertificate,
    user: USER,
    credentials: o.pki.client(USER),
  });
  const group = "rbac.authorization.k8s.io";
  const metadata = { name: "odin-local:network-policies" };
  const verbs = ["list", "watch"];
  await o.api.ensure(`/apis/${group}/v1/clusterroles`, {
    metadata,
    rules: [
      { apiGroups: [""], resources: ["pods", "namespaces"], verbs },
      { apiGroups: ["networking.k8s.io"], resources: ["networkpolicies"], verbs },
    ],
  });
  await o.api.ensure(`/apis/${group}/v1/clusterrolebindings`, {
    metadata,
    roleRef: { apiGroup: group, kind: "ClusterRole", name: metadata.name },
    subjects: [{ apiGroup: group, kind: "User", name: USER }],
  });
  const component = await Component.start({
    name: "network-policies",
    ...o.namespace.enterNetwork(process.execPath, [PROGRAM, kubeconfig]),
    logPath: join(o.layout.logs, "network-policies.log"),
    clusterId: o.layout.id,
    diesWithStarter: o.diesWithStarter,
  });
  await waitFor(() => component.logHolds(ENFORCING), {
    deadlineMs: READY_WITHIN_MS,
    what: "the first enforcement of network policies",
    check: () => component.check(),
    signal: o.signal,
  });
  return component;
}
