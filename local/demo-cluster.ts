import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { KubeConfig } from "@kubernetes/client-node";
import { startCluster } from "./cluster.ts";
import { findExecutable, run } from "./command.ts";
import { LocalError, messageOf } from "./local-error.ts";
import type { Progress } from "./progress.ts";
import type { RunDirectory } from "./run-directory.ts";
import { createSharedVolume } from "./shared-volume.ts";

/** The cluster that the demonstration works on. */
export interface DemoCluster {
  /** Path of the kubeconfig for us and the user, in the run directory. */
  kubeconfig: string;
  kubectl: string;
  namespace: string;
  /** Makes sure that the examples' volume is there. */
  ensureVolume(): Promise<void>;
}

const CLAIM = "data-rw-many";
const CLAIM_FILE = join(import.meta.dirname, "../../examples/sst2/claim.yaml");

/** Boots the local cluster, or takes the running one. */
export async function localCluster(
  directory: RunDirectory,
  progress: Progress,
  signal: AbortSignal,
): Promise<DemoCluster> {
  const cluster = await startCluster({ dir: directory.cluster, progress, signal, auditLog: true });
  await writeFile(directory.kubeconfig, await readFile(cluster.kubeconfig), { mode: 0o600 });
  return {
    kubeconfig: directory.kubeconfig,
    kubectl: cluster.kubectl,
    namespace: "default",
    ensureVolume: async () => {
      await createSharedVolume(cluster.kubeconfig, "default", CLAIM);
    },
  };
}

/** A cluster that the user has: a context of their kubeconfig, copied alone so that everything else stays out of reach. */
export async function existingCluster(
  directory: RunDirectory,
  context: string,
  progress: Progress,
): Promise<DemoCluster> {
  const all = new KubeConfig();
  try {
    all.loadFromDefault();
  } catch (error) {
    throw new LocalError(`the kubeconfig cannot be read: ${messageOf(error)}`);
  }
  const found = all.getContextObject(context);
  const cluster = found && all.getCluster(found.cluster);
  const user = found && all.getUser(found.user);
  if (!found || !cluster) {
    const known = all.getContexts().map((other) => other.name);
    throw new LocalError(
      `there is no context ${JSON.stringify(context)} in your kubeconfig; it has ${known.join(", ") || "none"}`,
    );
  }
  const own = new KubeConfig();
  own.loadFromOptions({ clusters: [cluster], users: user ? [user] : [], contexts: [found], currentContext: context });
  await mkdir(directory.path, { recursive: true });
  await writeFile(directory.kubeconfig, own.exportConfig(), { mode: 0o600 });
  const kubectl = await findExecutable("kubectl");
  if (kubectl === undefined) throw new LocalError("kubectl is not on the PATH; install it to use a cluster of yours");
  const namespace = found.namespace ?? "default";
  const environment = { ...process.env, KUBECONFIG: directory.kubeconfig };
  const step = progress.step(`Looking for the cluster of context ${context}`);
  try {
    await run(kubectl, ["get", "--raw", "/readyz", "--request-timeout=10s"], { env: environment });
    step.done(cluster.server);
  } catch (error) {
    step.fail("no answer");
    throw new LocalError(`context ${context} does not answer: ${messageOf(error)}`);
  }
  return {
    kubeconfig: directory.kubeconfig,
    kubectl,
    namespace,
    ensureVolume: async () => {
      await run(kubectl, ["apply", "-n", namespace, "-f", CLAIM_FILE], { env: environment });
    },
  };
}
