import type { Pipeline, Task } from "../../crds/generated/types.ts";
import { objectName } from "../../crds/names.ts";
import { kindFactsOf } from "../../crds/task-kinds.ts";
import type { KubeClient } from "../../kube/client.ts";
import { isKubeError } from "../../kube/errors.ts";
import type { Logger } from "../../kube/logger.ts";
import { type KubeObject, objectPath } from "../../kube/resource.ts";

/** What deleting objects needs. */
export interface ObjectDeleter {
  client: KubeClient;
  namespace: string;
  logger: Logger;
}

/**
 * Deletes the objects of a task that is not run as a Pod, those of earlier attempts too; their pods follow. Only objects that the run owns are
 * touched. True if there was one; what could not be deleted is logged.
 */
export async function deleteTaskObjects(deleter: ObjectDeleter, run: Pipeline, task: Task): Promise<boolean> {
  const attempts = run.status?.tasks?.[task.name]?.attempt ?? 1;
  const deleted: boolean[] = [];
  for (let attempt = 1; attempt <= attempts; attempt++) {
    const name = objectName(run.metadata.name, task, attempt);
    // Which of them it was made as depends on what the cluster served then.
    for (const resource of kindFactsOf(task).resources)
      deleted.push(await deleteOwned(deleter, objectPath(resource, deleter.namespace, name), run.metadata.uid));
  }
  return deleted.includes(true);
}

async function deleteOwned({ client, logger }: ObjectDeleter, path: string, runUid: string): Promise<boolean> {
  try {
    const { metadata } = await client.get<KubeObject>(path);
    const owner = metadata.ownerReferences?.find(({ controller }) => controller);
    if (owner?.uid !== runUid || metadata.deletionTimestamp !== undefined) return false;
    await client.delete(path, { uid: metadata.uid, propagationPolicy: "Background" });
    return true;
  } catch (error) {
    if (isKubeError(error, "notFound", "conflict")) return false;
    logger.warn({ path, err: error }, "object of a task not deleted during a clean-up");
    return false;
  }
}
