import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AdminApi } from "./admin-api.ts";
import { type AuditLog, auditPolicy } from "./audit-policy.ts";
import type { KubernetesBinary } from "./binaries.ts";
import { Component } from "./component.ts";
import { writeKubeconfig } from "./kubeconfig.ts";
import type { Layout } from "./layout.ts";
import type { CredentialFiles, Pki } from "./pki.ts";
import { waitFor } from "./wait.ts";

/** The address that every service-account client in a pod uses: the first of the service range. */
export const SERVICE_RANGE = "10.96.0.0/16";
const SERVICE_ADDRESS = "10.96.0.1";
const SERVICE_NAMES = [
  "kubernetes",
  "kubernetes.default",
  "kubernetes.default.svc",
  "kubernetes.default.svc.cluster.local",
];
const READY_WITHIN_MS = 90_000;

/** Flags of the components, without the leading dashes. */
export type ComponentFlags = Partial<Record<keyof LaunchPlan["binaries"], Record<string, string>>>;

/** What to start and where. */
export interface LaunchPlan {
  layout: Layout;
  pki: Pki;
  binaries: Record<Exclude<KubernetesBinary, "kubelet" | "kube-proxy">, string>;
  /** Where the API server listens; also the address its clients use. */
  address: string;
  ports: { api: number; etcd: number; etcdPeer: number };
  /** A node will join: announce the API server at the service address and let it reach kubelets. */
  hasNode: boolean;
  auditLog: AuditLog;
  scheduler: boolean;
  controllerManager: boolean;
  diesWithStarter: boolean;
  /** How a program is run where the control plane lives. */
  enter: (command: string, args: readonly string[]) => { command: string; args: readonly string[] };
  /** Flags over those that are chosen here. */
  flags?: ComponentFlags | undefined;
  signal?: AbortSignal | undefined;
}

/** A control plane that answers. */
export interface LaunchedControlPlane {
  server: string;
  api: AdminApi;
  components: Component[];
}

/** Starts the components in order and returns once the API server is ready and serves the default namespace. */
export async function launchControlPlane(plan: LaunchPlan): Promise<LaunchedControlPlane> {
  const { layout, pki } = plan;
  const server = `https://${plan.address}:${plan.ports.api}`;
  const credentials = pki.client("odin-local-admin", ["system:masters"]);
  await writeKubeconfig(layout.kubeconfig, {
    server,
    authority: pki.authorityCertificate,
    user: "odin-local-admin",
    credentials,
  });
  const components: Component[] = [];
  const api = new AdminApi({ server, authority: pki.authorityCertificate, credentials });
  const check = () => {
    for (const component of components) component.check();
  };
  try {
    components.push(await start(plan, "etcd", await etcdFlags(plan)));
    components.push(await start(plan, "kube-apiserver", await apiServerFlags(plan)));
    await waitFor(() => api.isReady(), {
      deadlineMs: READY_WITHIN_MS,
      everyMs: 50,
      what: "the API server's readiness",
      check,
      signal: plan.signal,
    });
    if (plan.controllerManager) components.push(await start(plan, "kube-controller-manager", await managerFlags(plan)));
    if (plan.scheduler) components.push(await start(plan, "kube-scheduler", await schedulerFlags(plan)));
    // Made by the API server itself; the service account, which pods need, by the controller-manager.
    const first = plan.controllerManager ? "/serviceaccounts/default" : "";
    await waitFor(() => api.request("GET", `/api/v1/namespaces/default${first}`), {
      deadlineMs: READY_WITHIN_MS,
      what: plan.controllerManager ? "the default service account" : "the default namespace",
      check,
      signal: plan.signal,
    });
    return { server, api, components };
  } catch (error) {
    api.close();
    throw error;
  }
}

function start(
  plan: LaunchPlan,
  name: keyof LaunchPlan["binaries"],
  flags: Record<string, string>,
): Promise<Component> {
  const args = Object.entries({ ...flags, ...plan.flags?.[name] }).map(([flag, value]) => `--${flag}=${value}`);
  return Component.start({
    name,
    ...plan.enter(plan.binaries[name], args),
    logPath: join(plan.layout.logs, `${name}.log`),
    clusterId: plan.layout.id,
    diesWithStarter: plan.diesWithStarter,
  });
}

async function etcdFlags(plan: LaunchPlan): Promise<Record<string, string>> {
  const { pki, ports } = plan;
  const both = { usages: ["serverAuth", "clientAuth"] as ("serverAuth" | "clientAuth")[] };
  const own = await pki.issueForEtcd("etcd", {
    commonName: "etcd",
    ...both,
    dnsNames: ["localhost"],
    addresses: ["127.0.0.1"],
  });
  const client = `https://127.0.0.1:${ports.etcd}`;
  const peer = `https://127.0.0.1:${ports.etcdPeer}`;
  return {
    name: "odin",
    "data-dir": plan.layout.etcd,
    "listen-client-urls": client,
    "advertise-client-urls": client,
    "listen-peer-urls": peer,
    "initial-advertise-peer-urls": peer,
    "initial-cluster": `odin=${peer}`,
    "cert-file": own.certificate,
    "key-file": own.key,
    "trusted-ca-file": own.authority,
    "client-cert-auth": "true",
    "peer-cert-file": own.certificate,
    "peer-key-file": own.key,
    "peer-trusted-ca-file": own.authority,
    "peer-client-cert-auth": "true",
    // The data is thrown away with the cluster; waiting for the disk would only slow every write down.
    "unsafe-no-fsync": "true",
    // A single member has nobody to wait for: the default second of election time is dead time at every start.
    "heartbeat-interval": "50",
    "election-timeout": "500",
    "log-level": "warn",
  };
}

