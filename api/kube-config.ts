import { KubeConfig } from "@kubernetes/client-node";
import { SettingsError } from "./settings.ts";

/** How to reach the cluster: the named file, else in-cluster, else the user's own file. Throws a `SettingsError` if there is none. */
export function loadKubeConfig(file: string | undefined): KubeConfig {
  const config = new KubeConfig();
  try {
    if (file === undefined) config.loadFromDefault();
    else config.loadFromFile(file);
  } catch (error) {
    throw new SettingsError(
      `--kubeconfig (KUBECONFIG): cannot read ${file ?? "a kubeconfig"}: ${(error as Error).message}`,
    );
  }
  const server = config.getCurrentCluster()?.server;
  if (server === undefined) {
    throw new SettingsError(
      `--kubeconfig (KUBECONFIG): ${file ?? "the kubeconfig found"} has no current cluster; name a file that does`,
    );
  }
  // What the library makes up when it finds nothing: an unprotected port that no cluster of today has.
  if (file === undefined && server === "http://localhost:8080") {
    throw new SettingsError("--kubeconfig (KUBECONFIG): no kubeconfig was found; name one");
  }
  return config;
}

/** The namespace to work in: the given one, else the one of the context, which in a cluster is the pod's own. */
export function namespaceOf(config: KubeConfig, given: string | undefined): string {
  return given ?? config.getContextObject(config.getCurrentContext())?.namespace ?? "default";
}
