import { canonicalJson } from "../../../crds/snapshot.ts";
import type { JobRecord } from "../../../store/job-records.ts";
import { cwOf } from "./cw.ts";
import { jobIdOf } from "./job-id.ts";
import { isOver, type Judged, jobState } from "./job-state.ts";
import { clusterOf, type KnownUser, type NamespaceFacts, ownerOf, saidJobId } from "./owner.ts";
import { isOfPipeline } from "./pod-facts.ts";
import { endTimeOf, type RunFacts, type Shown, slurmOf, startTimeOf } from "./slurm.ts";

/** Everything that a job's record is made from: a pod, and what is known around it. */
export interface JobSources extends Judged {
  /** The run that the pod belongs to, where the operator says that it does (C-71). */
  run?: RunFacts & { user?: string };
  namespace?: NamespaceFacts;
  batchDeadline?: number;
  foundGoneAt?: number;
  /** Name of the cluster where nobody says another (C-95). */
  cluster: string;
  /** The user of that name or e-mail. */
  userOf(nameOrEmail: string): KnownUser | undefined;
  /** The id that the job has already: it stays the same for ever (C-74). */
  jobId?: string;
  /** Why the pod was stopped is still to be said: what its record says until then may change. */
  isUnexplained?: true;
}

/** The record of a pod's job: the same sources give the same bytes. */
export function jobRecordOf(sources: JobSources): JobRecord {
  const { pod, gone, run, namespace } = sources;
  const sayings = {
    pod: pod.said,
    ...(namespace === undefined ? {} : { namespace }),
    ...(run === undefined ? {} : { run }),
  };
  const owner = ownerOf(sayings);
  const user = owner === "" ? undefined : sources.userOf(owner);
  const ownRun = run !== undefined && isOfPipeline(pod) ? run.uid : undefined;
  const state = jobState(sources);
  const shown: Shown = {
    ...sources,
    state,
    jobId: sources.jobId ?? saidJobId(sayings) ?? jobIdOf(pod, ownRun),
    clusterName: clusterOf(sayings, sources.cluster),
    username: user?.username ?? owner,
  };
  const slurm = slurmOf(shown);
  const asGone: Judged = { ...sources, gone: true };
  return {
    podUid: pod.metadata.uid,
    namespace: pod.metadata.namespace ?? "",
    pod: pod.metadata.name,
    runUid: run?.uid ?? "",
    task: pod.task,
    attempt: pod.attempt,
    observed: Number(pod.metadata.resourceVersion) || 0,
    ended: isOver({ pod, gone }) && sources.isUnexplained !== true,
    goneState: jobState(asGone),
    goneTime: pod.disruption?.at ?? pod.deletedAt,
    owner,
    jobId: shown.jobId,
    arrayJobId: String(slurm.array_job_id),
    clusterName: String(slurm.cluster_name),
    email: user?.email ?? null,
    clusterUser: shown.username === "" ? null : shown.username,
    ccUser: null,
    name: String(slurm.name),
    state,
    node: pod.node,
    submitTime: pod.createdAt,
    startTime: startTimeOf(pod),
    endTime: endTimeOf(shown),
    slurm: canonicalJson(slurm),
    cw: canonicalJson(cwOf(pod, owner, user)),
  };
}
