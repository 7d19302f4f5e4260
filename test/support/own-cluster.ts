import { mkdir, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { builtTool } from "../../local/binaries.ts";
import { type Cluster, startCluster } from "../../local/cluster.ts";
import { loadImages, nameImage } from "../../local/node-images.ts";
import { type Progress, streamProgress } from "../../local/progress.ts";
import { kubectlApply } from "./kubectl.ts";
import { type TemporaryDirectory, temporaryDirectory } from "./temporary-directory.ts";

const CLASS = "local";
const NODES = ["odin-node", "odin-node-2"];

/**
 * A clean cluster of one test file: two nodes, NetworkPolicies enforced, every request logged, a default storage class, and
 * none of our definitions. From its start on the `kubectl` of this process means it.
 */
export class OwnCluster {
  /** Directory with `kubectl` and `helm`. */
  readonly commands: string;
  readonly kubeconfig: string;
  readonly #cluster: Cluster;
  readonly #directory: TemporaryDirectory;
  #volumes = 0;

  private constructor(cluster: Cluster, directory: TemporaryDirectory, commands: string) {
    this.#cluster = cluster;
    this.kubeconfig = cluster.kubeconfig;
    this.#directory = directory;
    this.commands = commands;
  }

  /** `nodes`: 1 or 2. */
  static async start(nodes = NODES.length): Promise<OwnCluster> {
    const progress: Progress = streamProgress();
    const directory = await temporaryDirectory();
    const cluster = await startCluster({
      dir: join(directory.path, "cluster"),
      progress,
      nodes,
      networkPolicies: true,
      auditLog: true,
      diesWithStarter: true,
    });
    process.env.KUBECONFIG = cluster.kubeconfig;
    process.env.ODIN_TEST_KUBECTL = cluster.kubectl;
    process.env.ODIN_TEST_AUDIT_LOG = cluster.auditLog;
    process.env.ODIN_TEST_HOST_ADDRESS = cluster.hostAddress;
    const commands = join(directory.path, "bin");
    await mkdir(commands);
    await symlink(cluster.kubectl, join(commands, "kubectl"));
    await symlink(await builtTool("helm", "helm", progress), join(commands, "helm"));
    return new OwnCluster(cluster, directory, commands);
  }

  /** Puts images into the stores of all nodes. */
  load(...archives: string[]): Promise<void> {
    return loadImages(dirname(this.kubeconfig), archives);
  }

  /** Gives an image of the nodes a further name. */
  name(image: string, name: string): Promise<void> {
    return nameImage(dirname(this.kubeconfig), image, name);
  }

  /**
   * Makes a default storage class, or adds to it, with that many empty volumes of 10 GiB, each for one claim, mounted by any number of pods on both
   * nodes. The kubelet gives their files to the group of the pod, as it does with those of a cloud's disks.
   */
  async offerVolumes(count: number): Promise<void> {
    const volumes = await Promise.all(
      Array.from({ length: count }, async () => {
        this.#volumes += 1;
        const name = `volume-${this.#volumes}`;
        await mkdir(join(dirname(this.kubeconfig), "volumes", name), { recursive: true });
        return {
          apiVersion: "v1",
          kind: "PersistentVolume",
          metadata: { name },
          spec: {
            capacity: { storage: "10Gi" },
            accessModes: ["ReadWriteOnce", "ReadWriteMany"],
            storageClassName: CLASS,
            persistentVolumeReclaimPolicy: "Retain",
            local: { path: `/run/odin/cluster/volumes/${name}` },
            nodeAffinity: {
              required: {
                nodeSelectorTerms: [
                  { matchExpressions: [{ key: "kubernetes.io/hostname", operator: "In", values: NODES }] },
                ],
              },
            },
          },
        };
      }),
    );
    const storageClass = {
      apiVersion: "storage.k8s.io/v1",
      kind: "StorageClass",
      metadata: { name: CLASS, annotations: { "storageclass.kubernetes.io/is-default-class": "true" } },
      provisioner: "kubernetes.io/no-provisioner",
      volumeBindingMode: "WaitForFirstConsumer",
    };
    await kubectlApply(undefined, storageClass, ...volumes);
  }

  async remove(): Promise<void> {
    await this.#cluster.stop();
    await this.#directory.remove();
  }
}
