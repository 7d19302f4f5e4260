import type { KubeObject } from "../../kube/resource.ts";
import type { ObjectState } from "./object-form.ts";

interface Condition {
  type?: string;
  status?: string;
  reason?: string;
  message?: string;
  lastTransitionTime?: string | null;
}

interface WithConditions extends KubeObject {
  status?: { conditions?: Condition[] | null; completionTime?: string | null } | null;
}

/** What the schema of a record allows. */
const MAX_REASON = 64;

/** Words that one family of controllers uses for the same things. */
export interface ConditionWords {
  succeeded: string;
  failed: string;
}

/**
 * The state of an object whose controller speaks through conditions. The last ending that holds wins: an operator may call a job failed for a
 * lost worker and take that back when the rest succeeds. `isActive` says whether pods of it are at work where no condition does.
 */
export function stateFromConditions(raw: KubeObject, words: ConditionWords, isActive: boolean): ObjectState {
  // Controllers written in Go send null for a list that is empty.
  const { conditions, completionTime } = (raw as WithConditions).status ?? {};
  const held = (conditions ?? []).filter(({ status }) => status === "True");
  const ending = held.findLast(({ type }) => type === words.succeeded || type === words.failed);
  if (ending !== undefined) {
    const at = completionTime ?? ending.lastTransitionTime;
    const succeeded = ending.type === words.succeeded;
    return {
      phase: succeeded ? "Succeeded" : "Failed",
      ended: {
        ...(at ? { at } : {}),
        ...(succeeded || !ending.reason ? {} : { reason: ending.reason.slice(0, MAX_REASON) }),
        ...(succeeded || !ending.message ? {} : { message: ending.message }),
      },
    };
  }
  const suspended = held.find(({ type }) => type === "Suspended");
  if (suspended !== undefined) {
    const message = suspended.message || "it is suspended and goes on when its `suspend` is taken back";
    return { phase: "Pending", waiting: { reason: "ObjectSuspended", message } };
  }
  return { phase: isActive || held.some(({ type }) => type === "Running") ? "Running" : "Pending" };
}
