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
  /** Called when it has been tried once. */
  onTried: (() => void)[];
}

/** The logs that are to be read or stored, by the UIDs of their pods, the oldest first. */
export class PendingLogs extends Map<string, PendingLog> {
  /** Age in seconds of the oldest log of a pod that has ended; 0 if there is none. */
  get lagSeconds(): number {
    for (const { pod, sinceMs } of this.values()) if (hasEnded(pod)) return (performance.now() - sinceMs) / 1000;
    return 0;
  }

  /** Whether there is a log of a run among them. */
  owes(runUid: string): boolean {
    for (const { pod } of this.values()) if (pod.run?.uid === runUid) return true;
    return false;
  }
}

/** The entry of a pod whose log has not been asked for yet. */
export function newPendingLog(pod: CachedPod): PendingLog {
  return { pod, tries: 0, notBeforeMs: 0, reading: false, gone: false, sinceMs: performance.now(), onTried: [] };
}

/** Whether a pod's containers have all ended. */
export function hasEnded({ state }: CachedPod): boolean {
  return state.phase === "Succeeded" || state.phase === "Failed";
}
