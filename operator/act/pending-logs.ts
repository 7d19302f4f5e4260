import type { CachedPod } from "../kinds/pod-state.ts";

/** A pod whose log is to be read: it has ended, or it is being stopped while too many others are for it to be followed. */
export interface PendingLog {
  pod: CachedPod;
  tries: number;
  notBeforeMs: number;
  reading: boolean;
  /** When it was first to be read; monotonic. */
  sinceMs: number;
  /** It is not there any more: what is being read now is the last chance. */
  gone: boolean;
  /** Why the last try came to nothing. */
  reason?: string;
  /** Why the store did not take it, though it takes others. */
  refusal?: string;
  /** It was recorded as lost, for it could not be had for too long; should it come after all, it takes the place of that. */
  givenUp: boolean;
  /** Called when it has been tried once. */
  onTried: (() => void)[];
}

/** The logs that are to be read or stored, by the UIDs of their pods, the oldest first. */
export class PendingLogs extends Map<string, PendingLog> {
  /** Age in seconds of the oldest log of a pod that has ended, those that were given up left out; 0 if there is none. */
  get lagSeconds(): number {
    for (const { pod, sinceMs, givenUp } of this.values())
      if (!givenUp && hasEnded(pod)) return (performance.now() - sinceMs) / 1000;
    return 0;
  }

  /** Whether there is a log of a run among them that may still be had in time. */
  owes(runUid: string): boolean {
    for (const { pod, givenUp } of this.values()) if (!givenUp && pod.run?.uid === runUid) return true;
    return false;
  }
}

/** The entry of a pod whose log has not been asked for yet. */
export function newPendingLog(pod: CachedPod): PendingLog {
  const fresh = { tries: 0, notBeforeMs: 0, reading: false, gone: false, givenUp: false };
  return { ...fresh, pod, sinceMs: performance.now(), onTried: [] };
}

/** Whether a pod's containers have all ended. */
export function hasEnded({ state }: CachedPod): boolean {
  return state.phase === "Succeeded" || state.phase === "Failed";
}
