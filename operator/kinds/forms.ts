import type { TaskKind } from "../../crds/task-kinds.ts";
import { BATCH_JOB_FORM } from "./batch-job.ts";
import { ELASTIC_JOB_FORMS } from "./elastic-job.ts";
import { MPI_JOB_FORMS } from "./mpi-job.ts";
import type { ObjectForm } from "./object-form.ts";
import { POD_FORM } from "./pod.ts";
import { PYTORCH_JOB_FORM } from "./pytorch-job.ts";
import { TF_JOB_FORM } from "./tf-job.ts";

/** The table of kinds: the forms that each can take, in the order of `TASK_KIND_FACTS`; the first that the cluster serves is used. */
export const FORMS = {
  Pod: [POD_FORM],
  Job: [BATCH_JOB_FORM],
  PyTorchJob: [PYTORCH_JOB_FORM],
  TFJob: [TF_JOB_FORM],
  MPIJob: MPI_JOB_FORMS,
  ElasticJob: ELASTIC_JOB_FORMS,
} as const satisfies Readonly<Record<TaskKind, readonly ObjectForm[]>>;
