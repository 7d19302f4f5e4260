import { chmod, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { AdminApi } from "./admin-api.ts";
import { readKubeconfig } from "./kubeconfig.ts";
import { inside } from "./node-config.ts";
import { waitFor } from "./wait.ts";

/** A controller that has seen the claim before the volume looks again after fifteen seconds. */
const BOUND_WITHIN_MS = 120_000;

/**
 * Makes a claim that many pods can write at once, backed by a directory of the local cluster whose kubeconfig (as
 * `startCluster` returns it) this is, and returns that directory's path on the machine once the claim is bound.
 */
export async function createSharedVolume(kubeconfig: string, namespace: string, claim: string): Promise<string> {
  const name = `odin-local-${namespace}-${claim}`;
  const directory = join(dirname(kubeconfig), "volumes", name);
  await mkdir(directory, { recursive: true });
  // The kubelet makes `subPath` directories with the mode of the volume's own, and tasks do not run as root.
  await chmod(directory, 0o777);
  const spec = {
    accessModes: ["ReadWriteMany"],
    // Empty, not absent: a cluster's default class must not make another volume.
    storageClassName: "",
  };
  const api = new AdminApi(await readKubeconfig(kubeconfig));
  try {
    await api.ensure("/api/v1/persistentvolumes", {
      metadata: { name },
      spec: {
        ...spec,
        capacity: { storage: "10Gi" },
        persistentVolumeReclaimPolicy: "Retain",
        hostPath: { path: inside(`volumes/${name}`), type: "Directory" },
        claimRef: { namespace, name: claim },
      },
    });
    const claims = `/api/v1/namespaces/${namespace}/persistentvolumeclaims`;
    await api.ensure(claims, {
      metadata: { name: claim },
      spec: { ...spec, volumeName: name, resources: { requests: { storage: "10Gi" } } },
    });
    await waitFor(
      async () => {
        const found = await api.request<{ status?: { phase?: string } }>("GET", `${claims}/${claim}`);
        return found.status?.phase === "Bound";
      },
      { deadlineMs: BOUND_WITHIN_MS, what: `the binding of claim ${namespace}/${claim}` },
    );
  } finally {
    api.close();
  }
  return directory;
}