async function apiServerFlags(plan: LaunchPlan): Promise<Record<string, string>> {
  const { pki, ports, layout } = plan;
  const etcd = await pki.issueForEtcd("apiserver-etcd-client", {
    commonName: "kube-apiserver",
    usages: ["clientAuth"],
  });
  const serving = await pki.issue("apiserver", {
    commonName: "kube-apiserver",
    usages: ["serverAuth"],
    dnsNames: ["localhost", ...SERVICE_NAMES],
    addresses: [...new Set(["127.0.0.1", SERVICE_ADDRESS, plan.address])],
  });
  const flags: Record<string, string> = {
    "etcd-servers": `https://127.0.0.1:${ports.etcd}`,
    "etcd-cafile": etcd.authority,
    "etcd-certfile": etcd.certificate,
    "etcd-keyfile": etcd.key,
    "bind-address": plan.address,
    "advertise-address": plan.address,
    "secure-port": String(ports.api),
    "tls-cert-file": serving.certificate,
    "tls-private-key-file": serving.key,
    "tls-min-version": "VersionTLS12",
    "client-ca-file": serving.authority,
    "anonymous-auth": "false",
    "authorization-mode": "Node,RBAC",
    "enable-admission-plugins": "NodeRestriction",
    "allow-privileged": "true",
    "service-cluster-ip-range": SERVICE_RANGE,
    "service-account-issuer": "https://kubernetes.default.svc.cluster.local",
    "service-account-key-file": pki.serviceAccount.publicKey,
    "service-account-signing-key-file": pki.serviceAccount.privateKey,
    profiling: "false",
  };
  if (plan.hasNode) Object.assign(flags, await kubeletClientFlags(pki));
  // A loopback address cannot be an endpoint of the kubernetes service.
  else flags["endpoint-reconciler-type"] = "none";
  if (plan.auditLog) Object.assign(flags, await auditFlags(layout, plan.auditLog));
  return flags;
}

/** How the API server reaches kubelets for logs and exec; RBAC must grant this user `system:kubelet-api-admin`. */
async function kubeletClientFlags(pki: Pki): Promise<Record<string, string>> {
  const client: CredentialFiles = await pki.issue("apiserver-kubelet-client", {
    commonName: KUBELET_CLIENT_USER,
    usages: ["clientAuth"],
  });
  return {
    "kubelet-client-certificate": client.certificate,
    "kubelet-client-key": client.key,
    "kubelet-certificate-authority": client.authority,
    // The node's name resolves nowhere.
    "kubelet-preferred-address-types": "InternalIP",
  };
}

/** The user as whom the API server calls kubelets. */
export const KUBELET_CLIENT_USER = "kube-apiserver-kubelet-client";

async function auditFlags(layout: Layout, log: AuditLog): Promise<Record<string, string>> {
  const policy = join(layout.directory, "audit-policy.json");
  await writeFile(policy, JSON.stringify(auditPolicy(log)));
  return {
    "audit-policy-file": policy,
    "audit-log-path": layout.auditLog,
    // Not batched: whoever got an answer finds the request's line in the file.
    "audit-log-mode": "blocking",
    // One file to the end: it is by its lines that requests are counted, also the early ones.
    "audit-log-maxsize": "0",
  };
}

async function managerFlags(plan: LaunchPlan): Promise<Record<string, string>> {
  const kubeconfig = await componentKubeconfig(plan, "kube-controller-manager", "system:kube-controller-manager");
  return {
    kubeconfig,
    "service-account-private-key-file": plan.pki.serviceAccount.privateKey,
    // Without it pods get an empty ca.crt, and no client in a pod can verify the API server.
    "root-ca-file": join(plan.layout.pki, "ca.crt"),
    "use-service-account-credentials": "true",
    // Each of its controllers makes an account of its own: at the default rate of 20 that takes five seconds.
    "kube-api-qps": "500",
    "kube-api-burst": "1000",
    "leader-elect": "false",
    "secure-port": "0",
  };
}

async function schedulerFlags(plan: LaunchPlan): Promise<Record<string, string>> {
  const kubeconfig = await componentKubeconfig(plan, "kube-scheduler", "system:kube-scheduler");
  return { kubeconfig, "leader-elect": "false", "secure-port": "0" };
}

async function componentKubeconfig(plan: LaunchPlan, name: string, user: string): Promise<string> {
  const path = join(plan.layout.pki, `${name}.kubeconfig`);
  await writeKubeconfig(path, {
    server: `https://${plan.address}:${plan.ports.api}`,
    authority: plan.pki.authorityCertificate,
    user,
    credentials: plan.pki.client(user),
  });
  return path;
}
