import { attemptJobId, clockworkId } from "../../../crds/clockwork-id.ts";
import type { PodFacts } from "./pod-facts.ts";

/**
 * Id of a job whose pod says none (C-74): made from the attempt where the operator makes the pod itself, as it did before it wrote the id on its pods;
 * from the pod's UID otherwise.
 */
export function jobIdOf({ metadata, task, attempt }: PodFacts, runUid: string | undefined): string {
  return runUid === undefined ? clockworkId(metadata.uid) : attemptJobId(runUid, task, attempt);
}
