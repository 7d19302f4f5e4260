/** Where objects live on the API server; `group` is "" for the core group. */
export interface ObjectResource {
  group: string;
  version: string;
  plural: string;
  kind: string;
  namespaced: boolean;
}

/** What a task may be run as (O-137, O-167 to O-172). */
export const TASK_KINDS = ["Pod", "Job", "PyTorchJob", "TFJob", "MPIJob", "ElasticJob"] as const;

export type TaskKind = (typeof TASK_KINDS)[number];

/** Kind of a task that no engine runs by itself: a set of workers, in a Pipeline that is managed by somebody else (M-42). */
export const WORKERS = "Workers";

/** Everything that may stand as a task's kind. */
export type ResourceType = TaskKind | typeof WORKERS;

/** Short names that a definition may use as well; none of them depends on case. */
const ALIASES: Readonly<Record<string, TaskKind>> = { pytjob: "PyTorchJob", pytorchelastic: "ElasticJob" };

const BY_NAME: ReadonlyMap<string, TaskKind> = new Map([
  ...TASK_KINDS.map((kind) => [kind.toLowerCase(), kind] as const),
  ...Object.entries(ALIASES),
]);

/** The kind that a `resource_type` means, by name or alias in any case; undefined if tasks cannot be run as that (O-137, O-173). */
export function taskKindOf(text: string): TaskKind | undefined {
  return BY_NAME.get(text.toLowerCase());
}

const resource = (group: string, version: string, plural: string, kind: string): ObjectResource => ({
  group,
  version,
  plural,
  kind,
  namespaced: true,
});

const PYTORCH_JOB = resource("kubeflow.org", "v1", "pytorchjobs", "PyTorchJob");

/** What the two sides of the product must agree on about a kind. */
export interface TaskKindFacts {
  /** The resources that can stand for it; the first that the cluster serves is used. */
  resources: readonly [ObjectResource, ...ObjectResource[]];
  /** Name of the container that runs the task's command. */
  container: string;
  /** Several pods that work together: each gets the task's GPUs, one if it does not say (O-131, O-174). */
  isDistributed: boolean;
  /** What must be installed in the cluster; absent where every cluster has it. */
  install?: string;
}

const TRAINING_OPERATOR = "the Kubeflow training operator (v1)";

/** Everything that follows from a kind alone. */
export const TASK_KIND_FACTS = {
  Pod: { resources: [resource("", "v1", "pods", "Pod")], container: "main", isDistributed: false },
  Job: { resources: [resource("batch", "v1", "jobs", "Job")], container: "main", isDistributed: false },
  PyTorchJob: { resources: [PYTORCH_JOB], container: "pytorch", isDistributed: true, install: TRAINING_OPERATOR },
  TFJob: {
    resources: [resource("kubeflow.org", "v1", "tfjobs", "TFJob")],
    container: "tensorflow",
    isDistributed: true,
    install: TRAINING_OPERATOR,
  },
  MPIJob: {
    resources: [
      resource("kubeflow.org", "v2beta1", "mpijobs", "MPIJob"),
      resource("kubeflow.org", "v1", "mpijobs", "MPIJob"),
    ],
    container: "mpi",
    isDistributed: true,
    install: `the Kubeflow MPI operator (0.5 or newer, v2beta1) or ${TRAINING_OPERATOR}`,
  },
  ElasticJob: {
    resources: [resource("elastic.pytorch.org", "v1alpha1", "elasticjobs", "ElasticJob"), PYTORCH_JOB],
    container: "pytorch-elasticjob",
    isDistributed: true,
    install: `the TorchElastic controller or ${TRAINING_OPERATOR}`,
  },
} as const satisfies Record<TaskKind, TaskKindFacts>;

const WORKERS_FACTS: TaskKindFacts = {
  resources: [resource("apps", "v1", "statefulsets", "StatefulSet")],
  container: "",
  isDistributed: false,
};

/** Names of the containers that run tasks; any other container of a pod was put there by somebody else. */
export const TASK_CONTAINERS: ReadonlySet<string> = new Set(
  Object.values(TASK_KIND_FACTS).map(({ container }) => container),
);

/** What a task is run as, with what follows from that. */
export function kindFactsOf({ resourceType }: { resourceType?: ResourceType }): TaskKindFacts {
  return resourceType === WORKERS ? WORKERS_FACTS : TASK_KIND_FACTS[resourceType ?? "Pod"];
}

/** The kind that the engine runs a task as. Workers never get that far: a definition with them is refused. */
export function engineKindOf({ resourceType }: { resourceType?: ResourceType }): TaskKind {
  return resourceType === undefined || resourceType === WORKERS ? "Pod" : resourceType;
}

/** GPUs of each replica of a task (O-131). */
export function gpusOf(task: { resourceType?: ResourceType; numGpus?: number }): number {
  return task.numGpus ?? (kindFactsOf(task).isDistributed ? 1 : 0);
}
