import type { ObjectMeta } from "./resource.ts";

/** What of a pod says that it is to go. */
export type PodDeletion = Pick<ObjectMeta, "deletionTimestamp" | "deletionGracePeriodSeconds">;

/**
 * When a pod's deletion was first asked for, in milliseconds since 1970, as far as this version and the ones before it (`known`) tell; undefined: it was not.
 * `deletionTimestamp` minus the grace period is that time only at first: when the node has ended the pod and deletes it for good, or somebody shortens
 * the grace, the API server sets the time to that moment. Taken from such a version alone, the pod would seem to have ended before it was asked to go.
 */
export function deletionAskedAt(
  { deletionTimestamp, deletionGracePeriodSeconds = 0 }: PodDeletion,
  known: number | undefined,
): number | undefined {
  const goneBy = Date.parse(deletionTimestamp ?? "");
  if (Number.isNaN(goneBy)) return undefined;
  return Math.min(known ?? Number.POSITIVE_INFINITY, goneBy - deletionGracePeriodSeconds * 1000);
}
