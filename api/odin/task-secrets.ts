import type { Task } from "../../crds/generated/types.ts";
import { LABELS } from "../../crds/names.ts";
import type { Problem } from "../../crds/problem.ts";
import type { KubeClient } from "../../kube/client.ts";
import { isKubeError } from "../../kube/errors.ts";
import { type KubeObject, objectPath } from "../../kube/resource.ts";
import { SECRETS } from "../resources.ts";

/** What the check of Secrets needs. */
export interface SecretCheck {
  client: KubeClient;
  namespace: string;
  /** Secrets that tasks may mount without a label. */
  taskSecrets: readonly string[];
}

/** Type prefix of our own Secrets: users and tokens are never mounted, whatever their labels say. */
const OUR_TYPES = "odin.io/";

/** Secrets that a task names but may not mount (O-147). Secrets that are listed in the settings need not be there yet. */
export async function secretProblems(
  { client, namespace, taskSecrets }: SecretCheck,
  tasks: readonly Task[],
): Promise<Problem[]> {
  const problems: Problem[] = [];
  const mountable = new Map<string, boolean>(taskSecrets.map((name) => [name, true]));
  for (const [index, task] of tasks.entries()) {
    for (const [position, { name }] of (task.secrets ?? []).entries()) {
      const known = mountable.get(name) ?? (await isMountable(client, namespace, name));
      mountable.set(name, known);
      if (known) continue;
      problems.push({
        path: `tasks[${index}].secrets[${position}]`,
        task: task.name,
        detail: `Secret ${name} is not there or may not be mounted by tasks; label it ${LABELS.mountable}: "true"`,
      });
    }
  }
  return problems;
}

async function isMountable(client: KubeClient, namespace: string, name: string): Promise<boolean> {
  try {
    const secret = await client.get<KubeObject & { type?: string }>(objectPath(SECRETS, namespace, name));
    return secret.metadata.labels?.[LABELS.mountable] === "true" && !secret.type?.startsWith(OUR_TYPES);
  } catch (error) {
    if (isKubeError(error, "notFound")) return false;
    throw error;
  }
}
