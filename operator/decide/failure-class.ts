/**
 * Whose fault a failure is, which decides what pays for another attempt:
 * - `task`: its own, so `retries` pays;
 * - `infrastructure`: the cluster's, so the budget of infrastructure failures pays;
 * - `permanent`: another attempt would fail in the same way, so there is none unless a rule asks for it.
 */
export type FailureClass = "task" | "infrastructure" | "permanent";

/** Reasons that are not the task's own doing; every other one is. `crds/reasons.ts` says what they mean. */
const CLASSES: ReadonlyMap<string, FailureClass> = new Map([
  ["Evicted", "infrastructure"],
  ["Preempted", "infrastructure"],
  ["NodeTainted", "infrastructure"],
  ["Disrupted", "infrastructure"],
  ["NodeShutdown", "infrastructure"],
  ["NodeLost", "infrastructure"],
  ["PodDeleted", "infrastructure"],
  ["ContainerStatusUnknown", "infrastructure"],
  ["UnexpectedAdmissionError", "infrastructure"],
  ["TopologyAffinityError", "infrastructure"],
  ["NodeAffinity", "infrastructure"],
  ["InvalidImageName", "permanent"],
  ["ErrImageNeverPull", "permanent"],
  ["CreateContainerConfigError", "permanent"],
]);

/** A kubelet that finds no room for a pod that it was given names the resource: `OutOfcpu`, `OutOfnvidia.com/gpu`, … */
const NO_ROOM = /^OutOf./;

/** The class of a failure by the reason in its record, so that it is the same whenever it is asked for. */
export function failureClass(reason: string | undefined): FailureClass {
  if (reason === undefined) return "task";
  return CLASSES.get(reason) ?? (NO_ROOM.test(reason) ? "infrastructure" : "task");
}
