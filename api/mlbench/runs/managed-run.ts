/** The two streams of a run's output (M-36). */
export const STREAMS = ["stdout", "stderr"] as const;
export type OutputStream = (typeof STREAMS)[number];

/** A run whose workers are ready: what is needed to start its command and to follow it, by whichever process. */
export interface ManagedRun {
  /** UID of its Pipeline object; the lock of the once-only start is named by it (M-51). */
  uid: string;
  id: number;
  name: string;
  /** Where its pods are. */
  namespace: string;
  /** The argument list of each rank that has a command: of rank 0 alone, or of every worker (M-50). The index is the rank. */
  commands: readonly (readonly string[])[];
}

/** One worker of a run that is ready. */
export interface WorkerPod {
  /** Its number in the set, from 0, which is its rank. */
  rank: number;
  name: string;
  uid: string;
  ip: string;
  /** Container in which the command is started. */
  container: string;
}

/** How a run's command ended. */
export interface CommandEnd {
  ok: boolean;
  /** Why it is not ok, in a sentence without a full stop. */
  reason?: string;
  /** Of each rank that had a command, its pod and its exit status; null: it was not known or had not ended. */
  ranks: readonly { pod: string; exitStatus: number | null }[];
}

/** Starts and follows the commands of runs (M-50 to M-52). */
export interface RunCommands {
  /** Starts the command, or follows it where it was started already: by this process or by one before it. May be called again at any time. */
  start(run: ManagedRun, pods: readonly WorkerPod[]): void;
  /** Ends the command of a run and stops following it; resolves when nothing is done for it any more. */
  stop(runUid: string, graceMs: number): Promise<void>;
  /** Stops following all runs and leaves their commands alone: another process goes on from where the store says. */
  detach(): Promise<void>;
}

/** What `RunCommands` tells. */
export interface RunCommandEvents {
  /** The command has ended, and its last lines are stored. May be told again after another `start`. */
  onEnd(runUid: string, end: CommandEnd): void;
}
