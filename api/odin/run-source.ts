import type { Job, PipelineSpec, Task } from "../../crds/generated/types.ts";
import { ANNOTATIONS, jobObjectName, REPOSITORY_SOURCE } from "../../crds/names.ts";
import type { Problem } from "../../crds/problem.ts";
import { JOB } from "../../crds/resources.ts";
import { jobId, snapshotOfJob, snapshotProblems } from "../../crds/snapshot.ts";
import { validateDefinition } from "../../crds/validate.ts";
import type { KubeClient } from "../../kube/client.ts";
import { isKubeError } from "../../kube/errors.ts";
import { type KubeObject, objectPath } from "../../kube/resource.ts";
import type { ClusterView } from "../cache/cluster-view.ts";
import { jobUnknown } from "./ids.ts";

/** What a launch would run, read and judged; nothing of it is stored yet. */
export interface RunSource {
  /** Prefix of the run's id, where the job sets one. */
  name?: string;
  tasks: readonly Task[];
  /** What is wrong with it by itself; the cluster was not asked. */
  problems: Problem[];
  /** Makes sure that the cluster has what is run, and says what the run's spec must name. */
  store(): Promise<Pick<PipelineSpec, "snapshot" | "version">>;
}

/** What reading a Job object needs. */
export interface JobSource {
  client: KubeClient;
  namespace: string;
  view: ClusterView;
}

/**
 * A job that was applied to the cluster: the Job as it is now, not as it was cached, for an edit a moment ago counts. It is frozen by the operator. One
 * that only mirrors the repository counts if `mirrors` says so, and is run as it was frozen. Throws a 404 if there is none.
 */
export async function appliedSource(source: JobSource, id: string, mirrors: boolean): Promise<RunSource> {
  const job = await readJob(source, id, mirrors);
  const { name, tasks = [], files, snapshot, version } = job.spec;
  const problems = [...validateDefinition(tasks, files), ...snapshotProblems(snapshotOfJob(job))];
  const named = snapshot === undefined ? {} : { snapshot, ...(version === undefined ? {} : { version }) };
  return { ...(name === undefined ? {} : { name }), tasks, problems, store: async () => named };
}

async function readJob(
  { client, namespace, view }: JobSource,
  id: string,
  mirrors: boolean,
): Promise<KubeObject & Job> {
  const name = view.job(id)?.metadata.name ?? jobObjectName(id);
  try {
    const job = await client.get<KubeObject & Job>(objectPath(JOB, namespace, name));
    const isMirror = job.metadata.annotations?.[ANNOTATIONS.source] === REPOSITORY_SOURCE;
    if (jobId(job) === id && (mirrors || !isMirror)) return job;
  } catch (error) {
    if (!isKubeError(error, "notFound")) throw error;
  }
  throw jobUnknown(id);
}
