import type { KubeObject } from "../../kube/resource.ts";
import { stateFromConditions } from "./conditions.ts";
import type { ObjectState } from "./object-form.ts";

/** The state of an object of Kubeflow's operators, and of those made in their manner (O-169 to O-172). */
export function kubeflowState(raw: KubeObject): ObjectState {
  return stateFromConditions(raw, { succeeded: "Succeeded", failed: "Failed" }, false);
}

/** Replicas of one role. Their pods are not started again by the operator: `retries` are ours. */
export function replicas(count: number, template: Record<string, unknown>): Record<string, unknown> {
  return { replicas: count, restartPolicy: "Never", template };
}

/**
 * The job's own controller removes no pods when the job has ended: it would not wait until their logs are kept. Those that still run are removed by
 * the engine (see `leftovers` of an observed object); those that have ended stay for their logs and results.
 */
export const CLEAN_POD_POLICY = "None";
