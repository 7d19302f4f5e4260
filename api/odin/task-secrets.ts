import type { Task } from "../../crds/generated/types.ts";
import { isMountable, notMountable } from "../../crds/mountable-secret.ts";
import type { Problem } from "../../crds/problem.ts";
import type { KubeClient } from "../../kube/client.ts";
import { SECRET } from "../../kube/core-resources.ts";
import { isKubeError } from "../../kube/errors.ts";
import { type KubeObject, objectPath } from "../../kube/resource.ts";

/** What the check of Secrets needs. */
export interface SecretCheck {
  client: KubeClient;
  namespace: string;
  /** Secrets that tasks may mount without a label. */
  taskSecrets: readonly string[];
}

/** Secrets that a task names but may not mount (O-147). Secrets that are listed in the settings need not be there yet. */
export async function secretProblems(
  { client, namespace, taskSecrets }: SecretCheck,
  tasks: readonly Task[],
): Promise<Problem[]> {
  const problems: Problem[] = [];
  const mountable = new Map<string, boolean>(taskSecrets.map((name) => [name, true]));
  for (const [index, task] of tasks.entries()) {
    for (const [position, { name }] of (task.secrets ?? []).entries()) {
      const known = mountable.get(name) ?? (await mayBeMounted(client, namespace, name));
      mountable.set(name, known);
      if (known) continue;
      problems.push({
        path: `tasks[${index}].secrets[${position}]`,
        task: task.name,
        detail: notMountable(name),
      });
    }
  }
  return problems;
}

async function mayBeMounted(client: KubeClient, namespace: string, name: string): Promise<boolean> {
  try {
    const secret = await client.get<KubeObject & { type?: string }>(objectPath(SECRET, namespace, name));
    return isMountable(secret);
  } catch (error) {
    if (isKubeError(error, "notFound")) return false;
    throw error;
  }
}
