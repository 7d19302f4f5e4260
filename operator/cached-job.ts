import type { Condition, Job } from "../crds/generated/types.ts";
import { summary } from "../crds/problem.ts";
import { type RunPolicy, runPolicyOf, runPolicyProblems } from "../crds/run-policy.ts";
import { jobId, policyOf, snapshotOfJob, snapshotProblems } from "../crds/snapshot.ts";
import { validateDefinition } from "../crds/validate.ts";
import { type KeptMetadata, keptMetadata } from "../kube/kept-metadata.ts";
import type { KubeObject } from "../kube/resource.ts";

/** What the cache keeps of a Job: whether it can be run and which snapshot it has; tasks and files are read when a run starts. */
export interface CachedJob {
  metadata: KeptMetadata;
  generation: number;
  id: string;
  taskCount: number;
  /** Name of the snapshot of the Job as it is now. */
  snapshot: string;
  /** The Job names its snapshot itself: it mirrors a job of the repository, and its runs run that snapshot. */
  mirrored: boolean;
  /** Version that runs of a mirrored Job are of, where it says so. */
  version?: string;
  /** What it says about all of its runs; absent where it says nothing. */
  policy?: RunPolicy;
  /** Why it cannot be run; empty if it can. */
  problem: string;
  valid?: Condition;
  observedGeneration?: number;
}

/** Reduces a Job to what the cache keeps; validates it on the way. */
export function projectJob(raw: KubeObject): CachedJob {
  const job = raw as unknown as Job;
  const snapshot = snapshotOfJob(job);
  const valid = job.status?.conditions?.find((condition) => condition.type === "Valid");
  return {
    metadata: keptMetadata(raw.metadata),
    generation: raw.metadata.generation ?? 0,
    id: jobId(job),
    taskCount: job.spec.tasks?.length ?? 0,
    snapshot: job.spec.snapshot ?? snapshot.metadata.name,
    mirrored: job.spec.snapshot !== undefined,
    ...(job.spec.version === undefined ? {} : { version: job.spec.version }),
    ...policyOf(job.spec),
    problem: summary([
      ...runPolicyProblems(runPolicyOf(job.spec), "spec"),
      ...validateDefinition(job.spec.tasks ?? [], job.spec.files),
      ...snapshotProblems(snapshot),
    ]),
    ...(valid === undefined ? {} : { valid }),
    ...(job.status?.observedGeneration === undefined ? {} : { observedGeneration: job.status.observedGeneration }),
  };
}
