import type { BatchJobState } from "./batch-job-state.ts";
import { type Belonging, belongingOf, type Known } from "./belonging.ts";
import type { JobCaches } from "./job-caches.ts";
import type { JobSources } from "./job-record.ts";
import { isOver, isStopped } from "./job-state.ts";
import { isJudged, outcomeOf } from "./outcome.ts";
import type { KnownUser } from "./owner.ts";
import type { PodFacts } from "./pod-facts.ts";
import type { RunState } from "./run-state.ts";

/** A pod as it was last seen. */
export interface SeenPod {
  pod: PodFacts;
  gone: boolean;
  foundGoneAt?: number;
}

/** What is known of a job from before. */
export interface Recorded {
  jobId: string;
  /** The run that it was said to belong to: that stays so, also when its Pipeline is gone or speaks of a later attempt (C-71). */
  run?: NonNullable<JobSources["run"]>;
}

/**
 * What a record would be made from, and what is still to come that would change it: whose the pod is (`belonging`), that its run says so (`listing`), or
 * why it was stopped (`reason`): the watches on pods and on what is around them do not wait for each other.
 */
export interface Gathered {
  sources: JobSources;
  awaits?: "belonging" | "listing" | "reason";
}

/** How the surroundings are made. */
export interface SurroundingsOptions {
  caches: Pick<JobCaches, "runs" | "batchJobs" | "namespaces">;
  /** Name of the cluster where nobody says another (C-95). */
  cluster: string;
  userOf(nameOrEmail: string): KnownUser | undefined;
  /** All Namespaces are watched. */
  areNamespacesWatched: boolean;
}

/** Finds what is around a pod. To be made before the caches start. */
export class Surroundings {
  readonly #options: SurroundingsOptions;
  readonly #runs = new Map<string, RunState>();
  readonly #known: Known;

  constructor(options: SurroundingsOptions) {
    this.#options = options;
    const { runs, batchJobs } = options.caches;
    runs.onChange(({ type, object }) => {
      if (type === "deleted") this.#runs.delete(object.metadata.uid);
      else this.#runs.set(object.metadata.uid, object);
    });
    this.#known = {
      run: (namespace, uid) => {
        const run = this.#runs.get(uid);
        return run?.metadata.namespace === namespace ? run : undefined;
      },
      batchJob: (namespace, name) => batchJobs.get(`${namespace}/${name}`),
    };
  }

  /** The Pipeline of that UID, if it is there. */
  run(uid: string): RunState | undefined {
    return this.#runs.get(uid);
  }

  /** Everything that a pod's record is made from, as far as it is known. */
  gather({ pod, gone, foundGoneAt }: SeenPod, recorded: Recorded | undefined): Gathered {
    const { caches, cluster, userOf } = this.#options;
    const belonging: Belonging = recorded === undefined ? belongingOf(pod, this.#known) : { kind: "foreign" };
    const run = belonging.kind === "ours" ? belonging.run : this.#runs.get(recorded?.run?.uid ?? "");
    const runFacts = run === undefined ? rememberedFacts(recorded, pod) : runFactsOf(run, pod);
    const record = run?.tasks[pod.task];
    const outcome = outcomeOf(record, pod.attempt);
    const batchJob = this.#batchJob(pod);
    const namespace = caches.namespaces.get(pod.metadata.namespace ?? "");
    const sources: JobSources = {
      pod,
      gone,
      cluster,
      userOf,
      ...(foundGoneAt === undefined ? {} : { foundGoneAt }),
      ...(outcome === undefined ? {} : { outcome }),
      ...(batchJob === undefined ? {} : { batchJob }),
      ...(batchJob?.deadline === undefined ? {} : { batchDeadline: batchJob.deadline }),
      ...(namespace === undefined ? {} : { namespace }),
      ...(runFacts === undefined ? {} : { run: runFacts }),
      ...(recorded === undefined ? {} : { jobId: recorded.jobId }),
    };
    if (belonging.kind === "unlisted") return { sources, awaits: "listing" };
    if (belonging.kind === "unknown" || (recorded === undefined && this.#isToCome(namespace)))
      return { sources, awaits: "belonging" };
    if (!isOver(sources) || !isStopped(sources)) return { sources };
    const isExplained =
      run === undefined ? batchJob === undefined || isTelling(batchJob) : isJudged(record, pod.attempt);
    return isExplained ? { sources } : { sources, awaits: "reason" };
  }

  /** The watch on Namespaces may be behind that on pods; those that are looked at one by one are known, or are not to be known. */
  #isToCome(namespace: object | undefined): boolean {
    return namespace === undefined && this.#options.areNamespacesWatched;
  }

  #batchJob({ controller, metadata }: PodFacts): BatchJobState | undefined {
    if (controller?.kind !== "Job") return undefined;
    const job = this.#options.caches.batchJobs.get(`${metadata.namespace ?? ""}/${controller.name}`);
    return job?.metadata.uid === controller.uid ? job : undefined;
  }
}

function isTelling({ isOverdue, isSuspended }: BatchJobState): boolean {
  return isOverdue || isSuspended;
}

function rememberedFacts(recorded: Recorded | undefined, { taskLimit }: PodFacts): JobSources["run"] {
  return recorded?.run === undefined ? undefined : { ...recorded.run, timeLimit: taskLimit ?? recorded.run.timeLimit };
}

function runFactsOf(run: RunState, pod: PodFacts): NonNullable<JobSources["run"]> {
  return {
    uid: run.metadata.uid,
    ...(run.user === undefined ? {} : { user: run.user }),
    // An operator that does not write it on its pods yet leaves the order in which the run tells of its tasks.
    taskIndex: pod.taskIndex ?? String(Math.max(0, run.taskNames?.indexOf(pod.task) ?? 0)),
    timeLimit: pod.taskLimit ?? null,
  };
}
