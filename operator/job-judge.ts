import type { Condition } from "../crds/generated/types.ts";
import { JOB } from "../crds/resources.ts";
import type { KubeClient } from "../kube/client.ts";
import { isKubeError } from "../kube/errors.ts";
import { objectPath } from "../kube/resource.ts";
import type { CachedJob } from "./cached-job.ts";

/** Says on the Job whether it can be run; once for each generation. */
export async function judgeJob(client: KubeClient, job: CachedJob): Promise<void> {
  const { generation } = job;
  const { name, namespace } = job.metadata;
  const valid = job.problem === "";
  if (job.observedGeneration === generation && job.valid?.status === (valid ? "True" : "False")) return;
  const condition: Condition = {
    type: "Valid",
    status: valid ? "True" : "False",
    reason: valid ? "Valid" : "Invalid",
    message: valid ? `${job.taskCount} tasks` : job.problem,
    lastTransitionTime: new Date().toISOString(),
    observedGeneration: generation,
  };
  const body = { status: { conditions: [condition], observedGeneration: generation, tasks: job.taskCount } };
  try {
    await client.patch(objectPath(JOB, namespace, name, "status"), "merge", body, { lane: "status" });
  } catch (error) {
    if (!isKubeError(error, "notFound")) throw error;
  }
}
