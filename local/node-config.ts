import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cgroupName } from "./cgroup.ts";
import { CLUSTER_DOMAIN, DNS_SERVICE_ADDRESS } from "./cluster-dns.ts";
import type { Addresses } from "./host-network.ts";
import { PAUSE_IMAGE } from "./images.ts";
import type { Layout } from "./layout.ts";
import { INSIDE } from "./node-namespace.ts";
import type { NodeSeat } from "./node-seat.ts";

/** Paths, as seen inside the node, of the configuration that `writeNodeConfig` writes. */
export interface NodeConfig {
  containerd: string;
  kubelet: string;
}

/** What the node's configuration depends on. */
export interface NodeConfigOptions {
  layout: Layout;
  seat: NodeSeat;
  addresses: Addresses;
  cniPlugins: string;
  snapshotter: "overlayfs" | "native";
}

/** Writes the configuration of containerd, its network plugins and the kubelet. */
export async function writeNodeConfig(o: NodeConfigOptions): Promise<NodeConfig> {
  const network = join(o.layout.node, "cni");
  await mkdir(network, { recursive: true });
  await writeFile(join(network, "10-odin.conflist"), JSON.stringify(networkConfig(o.addresses), null, 2));
  const { suffix } = o.seat;
  const names = { containerd: `containerd${suffix}.toml`, kubelet: `kubelet${suffix}.json` };
  await writeFile(join(o.layout.node, names.containerd), containerdConfig(o));
  await writeFile(join(o.layout.node, names.kubelet), JSON.stringify(kubeletConfig(o), null, 2));
  return { containerd: inside(`node/${names.containerd}`), kubelet: inside(`node/${names.kubelet}`) };
}

/** The name inside the node of a file of the cluster's directory. */
export function inside(path: string): string {
  return `${INSIDE.cluster}/${path}`;
}

function networkConfig(addresses: Addresses): object {
  return {
    cniVersion: "0.4.0",
    name: "odin",
    plugins: [
      {
        type: "bridge",
        bridge: "pods",
        isGateway: true,
        ipMasq: true,
        hairpinMode: true,
        mtu: addresses.mtu,
        ipam: {
          type: "host-local",
          dataDir: "/run/cni-addresses",
          ranges: [[{ subnet: addresses.pods }]],
          routes: [{ dst: "0.0.0.0/0" }],
        },
      },
      { type: "portmap", capabilities: { portMappings: true } },
    ],
  };
}

/**
 * `restrict_oom_score_adj`: where the machine withholds CAP_SYS_RESOURCE, runc cannot lower a sandbox's score and every
 * pod dies with "can't get final child's PID from pipe". `disable_apparmor`: a profile loaded into the kernel would
 * outlive the cluster.
 */
function containerdConfig(o: NodeConfigOptions): string {
  return `version = 2
root = "${inside(`node/containerd${o.seat.suffix}`)}"
state = "${o.seat.containerdState}"
disabled_plugins = ["io.containerd.internal.v1.opt"]

[grpc]
  address = "${o.seat.containerdSocket}"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE_IMAGE}"
  restrict_oom_score_adj = true
  disable_apparmor = true

  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "${o.snapshotter}"
    default_runtime_name = "runc"

    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${o.cniPlugins}"
    conf_dir = "${inside("node/cni")}"
`;
}

function kubeletConfig(o: NodeConfigOptions): object {
  return {
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: inside("pki/ca.crt") },
    },
    authorization: { mode: "Webhook" },
    tlsCertFile: inside(`pki/kubelet${o.seat.suffix}.crt`),
    tlsPrivateKeyFile: inside(`pki/kubelet${o.seat.suffix}.key`),
    address: o.addresses.node,
    port: o.seat.kubeletPort,
    healthzPort: 0,
    readOnlyPort: 0,
    containerRuntimeEndpoint: `unix://${o.seat.containerdSocket}`,
    resolvConf: INSIDE.resolvConf,
    clusterDNS: [DNS_SERVICE_ADDRESS],
    clusterDomain: CLUSTER_DOMAIN,
    podLogsDir: `/var/log/pods${o.seat.suffix}`,
    volumePluginDir: inside(`node/volume-plugins${o.seat.suffix}`),
    cgroupDriver: "cgroupfs",
    cgroupRoot: `/${cgroupName(o.layout.id)}${o.seat.cgroup}`,
    // Version 1 of cgroups, still found on many machines, is refused by default since Kubernetes 1.35.
    failCgroupV1: false,
    failSwapOn: false,
    // Nothing is kept back for the system or evicted for it: the machine is the user's, and its disk may well be full.
    enforceNodeAllocatable: [],
    evictionHard: {},
    imageGCHighThresholdPercent: 100,
    serializeImagePulls: false,
    maxPods: 250,
    registryPullQPS: 0,
    eventRecordQPS: 0,
    kubeAPIQPS: 100,
    kubeAPIBurst: 200,
    // The default of a minute is how long a changed ConfigMap would take to reach a pod.
    syncFrequency: "10s",
    logging: { verbosity: 1 },
  };
}
