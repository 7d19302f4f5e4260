import { TASK_KIND_FACTS } from "../../crds/task-kinds.ts";
import { metadataOf } from "./attempt.ts";
import { CLEAN_POD_POLICY, kubeflowState, replicas } from "./kubeflow.ts";
import type { ObjectForm } from "./object-form.ts";
import { podTemplate } from "./pod-template.ts";

/** A task as a PyTorchJob: one master and `numWorkers` workers, all running the task's command (O-169). */
export const PYTORCH_JOB_FORM: ObjectForm = {
  resource: TASK_KIND_FACTS.PyTorchJob.resources[0],
  build: (attempt, settings) => {
    const template = podTemplate(attempt, settings, {});
    return {
      apiVersion: "kubeflow.org/v1",
      kind: "PyTorchJob",
      metadata: metadataOf(attempt),
      spec: {
        runPolicy: { cleanPodPolicy: CLEAN_POD_POLICY },
        pytorchReplicaSpecs: {
          Master: replicas(1, template),
          Worker: replicas(attempt.task.numWorkers ?? 1, template),
        },
      },
    };
  },
  speaker: /^master-0$/,
  read: kubeflowState,
};
