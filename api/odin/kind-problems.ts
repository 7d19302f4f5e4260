import type { Task } from "../../crds/generated/types.ts";
import type { Problem } from "../../crds/problem.ts";
import { kindFactsOf } from "../../crds/task-kinds.ts";
import type { KubeClient } from "../../kube/client.ts";
import { resourceKey, servedResources } from "../../kube/discovery.ts";

/** Tasks of kinds that the cluster does not serve now (O-173, O-174). Asks the API server only where there is a kind that it may lack. */
export async function kindProblems({ client }: { client: KubeClient }, tasks: readonly Task[]): Promise<Problem[]> {
  const wanted = tasks.flatMap((task) => (kindFactsOf(task).install === undefined ? [] : kindFactsOf(task).resources));
  if (wanted.length === 0) return [];
  const served = await servedResources(client, [...new Set(wanted)]);
  return tasks.flatMap((task, index) => {
    const { install, resources } = kindFactsOf(task);
    if (install === undefined || resources.some((resource) => served.has(resourceKey(resource)))) return [];
    const detail = `this cluster does not serve ${task.resourceType}; install ${install}`;
    return [{ path: `tasks[${index}].resourceType`, task: task.name, detail }];
  });
}
