import { TASK_KIND_FACTS } from "../../crds/task-kinds.ts";
import { metadataOf } from "./attempt.ts";
import { CLEAN_POD_POLICY, kubeflowState, replicas } from "./kubeflow.ts";
import type { ObjectForm } from "./object-form.ts";
import { type PodSettings, podTemplate } from "./pod-template.ts";

const ETCD_PORT = 2379;
const FIRST_WORKER = /^worker-0$/;

/** A task as an ElasticJob of TorchElastic's own controller: a fixed number of workers that meet at an etcd (O-172). */
const OWN_FORM: ObjectForm = {
  resource: TASK_KIND_FACTS.ElasticJob.resources[0],
  build: (attempt, settings) => {
    const count = attempt.task.numWorkers ?? 1;
    return {
      apiVersion: "elastic.pytorch.org/v1alpha1",
      kind: "ElasticJob",
      metadata: metadataOf(attempt),
      spec: {
        rdzvEndpoint: endpoint(settings),
        minReplicas: count,
        maxReplicas: count,
        // This controller's run policy stands beside the rest.
        cleanPodPolicy: CLEAN_POD_POLICY,
        replicaSpecs: {
          Worker: { ...replicas(count, podTemplate(attempt, settings, {})), restartPolicy: "ExitCode" },
        },
      },
    };
  },
  speaker: FIRST_WORKER,
  read: kubeflowState,
};

/** The same as a PyTorchJob with an elastic policy; the workers meet at the first of them, so that no etcd is needed. */
const PYTORCH_FORM: ObjectForm = {
  resource: TASK_KIND_FACTS.PyTorchJob.resources[0],
  build: (attempt, settings) => {
    const count = attempt.task.numWorkers ?? 1;
    const template = podTemplate(attempt, settings, { container: TASK_KIND_FACTS.PyTorchJob.container });
    return {
      apiVersion: "kubeflow.org/v1",
      kind: "PyTorchJob",
      metadata: metadataOf(attempt),
      spec: {
        // This operator calls the job done with the first worker that is: the others must be let finish what they write.
        runPolicy: { cleanPodPolicy: "None" },
        elasticPolicy: { minReplicas: count, maxReplicas: count, rdzvBackend: "c10d" },
        // Not ExitCode: this operator would wait for ever for a worker that has failed for good.
        pytorchReplicaSpecs: { Worker: replicas(count, template) },
      },
    };
  },
  speaker: FIRST_WORKER,
  read: kubeflowState,
};

function endpoint({ elasticEtcd }: PodSettings): string {
  return /:[0-9]+$/.test(elasticEtcd) ? elasticEtcd : `${elasticEtcd}:${ETCD_PORT}`;
}

/** The kind's own resource first. */
export const ELASTIC_JOB_FORMS = [OWN_FORM, PYTORCH_FORM] as const;
