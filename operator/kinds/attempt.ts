import { attemptJobId } from "../../crds/clockwork-id.ts";
import type { Pipeline, Task } from "../../crds/generated/types.ts";
import { ANNOTATIONS, LABELS, labelValue, MANAGED_BY, objectName } from "../../crds/names.ts";
import { API_VERSION, PIPELINE } from "../../crds/resources.ts";
import type { Plan } from "../decide/run.ts";

/** One attempt at a task, with all its texts filled in. */
export interface Attempt {
  run: Pipeline;
  plan: Plan;
  task: Task;
  number: number;
  args: readonly string[];
  env: Readonly<Record<string, string>>;
  /** Key under which the cache is to remember what it leaves (O-200). */
  cacheKey?: string;
}

/** Name of the attempt's object. */
export function attemptName({ run, task, number }: Attempt): string {
  return objectName(run.metadata.name, task, number);
}

/** Labels of the object and of its pods (O-165). */
export function labelsOf({ run, plan, task }: Attempt): Record<string, string> {
  return {
    ...task.labels,
    [LABELS.managedBy]: MANAGED_BY,
    [LABELS.name]: "odin-task",
    [LABELS.run]: labelValue(run.metadata.name),
    [LABELS.task]: task.name,
    ...(plan.job === undefined ? {} : { [LABELS.job]: labelValue(plan.job) }),
  };
}

/** Annotations of the object and of its pods: what labels are too short for, and what Clockwork tells of a job that only its definition says (C-74). */
export function annotationsOf({ plan, task, number, cacheKey }: Attempt): Record<string, string> {
  const timeLimit = task.timeout ?? plan.timeout;
  return {
    ...task.annotations,
    [ANNOTATIONS.task]: task.name,
    [ANNOTATIONS.attempt]: String(number),
    [ANNOTATIONS.taskIndex]: String(plan.tasks.findIndex(({ name }) => name === task.name)),
    ...(timeLimit === undefined ? {} : { [ANNOTATIONS.timeLimit]: String(timeLimit) }),
    ...(plan.job === undefined ? {} : { [ANNOTATIONS.job]: plan.job }),
    ...(cacheKey === undefined ? {} : { [ANNOTATIONS.cacheKey]: cacheKey }),
    ...(plan.snapshot === undefined ? {} : { [ANNOTATIONS.snapshot]: plan.snapshot }),
  };
}

/** The id that the pod of an attempt has as a job in Clockwork, where the operator makes the pod itself (C-74). */
export function jobIdOf({ run, task, number }: Attempt): string {
  return attemptJobId(run.metadata.uid, task.name, number);
}

/** Metadata of the attempt's object, which the run owns. */
export function metadataOf(attempt: Attempt): Record<string, unknown> {
  const { name, namespace, uid } = attempt.run.metadata;
  return {
    name: attemptName(attempt),
    namespace,
    labels: labelsOf(attempt),
    annotations: annotationsOf(attempt),
    ownerReferences: [
      {
        apiVersion: API_VERSION,
        kind: PIPELINE.kind,
        name,
        uid,
        controller: true,
        // Deleting a run must not wait for its objects to be gone.
        blockOwnerDeletion: false,
      },
    ],
  };
}
