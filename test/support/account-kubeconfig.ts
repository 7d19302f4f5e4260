import { writeFileSync } from "node:fs";
import { KubeConfig } from "@kubernetes/client-node";
import { kubectl, testVariable } from "./kubectl.ts";

/** Writes a kubeconfig for the API server of the tests with which one is a service account that is there. */
export async function writeAccountKubeconfig(file: string, namespace: string, account: string): Promise<void> {
  const token = (await kubectl("create", "token", account, "--namespace", namespace, "--duration=1h")).trim();
  writeTokenKubeconfig(file, account, token, namespace);
}

/** Writes one for whoever has the token; without a namespace it is the default one. */
export function writeTokenKubeconfig(file: string, name: string, token: string, namespace?: string): void {
  const config = new KubeConfig();
  config.loadFromFile(testVariable("KUBECONFIG"));
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new Error("the kubeconfig of the tests names no cluster");
  config.loadFromOptions({
    clusters: [cluster],
    users: [{ name, token }],
    contexts: [{ name, cluster: cluster.name, user: name, ...(namespace === undefined ? {} : { namespace }) }],
    currentContext: name,
  });
  writeFileSync(file, config.exportConfig(), { mode: 0o600 });
}
