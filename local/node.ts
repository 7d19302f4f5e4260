import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { AdminApi } from "./admin-api.ts";
import { createCgroup } from "./cgroup.ts";
import { run } from "./command.ts";
import { Component } from "./component.ts";
import { KUBELET_CLIENT_USER } from "./control-plane-launch.ts";
import type { Addresses } from "./host-network.ts";
import { cniDirectory } from "./host-packages.ts";
import { writeKubeconfig } from "./kubeconfig.ts";
import type { Layout } from "./layout.ts";
import { inside, writeNodeConfig } from "./node-config.ts";
import { containerdCommand, importImages } from "./node-images.ts";
import { INSIDE, type NodeNamespace } from "./node-namespace.ts";
import { NODE_NAME, type NodeSeat } from "./node-seat.ts";
import type { Pki } from "./pki.ts";
import type { Step } from "./progress.ts";
import { waitFor } from "./wait.ts";

/** What the node joins, and where it runs. */
export interface NodeOptions {
  layout: Layout;
  seat: NodeSeat;
  pki: Pki;
  addresses: Addresses;
  namespace: NodeNamespace;
  server: string;
  api: AdminApi;
  /** Archive with the images that the node has from the start. */
  images: string;
  diesWithStarter: boolean;
  step: Step;
  signal?: AbortSignal | undefined;
}

const READY_WITHIN_MS = 90_000;

/** Starts containerd and the kubelet in the namespace, and kube-proxy with the first node; returns them once pods can be scheduled. */
export async function startNode(o: NodeOptions): Promise<Component[]> {
  const components: Component[] = [];
  const check = () => {
    o.namespace.component.check();
    for (const component of components) component.check();
  };
  const wait = { deadlineMs: READY_WITHIN_MS, check, signal: o.signal };
  await createCgroup(`${o.layout.id}${o.seat.cgroup}`);
  await issueCredentials(o);
  const config = await writeNodeConfig({
    layout: o.layout,
    seat: o.seat,
    addresses: o.addresses,
    cniPlugins: await cniDirectory(),
    snapshotter: await snapshotter(o.layout, o.seat.suffix),
  });

  o.step.update("starting containerd");
  components.push(await start(o, "containerd", "containerd", ["--config", config.containerd], proxyEnvironment()));
  await waitFor(() => containerdCommand(o.namespace.pid, o.seat, ["version"]), {
    ...wait,
    what: "containerd's first answer",
  });
  o.step.update("loading images");
  // Both to their end, also if one fails: what is started while the cleaning up runs would be left over.
  const [loaded, started] = await Promise.allSettled([
    importImages(o.namespace.pid, o.seat, o.images, o.signal),
    startKubelet(o, config.kubelet, components),
  ]);
  if (started.status === "rejected") throw started.reason;
  if (loaded.status === "rejected") throw loaded.reason;
  o.step.update("waiting for the kubelet");
  await waitFor(() => nodeIsReady(o.api, o.seat.name), { ...wait, what: "the node's readiness" });
  return components;
}

/** Starts the kubelet and kube-proxy and adds them to `components`. */
async function startKubelet(o: NodeOptions, config: string, components: Component[]): Promise<void> {
  await o.api.ensure("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {
    metadata: { name: "odin-local:kubelet-api" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "system:kubelet-api-admin" },
    subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: KUBELET_CLIENT_USER }],
  });
  const kubelet = [
    `--config=${config}`,
    `--kubeconfig=${inside(`pki/kubelet${o.seat.suffix}.kubeconfig`)}`,
    `--root-dir=${inside(`node/kubelet${o.seat.suffix}`)}`,
    `--hostname-override=${o.seat.name}`,
    `--node-ip=${o.addresses.node}`,
  ];
  components.push(await start(o, "kubelet", `${INSIDE.binaries}/kubelet`, kubelet));
  if (o.seat.name !== NODE_NAME) return;
  const proxy = [
    `--kubeconfig=${inside("pki/kube-proxy.kubeconfig")}`,
    `--hostname-override=${NODE_NAME}`,
    `--cluster-cidr=${o.addresses.pods}`,
    "--proxy-mode=iptables",
    // Connection-tracking limits belong to the whole machine.
    "--conntrack-max-per-core=0",
    "--conntrack-tcp-timeout-established=0s",
    "--conntrack-tcp-timeout-close-wait=0s",
    "--healthz-bind-address=",
    "--metrics-bind-address=127.0.0.1:10249",
  ];
  components.push(await start(o, "kube-proxy", `${INSIDE.binaries}/kube-proxy`, proxy));
}

