import type { ObservedObject } from "./run.ts";

/** An attempt that is given up although its pod is still there: when, and what the record says then. */
export interface Loss {
  /** Milliseconds since 1970. */
  at: number;
  reason: string;
  message: string;
}

/** How long a node may be lost before its tasks are tried again, where the settings do not say (F-20). */
export const NODE_LOST_MS = 120_000;

/**
 * When a pod counts as lost that has not ended: its node is gone or not ready for `nodeLostMs`, or it was asked to go and is still there that long
 * after its time. Undefined if nothing points to that, or if it is switched off with 0. Objects of other kinds are left to their controllers.
 */
export function nodeLossOf(object: ObservedObject, nodeLostMs: number): Loss | undefined {
  const { resource, phase, gone, deleting, goneBy, nodeTrouble, disrupted } = object;
  if (nodeLostMs === 0 || resource.kind !== "Pod" || gone || phase === "Succeeded" || phase === "Failed")
    return undefined;
  const losses: Loss[] = [];
  if (nodeTrouble !== undefined) {
    const at = Date.parse(nodeTrouble.since) + nodeLostMs;
    losses.push({ at, reason: "NodeLost", message: `${nodeTrouble.message}; given up after ${nodeLostMs / 1000}s` });
  }
  if (deleting && goneBy !== undefined) {
    const cause = disrupted?.message ?? "it was deleted by somebody else";
    const message = `${cause}; still there ${nodeLostMs / 1000}s after its time`;
    losses.push({ at: Date.parse(goneBy) + nodeLostMs, reason: disrupted?.reason ?? "PodDeleted", message });
  }
  return losses.reduce<Loss | undefined>(
    (first, loss) => (first === undefined || loss.at < first.at ? loss : first),
    undefined,
  );
}
