import type { Job } from "../../crds/generated/types.ts";
import { ANNOTATIONS, REPOSITORY_SOURCE } from "../../crds/names.ts";
import { summary } from "../../crds/problem.ts";
import { jobId, jobVersion } from "../../crds/snapshot.ts";
import { validateDefinition } from "../../crds/validate.ts";
import { keptMetadata } from "../../kube/kept-metadata.ts";
import type { KubeObject, ObjectMeta } from "../../kube/resource.ts";

/** A Job, judged once when it changes and not at every request. */
export interface CachedJob {
  metadata: ObjectMeta;
  /** The job's id (O-10): its path, or the object's name. */
  id: string;
  version: string;
  spec: Job["spec"];
  /** It mirrors a job of the jobs repository, which is the truth about it (O-14). */
  mirrored: boolean;
  /** Why it cannot be run; empty if it can. */
  problem: string;
}

/** Reduces a Job to what the facade shows. */
export function projectJob(raw: KubeObject): CachedJob {
  const job = raw as KubeObject & Job;
  const id = jobId(job);
  return {
    metadata: keptMetadata(raw.metadata),
    id,
    version: jobVersion(job),
    spec: job.spec,
    mirrored: raw.metadata.annotations?.[ANNOTATIONS.source] === REPOSITORY_SOURCE,
    problem: id.includes("__")
      ? "the id holds __, which stands for / in this API; rename the job"
      : summary(validateDefinition(job.spec.tasks ?? [], job.spec.files)),
  };
}
