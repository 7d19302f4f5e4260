import { gpusOf, TASK_KIND_FACTS } from "../../crds/task-kinds.ts";
import { type Attempt, metadataOf } from "./attempt.ts";
import { CLEAN_POD_POLICY, kubeflowState, replicas } from "./kubeflow.ts";
import type { ObjectForm } from "./object-form.ts";
import { type PodSettings, podTemplate } from "./pod-template.ts";

/**
 * The launcher runs the task's command and has no GPU; the workers run what the operator puts into containers without a command, and wait to be
 * told what to do (O-171).
 */
function mpiSpec(attempt: Attempt, settings: PodSettings, launcherHasOwnIdentity: boolean): Record<string, unknown> {
  const { task } = attempt;
  const launcher = podTemplate(attempt, settings, { gpus: 0, ownIdentity: launcherHasOwnIdentity });
  const worker = podTemplate(attempt, settings, { withoutCommand: true });
  return {
    slotsPerWorker: Math.max(1, gpusOf(task)),
    mpiReplicaSpecs: { Launcher: replicas(1, launcher), Worker: replicas(task.numWorkers ?? 1, worker) },
  };
}

/** One operator makes the launcher itself, the other has a Job make it. */
const LAUNCHER = /^launcher(-.+)?$/;

/** A task as an MPIJob of the MPI operator. */
const V2_FORM: ObjectForm = {
  resource: TASK_KIND_FACTS.MPIJob.resources[0],
  build: (attempt, settings) => ({
    apiVersion: "kubeflow.org/v2beta1",
    kind: "MPIJob",
    metadata: metadataOf(attempt),
    spec: {
      ...mpiSpec(attempt, settings, false),
      // One launcher and no second: it is started when there are workers to reach, and `retries` are ours.
      launcherCreationPolicy: "WaitForWorkersReady",
      runPolicy: { cleanPodPolicy: CLEAN_POD_POLICY, backoffLimit: 0 },
    },
  }),
  speaker: LAUNCHER,
  read: kubeflowState,
};

/** A task as an MPIJob of the training operator, whose launcher reaches the workers through the API server with a token of its own. */
const V1_FORM: ObjectForm = {
  resource: TASK_KIND_FACTS.MPIJob.resources[1],
  build: (attempt, settings) => ({
    apiVersion: "kubeflow.org/v1",
    kind: "MPIJob",
    metadata: metadataOf(attempt),
    spec: { ...mpiSpec(attempt, settings, true), runPolicy: { cleanPodPolicy: CLEAN_POD_POLICY } },
  }),
  speaker: LAUNCHER,
  read: kubeflowState,
};

/** Newest first. */
export const MPI_JOB_FORMS = [V2_FORM, V1_FORM] as const;
