import { ANNOTATIONS } from "../../crds/names.ts";
import { POD } from "../../kube/core-resources.ts";
import { annotationsOf, jobIdOf, metadataOf } from "./attempt.ts";
import type { ObjectForm } from "./object-form.ts";
import { podState } from "./pod-state.ts";
import { podSpec } from "./pod-template.ts";

/** A task as one Pod (O-167). */
export const POD_FORM: ObjectForm = {
  resource: POD,
  build: (attempt, settings) => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      ...metadataOf(attempt),
      annotations: { ...annotationsOf(attempt), [ANNOTATIONS.clockworkJobId]: jobIdOf(attempt) },
    },
    spec: podSpec(attempt, settings, { restartPolicy: "Never", jobId: jobIdOf(attempt) }),
  }),
  read: podState,
};