/**
 * Makes the scheduler believe in that many GPUs on the first node. The hardware is simulated: a pod that asks for one is placed and counted
 * like on a real node, and finds no device in its container.
 */
export async function advertiseGpus(api: AdminApi, count: number): Promise<void> {
  const patch = { status: { capacity: { "nvidia.com/gpu": String(count) } } };
  const path = `/api/v1/nodes/${NODE_NAME}/status`;
  await api.request("PATCH", path, patch, "application/merge-patch+json");
  // The kubelet derives the allocatable amount from the capacity, but only at its next report.
  const allocatable = { status: { allocatable: { "nvidia.com/gpu": String(count) } } };
  await api.request("PATCH", path, allocatable, "application/merge-patch+json");
}

interface NodeObject {
  spec?: { taints?: unknown[] };
  status?: { conditions?: { type: string; status: string }[] };
}

/** Whether the node says that it is ready and nothing keeps pods off it. */
export async function nodeIsReady(api: AdminApi, name: string): Promise<boolean> {
  const node = await api.request<NodeObject>("GET", `/api/v1/nodes/${name}`);
  const ready = node.status?.conditions?.some((c) => c.type === "Ready" && c.status === "True") ?? false;
  return ready && (node.spec?.taints ?? []).length === 0;
}

function start(
  o: NodeOptions,
  name: string,
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Component> {
  const full = `${name}${o.seat.suffix}`;
  return Component.start({
    name: full,
    ...o.namespace.enter(command, args),
    logPath: join(o.layout.logs, `${full}.log`),
    clusterId: o.layout.id,
    diesWithStarter: o.diesWithStarter,
    env,
  });
}

async function issueCredentials(o: NodeOptions): Promise<void> {
  const { pki } = o;
  const { name, suffix } = o.seat;
  await pki.issue(`kubelet${suffix}`, {
    commonName: name,
    usages: ["serverAuth"],
    dnsNames: [name],
    addresses: [o.addresses.node],
  });
  const clients = {
    // The name and group by which the node authorizer knows a node.
    [`kubelet${suffix}`]: pki.client(`system:node:${name}`, ["system:nodes"]),
    "kube-proxy": pki.client("system:kube-proxy"),
  };
  for (const [user, credentials] of Object.entries(clients)) {
    await writeKubeconfig(join(o.layout.pki, `${user}.kubeconfig`), {
      server: o.server,
      authority: pki.authorityCertificate,
      user,
      credentials,
    });
  }
}

/** Overlays cannot be stacked on every file system (on another overlay, for one); then layers are copied. */
async function snapshotter(layout: Layout, suffix: string): Promise<"overlayfs" | "native"> {
  const base = join(layout.node, `overlay-test${suffix}`);
  const [lower, upper, work, merged] = ["lower", "upper", "work", "merged"].map((name) => join(base, name));
  for (const directory of [lower, upper, work, merged]) await mkdir(`${directory}`, { recursive: true });
  const mount = `mount -t overlay overlay -o "lowerdir=$1,upperdir=$2,workdir=$3" "$4"`;
  try {
    await run("unshare", [
      "--mount",
      "--",
      "/bin/sh",
      "-c",
      mount,
      "sh",
      `${lower}`,
      `${upper}`,
      `${work}`,
      `${merged}`,
    ]);
    return "overlayfs";
  } catch {
    return "native";
  } finally {
    await rm(base, { recursive: true, force: true });
  }
}

/** How containerd reaches registries where the machine reaches them only through a proxy. */
function proxyEnvironment(): Record<string, string> {
  const names = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"];
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
}
