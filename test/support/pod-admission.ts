import { until } from "./deadline.ts";
import { kubectlDryRun } from "./kubectl.ts";

const WAIT_MS = 120_000;

/**
 * Waits until the API server refuses pods in a namespace with these words. What decides, such as a quota or a label of the namespace, reaches its
 * admission by a watch of its own, so it can be read before it holds. `spec`: what the pod that is tried has besides a container, or in place of it.
 */
export async function untilPodsRefused(namespace: string, words: string, spec: object = {}): Promise<void> {
  await until(() => tried(namespace, spec), WAIT_MS, {
    describe: `pods in ${namespace} are refused: ${words}`,
    accept: (said) => said.includes(words),
  });
}

/** Waits until the API server would take a pod that has this in its spec, for the same reason. */
export async function untilPodsTaken(namespace: string, spec: object): Promise<void> {
  await until(() => tried(namespace, spec), WAIT_MS, {
    describe: `pods in ${namespace} are taken`,
    accept: (said) => said === TAKEN,
  });
}

const TAKEN = "taken";

/** What the API server says to a pod that it is only asked about. */
async function tried(namespace: string, spec: object): Promise<string> {
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "only-tried" },
    spec: { containers: [{ name: "c", image: "i" }], ...spec },
  };
  return await kubectlDryRun(namespace, pod).then(() => TAKEN, String);
}
