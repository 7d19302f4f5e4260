import { Resolver } from "node:dns/promises";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { AdminApi } from "./admin-api.ts";
import { Component } from "./component.ts";
import type { Addresses } from "./host-network.ts";
import { writeKubeconfig } from "./kubeconfig.ts";
import type { Layout } from "./layout.ts";
import { INSIDE, type NodeNamespace } from "./node-namespace.ts";
import type { Pki } from "./pki.ts";
import { waitFor } from "./wait.ts";

/** The suffix of every name of the cluster. */
export const CLUSTER_DOMAIN = "cluster.local";
/** The address that pods ask for names: the tenth of the service range, as by custom. */
export const DNS_SERVICE_ADDRESS = "10.96.0.10";

/** What the name server reads, and where it runs. */
export interface DnsOptions {
  layout: Layout;
  pki: Pki;
  addresses: Addresses;
  namespace: NodeNamespace;
  server: string;
  api: AdminApi;
  diesWithStarter: boolean;
  signal?: AbortSignal | undefined;
}

const USER = "odin-local-dns";
const SYSTEM_NAMESPACE = "kube-system";
const HEALTH_PORT = 8181;
const READY_WITHIN_MS = 90_000;
/** CoreDNS takes no more. */
const MOST_UPSTREAMS = 15;

/**
 * Starts CoreDNS on the node, not in a pod (so it needs no image), and makes the service that leads pods to it. It
 * answers some time later; `waitForDns` waits for that.
 */
export async function startDns(o: DnsOptions): Promise<Component> {
  await writeKubeconfig(join(o.layout.pki, "coredns.kubeconfig"), {
    server: o.server,
    authority: o.pki.authorityCertificate,
    user: USER,
    credentials: o.pki.client(USER),
  });
  await writeFile(join(o.layout.node, "Corefile"), corefile(o.addresses.node, await upstreams()));
  // The API server makes this namespace by itself, soon after it is ready.
  await waitFor(() => o.api.request("GET", `/api/v1/namespaces/${SYSTEM_NAMESPACE}`), {
    deadlineMs: READY_WITHIN_MS,
    everyMs: 50,
    what: `the namespace ${SYSTEM_NAMESPACE}`,
    signal: o.signal,
  });
  await Promise.all(
    [...permissions(), ...service(o.addresses.node)].map(([path, object]) => o.api.ensure(path, object)),
  );
  return Component.start({
    name: "coredns",
    ...o.namespace.enter(`${INSIDE.binaries}/coredns`, ["-conf", `${INSIDE.cluster}/node/Corefile`]),
    logPath: join(o.layout.logs, "coredns.log"),
    clusterId: o.layout.id,
    diesWithStarter: o.diesWithStarter,
  });
}

/** Waits until the started name server knows the cluster's own names. */
export async function waitForDns(dns: Component, node: string, signal: AbortSignal | undefined): Promise<void> {
  await waitFor(() => dnsAnswers(node), {
    deadlineMs: READY_WITHIN_MS,
    what: "the name server's first answer",
    check: () => dns.check(),
    signal,
  });
}

/** Whether the name server on the node at this address resolves the API server's name; throws if it says nothing. */
export async function dnsAnswers(node: string): Promise<boolean> {
  const resolver = new Resolver({ timeout: 1000, tries: 2 });
  resolver.setServers([node]);
  return (await resolver.resolve4(`kubernetes.default.svc.${CLUSTER_DOMAIN}`)).length > 0;
}

/**
 * `forward` fails at once where the machine's own name servers do not answer: a program in a pod must not wait many
 * seconds for each outside name. The cluster's names are not cached: they are in memory already, and a name that
 * was asked for a moment too early must not stay unknown.
 */
function corefile(address: string, forwardTo: readonly string[]): string {
  const forward =
    forwardTo.length === 0 ? "" : `  forward . ${forwardTo.join(" ")} {\n    failfast_all_unhealthy_upstreams\n  }\n`;
  return `.:53 {
  bind ${address}
  errors
  health ${address}:${HEALTH_PORT}
  kubernetes ${CLUSTER_DOMAIN} in-addr.arpa ip6.arpa {
    kubeconfig ${INSIDE.cluster}/pki/coredns.kubeconfig
    fallthrough in-addr.arpa ip6.arpa
  }
${forward}  cache 30 {
    disable success ${CLUSTER_DOMAIN}
    disable denial ${CLUSTER_DOMAIN}
  }
}
`;
}

/** The machine's name servers that the node can reach: not those on its loopback address, nor (the link is IPv4) IPv6. */
async function upstreams(): Promise<string[]> {
  // systemd-resolved keeps the real ones in the first.
  for (const path of ["/run/systemd/resolve/resolv.conf", "/etc/resolv.conf"]) {
    const text = await readFile(path, "utf8").catch(() => undefined);
    if (text === undefined) continue;
    const servers = [...text.matchAll(/^nameserver\s+(\d+\.\d+\.\d+\.\d+)\s*$/gm)].map((match) => match[1] ?? "");
    return servers.filter((server) => !server.startsWith("127.")).slice(0, MOST_UPSTREAMS);
  }
  return [];
}

type Named = [path: string, object: object];

function permissions(): Named[] {
  const group = "rbac.authorization.k8s.io";
  const verbs = ["list", "watch"];
  const metadata = { name: "odin-local:dns" };
  const rules = [
    { apiGroups: [""], resources: ["services", "namespaces"], verbs },
    { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs },
  ];
  const roleRef = { apiGroup: group, kind: "ClusterRole", name: metadata.name };
  const subjects = [{ apiGroup: group, kind: "User", name: USER }];
  return [
    [`/apis/${group}/v1/clusterroles`, { metadata, rules }],
    [`/apis/${group}/v1/clusterrolebindings`, { metadata, roleRef, subjects }],
  ];
}

/** A service without a selector, and its endpoint: the node itself. */
function service(node: string): Named[] {
  const name = "kube-dns"; // the custom, whatever the server is
  const ports = [
    { name: "dns", protocol: "UDP", port: 53 },
    { name: "dns-tcp", protocol: "TCP", port: 53 },
  ];
  const labels = { "kubernetes.io/service-name": name, "endpointslice.kubernetes.io/managed-by": "odin-local" };
  const endpoints = [{ addresses: [node], conditions: { ready: true } }];
  return [
    [
      `/api/v1/namespaces/${SYSTEM_NAMESPACE}/services`,
      { metadata: { name }, spec: { clusterIP: DNS_SERVICE_ADDRESS, ports } },
    ],
    [
      `/apis/discovery.k8s.io/v1/namespaces/${SYSTEM_NAMESPACE}/endpointslices`,
      { metadata: { name, labels }, addressType: "IPv4", endpoints, ports },
    ],
  ];
}
