import type { AuditLog } from "./audit-policy.ts";
import { builtTool, type KubernetesBinary, kubernetesBinaries } from "./binaries.ts";
import { binarySet, userCacheDirectory } from "./binary-set.ts";
import { startDns, waitForDns } from "./cluster-dns.ts";
import { type ClusterState, reusableCluster, writeState } from "./cluster-state.ts";
import type { Component } from "./component.ts";
import type { ControlPlane } from "./control-plane.ts";
import { launchControlPlane } from "./control-plane-launch.ts";
import { assertFreeSpace, explained } from "./disk-space.ts";
import { withFileLock } from "./file-lock.ts";
import { chooseAddresses, createLink, NETWORK_LOCK, openOutbound } from "./host-network.ts";
import { assertNodePossible, ensureHostPackages } from "./host-packages.ts";
import { baseImages } from "./images.ts";
import { assertOurs, createDirectories, type Layout, layoutOf } from "./layout.ts";
import { Interrupted } from "./local-error.ts";
import { startNetworkPolicies } from "./network-policies.ts";
import { advertiseGpus, startNode } from "./node.ts";
import { createNamespace } from "./node-namespace.ts";
import { nodeSeats } from "./node-seat.ts";
import { Pki } from "./pki.ts";
import { type Progress, type Step, silentProgress } from "./progress.ts";
import { removeCluster } from "./teardown.ts";

/** What to start. */
export interface ClusterOptions {
  /** A new or empty directory, or that of an earlier cluster. */
  dir: string;
  progress: Progress;
  /** How many simulated GPUs the node advertises; 4 by default. */
  gpus?: number;
  /** How many nodes, 1 to 9; one by default. They share the machine's network, so this is for what moves pods between nodes. */
  nodes?: number;
  /** Enforce NetworkPolicies; without it they are accepted and do nothing. */
  networkPolicies?: boolean;
  auditLog?: AuditLog;
  /** Stop the cluster when this process dies, however it does; by default it runs on until `stopCluster`. */
  diesWithStarter?: boolean;
  /** Gives the start up: everything is undone and `Interrupted` thrown. */
  signal?: AbortSignal;
}

/** A running cluster with one real node, or as many as were asked for. */
export interface Cluster extends ControlPlane {
  /** Whether it was running before this start. */
  reused: boolean;
  /** The machine's address as the node and its pods see it: where they reach a process of the machine. */
  hostAddress: string;
}

const DEFAULT_GPUS = 4;
/** etcd reserves 64 MB of log at a time; images are unpacked; pods want some, too. */
const CLUSTER_MEGABYTES = 600;
const DNS_SET = "coredns";
/** The cluster has its network to itself, so its ports need not be chosen. */
const PORTS = { api: 6443, etcd: 2379, etcdPeer: 2380 };

/**
 * Starts a Kubernetes cluster with a real node (containerd, kubelet, kube-proxy) and DNS on this machine, or takes over the
 * healthy one that runs in `dir` already. Remains of an earlier one are removed first. Needs root on Linux.
 */
export async function startCluster(o: ClusterOptions): Promise<Cluster> {
  assertNodePossible();
  const layout = layoutOf(o.dir);
  const sets = await Promise.all([binarySet("kubernetes"), binarySet(DNS_SET)]);
  const release = sets.map((set) => set.cacheDirectory).join(" ");
  const wanted = {
    gpus: o.gpus ?? DEFAULT_GPUS,
    nodes: o.nodes ?? 1,
    networkPolicies: o.networkPolicies ?? false,
    auditLog: o.auditLog ?? false,
    release,
  };
  await assertOurs(layout);
  const step = o.progress.step("Looking for a running cluster");
  const onWait = (pid: number) => step.update(`process ${pid} is starting or stopping it; waiting`);
  return withFileLock(layout.lockFile, { signal: o.signal, onWait }, async () => {
    const found = await reusableCluster(layout, wanted);
    if (found.state) {
      step.done(`${found.state.server} is healthy`);
      return describe(layout, found.state, true);
    }
    step.done(found.reason);
    return describe(layout, await createCluster(o, layout, wanted), false);
  });
}

/**
 * Stops the cluster of that directory and removes all that is left of it. Works from the directory's name alone,
 * whatever became of the start or of the directory; nothing there is no error.
 */
