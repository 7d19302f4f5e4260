import { type Loss, nodeLossOf } from "./loss.ts";
import { pendingProblemOf } from "./pending-problem.ts";
import type { ObservedObject } from "./run.ts";

/** When and why a pod will be given up although it has not ended; undefined if nothing points to that. */
export function lossOf(object: ObservedObject, nodeLostMs: number): Loss | undefined {
  return pendingProblemOf(object) ?? nodeLossOf(object, nodeLostMs);
}

/**
 * The object as it is judged: one that is given up has failed, for the reason that it was given up for. Whatever it comes to later belongs to an
 * attempt that is over (F-20).
 */
export function judged(object: ObservedObject, nodeLostMs: number, nowMs: number): ObservedObject {
  const loss = lossOf(object, nodeLostMs);
  if (loss === undefined || loss.at > nowMs) return object;
  return { ...object, phase: "Failed", givenUp: true, ended: { reason: loss.reason, message: loss.message } };
}
