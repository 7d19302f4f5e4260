import { TASK_KIND_FACTS } from "../../crds/task-kinds.ts";
import { metadataOf } from "./attempt.ts";
import { CLEAN_POD_POLICY, kubeflowState, replicas } from "./kubeflow.ts";
import type { ObjectForm } from "./object-form.ts";
import { podTemplate } from "./pod-template.ts";

/** A task as a TFJob of workers alone; the first of them decides how it ends (O-170). */
export const TF_JOB_FORM: ObjectForm = {
  resource: TASK_KIND_FACTS.TFJob.resources[0],
  build: (attempt, settings) => ({
    apiVersion: "kubeflow.org/v1",
    kind: "TFJob",
    metadata: metadataOf(attempt),
    spec: {
      runPolicy: { cleanPodPolicy: CLEAN_POD_POLICY },
      tfReplicaSpecs: { Worker: replicas(attempt.task.numWorkers ?? 1, podTemplate(attempt, settings, {})) },
    },
  }),
  speaker: /^worker-0$/,
  read: kubeflowState,
};