export async function stopCluster(dir: string, progress: Progress = silentProgress): Promise<void> {
  const layout = layoutOf(dir);
  const step = progress.step("Stopping the cluster");
  const onWait = (pid: number) => step.update(`process ${pid} is starting or stopping it; waiting`);
  try {
    await withFileLock(layout.lockFile, { onWait }, () => removeCluster(layout));
    step.done();
  } catch (error) {
    step.fail("failed");
    throw error;
  }
}

function describe(layout: Layout, state: ClusterState, reused: boolean): Cluster {
  return {
    kubeconfig: layout.kubeconfig,
    server: state.server,
    kubectl: state.kubectl,
    hostAddress: state.hostAddress,
    ...(state.auditLog ? { auditLog: layout.auditLog } : {}),
    reused,
    stop: () => stopCluster(layout.directory),
  };
}

type Wanted = Pick<ClusterState, "gpus" | "nodes" | "networkPolicies" | "auditLog" | "release">;

async function createCluster(o: ClusterOptions, layout: Layout, wanted: Wanted): Promise<ClusterState> {
  const binaries = await kubernetesBinaries(
    ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl", "kubelet", "kube-proxy"],
    o.progress,
    o.signal,
  );
  const coredns = await builtTool(DNS_SET, "coredns", o.progress, o.signal);
  await ensureHostPackages(o.progress, userCacheDirectory(), o.signal);
  const images = await baseImages(o.progress, o.signal);
  const step = o.progress.step("Starting the cluster");
  try {
    await removeCluster(layout);
    await assertFreeSpace(layout.directory, CLUSTER_MEGABYTES, "a local cluster");
    const state = await launch({ ...o, layout, wanted, binaries: { ...binaries, coredns }, images, step });
    if (o.signal?.aborted) throw new Interrupted();
    step.done(state.server);
    return state;
  } catch (error) {
    step.fail(error instanceof Interrupted ? "interrupted; cleaning up" : "failed; cleaning up");
    await removeCluster(layout);
    throw explained(error, layout.directory);
  }
}

interface Launch extends ClusterOptions {
  layout: Layout;
  wanted: Wanted;
  binaries: Record<KubernetesBinary | "coredns", string>;
  images: string;
  step: Step;
}

async function launch(o: Launch): Promise<ClusterState> {
  const { layout, wanted, binaries, step, signal } = o;
  const diesWithStarter = o.diesWithStarter ?? false;
  await createDirectories(layout);
  step.update("making its namespaces");
  const namespace = await createNamespace({
    layout,
    binaries: { kubelet: binaries.kubelet, "kube-proxy": binaries["kube-proxy"], coredns: binaries.coredns },
    diesWithStarter,
    signal,
  });
  const addresses = await withFileLock(NETWORK_LOCK, { signal }, async () => {
    const chosen = await chooseAddresses(layout.id);
    await createLink(layout.id, namespace.pid, chosen);
    await openOutbound(layout.id, chosen);
    return chosen;
  });
  step.update("starting the API server");
  const pki = await Pki.create(layout.pki);
  const plane = await launchControlPlane({
    layout,
    pki,
    binaries,
    address: addresses.node,
    ports: PORTS,
    hasNode: true,
    auditLog: wanted.auditLog,
    scheduler: true,
    controllerManager: true,
    diesWithStarter,
    enter: namespace.enterNetwork,
    signal,
  });
  const { server, api } = plane;
  try {
    const inside = { layout, pki, addresses, namespace, server, api, diesWithStarter, signal };
    // It gets ready while the node does.
    const dns = await startDns(inside);
    const nodes: Component[] = [];
    // One after another: what two of them make at once in the same directories, neither expects.
    for (const seat of nodeSeats(wanted.nodes))
      nodes.push(...(await startNode({ ...inside, seat, step, images: o.images })));
    await advertiseGpus(api, wanted.gpus);
    const policies = wanted.networkPolicies ? [await startNetworkPolicies(inside)] : [];
    await waitForDns(dns, addresses.node, signal);
    const components = [namespace.component, ...plane.components, dns, ...nodes, ...policies];
    const state = { ...wanted, server, kubectl: binaries.kubectl, hostAddress: addresses.host };
    return await writeState(layout, state, components);
  } finally {
    api.close();
  }
}
