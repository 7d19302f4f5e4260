import { KubeConfig } from "@kubernetes/client-node";
import { SettingProblem } from "./settings.ts";
import { withTokenFile } from "./token-file.ts";

/** How to reach the API server, and the namespace that goes with it. */
export interface Cluster {
  kubeConfig: KubeConfig;
  /** Namespace of the context, or of the pod this process runs in. */
  namespace: string;
}

/**
 * The cluster to work on: the kubeconfig that is named, else the user's own, else the pod's service account.
 * Throws `SettingProblem` if the file, the context or any cluster is missing.
 */
export function loadCluster(file: string | undefined, context: string | undefined): Cluster {
  const kubeConfig = new KubeConfig();
  try {
    if (file === undefined) kubeConfig.loadFromDefault();
    else kubeConfig.loadFromFile(file);
  } catch (error) {
    throw new SettingProblem(
      `kubeconfig ${file ?? ""} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  if (context !== undefined) {
    if (!kubeConfig.getContexts().some((known) => known.name === context)) {
      const known = kubeConfig.getContexts().map((other) => other.name);
      throw new SettingProblem(
        `there is no context ${JSON.stringify(context)} in the kubeconfig; it has ${known.join(", ") || "none"}`,
      );
    }
    kubeConfig.setCurrentContext(context);
  }
  // Where it finds nothing, the client library makes up a cluster at http://localhost:8080.
  if (!kubeConfig.getCurrentCluster() || kubeConfig.getCurrentContext() === "loaded-context") {
    throw new SettingProblem(
      "no cluster is configured; set KUBECONFIG or --kubeconfig, and --context if it names several",
    );
  }
  try {
    withTokenFile(kubeConfig, file, process.env);
  } catch (error) {
    throw new SettingProblem(`kubeconfig: ${error instanceof Error ? error.message : String(error)}`);
  }
  const namespace = kubeConfig.getContextObject(kubeConfig.getCurrentContext())?.namespace ?? "default";
  return { kubeConfig, namespace };
}
