import { TASK_KIND_FACTS } from "../../crds/task-kinds.ts";
import type { KubeObject } from "../../kube/resource.ts";
import { metadataOf } from "./attempt.ts";
import { stateFromConditions } from "./conditions.ts";
import type { ObjectForm } from "./object-form.ts";
import { podFailurePolicy } from "./pod-failure-policy.ts";
import { podTemplate } from "./pod-template.ts";

interface RawJob extends KubeObject {
  status?: { active?: number };
}

/** A task as a Job of Kubernetes itself, which makes new pods after failures as often as `retries` allows (O-168). */
export const BATCH_JOB_FORM: ObjectForm = {
  resource: TASK_KIND_FACTS.Job.resources[0],
  build: (attempt, settings) => ({
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: metadataOf(attempt),
    spec: {
      ...(attempt.task.retries === undefined ? {} : { backoffLimit: attempt.task.retries }),
      podFailurePolicy: podFailurePolicy(attempt.task),
      template: podTemplate(attempt, settings, { restartPolicy: "Never" }),
    },
  }),
  read: (raw) =>
    stateFromConditions(raw, { succeeded: "Complete", failed: "Failed" }, ((raw as RawJob).status?.active ?? 0) > 0),
};
