import type { TaskStatus } from "../crds/generated/types.ts";
import { POD } from "../kube/core-resources.ts";
import type { CachedObject } from "./kinds/object-state.ts";
import type { CachedPod } from "./kinds/pod-state.ts";

/** An object, or a pod that was made for one. */
type Seen = Pick<CachedObject, "state"> & Pick<Partial<CachedPod>, "member">;

/**
 * Whether a change of an object can change its task's record, as it is stored, or when that is to be looked at again; most steps of a start cannot.
 */
export function matters(previous: Seen | undefined, object: Seen, record: TaskStatus | undefined): boolean {
  if (previous === undefined) return true;
  const { state: a } = previous;
  const { state: b } = object;
  const isTaken = a.deleting !== b.deleting || a.uid !== b.uid || a.disrupted?.reason !== b.disrupted?.reason;
  // A record tells a pod that begins to run from one that was just made only by what it said that the pod waited for, be it in an event's words. The
  // pods of another object say how far that is, so theirs counts. Where nothing is recorded yet, that it runs is what makes the record urgent.
  const begins = a.phase === "Pending" && b.phase === "Running" && a.waiting === undefined;
  if (
    begins &&
    b.resource === POD &&
    object.member === undefined &&
    record !== undefined &&
    record.reason === undefined
  )
    return isTaken;
  return a.phase !== b.phase || a.waiting?.reason !== b.waiting?.reason || isTaken;
}

/** Whether an object is as it was made: nothing has been done with it yet, and nothing is wrong. */
export function isAsMade({ state: { phase, waiting, deleting }, member }: Seen): boolean {
  return member === undefined && phase === "Pending" && waiting === undefined && !deleting;
}
