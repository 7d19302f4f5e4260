import type { Loss } from "./loss.ts";
import type { ObservedObject } from "./run.ts";

/** What a Secret or a ConfigMap that is made a moment later mends. */
const CONFIGURATION_GRACE_MS = 60_000;

/**
 * Reasons for which a container will never start, and how long they may hold all the same (F-21). An image that cannot be pulled is not among them:
 * that is waited for (O-185).
 */
const GRACE_MS: Readonly<Record<string, number>> = {
  InvalidImageName: 0,
  ErrImageNeverPull: 0,
  CreateContainerConfigError: CONFIGURATION_GRACE_MS,
};

/** Whether a reason for waiting must be dated, because it is judged by how long it has held. */
export function isDated(reason: string): boolean {
  return (Object.hasOwn(GRACE_MS, reason) ? GRACE_MS[reason] : 0) !== 0;
}

/** When a pod is given up that cannot start; undefined while it may. */
export function pendingProblemOf({ resource, phase, gone, waiting }: ObservedObject): Loss | undefined {
  if (resource.kind !== "Pod" || phase !== "Pending" || gone || waiting === undefined) return undefined;
  const { reason, since } = waiting;
  const grace = Object.hasOwn(GRACE_MS, reason) ? GRACE_MS[reason] : undefined;
  if (grace === undefined || (grace > 0 && since === undefined)) return undefined;
  return { at: grace === 0 ? 0 : Date.parse(since ?? "") + grace, reason, message: `${reason}: ${waiting.message}` };
}
