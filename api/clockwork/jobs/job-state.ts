import type { Outcome } from "./outcome.ts";
import type { MainContainer, PodFacts } from "./pod-facts.ts";

/** What the batch Job that a pod belongs to says (C-73, row 2). */
export interface BatchJobFacts {
  /** Failed for its deadline, or about to. */
  isOverdue: boolean;
  isSuspended: boolean;
}

/** A pod, and what others say of it. */
export interface Judged {
  pod: PodFacts;
  /** The pod object no longer exists; `pod` is how it was last seen. */
  gone: boolean;
  /** What the operator has recorded of this attempt. */
  outcome?: Outcome;
  batchJob?: BatchJobFacts;
}

/** States of which there are no others (C-72). */
export type JobState =
  | "PENDING"
  | "CONFIGURING"
  | "REQUEUED"
  | "RUNNING"
  | "COMPLETING"
  | "COMPLETED"
  | "FAILED"
  | "CANCELLED"
  | "TIMEOUT"
  | "OUT_OF_MEMORY"
  | "NODE_FAIL"
  | "PREEMPTED"
  | "BOOT_FAIL"
  | "SUSPENDED";

/** A row of the table: the state of a pod that it fits, else undefined. */
type Rule = (judged: Judged) => JobState | undefined;

const TIMEOUTS = new Set(["Timeout", "PendingTimeout", "RunTimeout"]);
const PREEMPTIONS = new Set(["PreemptionByScheduler", "EvictionByEvictionAPI"]);
const LOSSES = new Set(["DeletionByPodGC", "DeletionByTaintManager"]);
const LOST_REASONS = new Set(["NodeLost", "NodeShutdown", "Terminated"]);

/** What a recorded reason means for a pod that was stopped before anybody here saw it end (C-82). */
const RECORDED: Readonly<Record<string, JobState>> = {
  OOMKilled: "OUT_OF_MEMORY",
  DeadlineExceeded: "TIMEOUT",
  Evicted: "PREEMPTED",
  Preempted: "PREEMPTED",
  NodeTainted: "NODE_FAIL",
  NodeShutdown: "NODE_FAIL",
  NodeLost: "NODE_FAIL",
  ContainerStatusUnknown: "NODE_FAIL",
  UnexpectedAdmissionError: "BOOT_FAIL",
  NodeAffinity: "BOOT_FAIL",
};

/** Recorded reasons of attempts that failed by themselves. */
const OWN_FAILURES = new Set(["Error", "Signal", "Retrying", "StorageLimitExceeded"]);

/** The table of C-73, in its order; the first that fits decides. */
const RULES: readonly Rule[] = [
  // 1
  ({ pod, gone }) =>
    !gone && pod.phase === "Running" && (pod.deletedAt !== null || haveAllEnded(pod)) ? "COMPLETING" : undefined,
  // 2
  (judged) => (isOver(judged) ? stoppedFor(judged) : undefined),
  // 3
  (judged) =>
    isOver(judged) && (PREEMPTIONS.has(disruptionOf(judged)) || judged.pod.reason === "Preempting")
      ? "PREEMPTED"
      : undefined,
  // 4
  (judged) =>
    isOver(judged) && (LOSSES.has(disruptionOf(judged)) || LOST_REASONS.has(judged.pod.reason))
      ? "NODE_FAIL"
      : undefined,
  // 5
  ({ pod }) => {
    if (pod.phase !== "Failed" || pod.reason !== "Evicted") return undefined;
    return pod.isNodeLowOnMemory ? "OUT_OF_MEMORY" : "PREEMPTED";
  },
  // 6
  ({ pod }) => (pod.phase === "Failed" && pod.reason === "DeadlineExceeded" ? "TIMEOUT" : undefined),
  // 7
  ({ pod }) =>
    pod.phase === "Failed" && pod.main.some(({ terminated }) => terminated?.reason === "OOMKilled")
      ? "OUT_OF_MEMORY"
      : undefined,
  // 8: what the operator has recorded of a pod that nobody here saw end is its end (C-82).
  (judged) => (isStopped(judged) ? recordedEnd(judged.outcome) : undefined),
  // 9
  ({ pod }) => (pod.phase === "Failed" && !pod.main.some(hasStarted) ? "BOOT_FAIL" : undefined),
  // 10
  ({ pod }) => (pod.phase === "Failed" ? "FAILED" : undefined),
  // 11
  ({ pod }) => (pod.phase === "Succeeded" ? "COMPLETED" : undefined),
  // 12
  ({ pod }) =>
    pod.phase === "Running" && pod.main.some(({ waiting }) => waiting === "CrashLoopBackOff") ? "REQUEUED" : undefined,
  // 13
  ({ pod }) => (pod.phase === "Running" ? "RUNNING" : undefined),
  // 14 and 15
  ({ pod }) => {
    if (pod.phase !== "Pending") return undefined;
    return pod.isScheduled ? "CONFIGURING" : "PENDING";
  },
];

/** The state of a pod's job (C-73). */
export function jobState(judged: Judged): JobState {
  for (const rule of RULES) {
    const state = rule(judged);
    if (state !== undefined) return state;
  }
  // 16
  return "NODE_FAIL";
}

/** The state of a job whose pod was found gone: as it was foreseen when the pod was last seen, and what the operator has recorded (C-82). */
export function closedState(foreseen: string, outcome: Outcome | undefined): string {
  const stop = outcome === undefined ? undefined : recordedStop(outcome);
  return stop ?? (foreseen === "CANCELLED" ? recordedEnd(outcome) : foreseen);
}

/** Whether a pod has ended, or is gone: then its state changes no more. */
export function isOver({ pod, gone }: Pick<Judged, "pod" | "gone">): boolean {
  return gone || hasEnded(pod);
}

/** Whether a pod was made to end: gone before it had, or ended no earlier than its deletion was asked for (row 8). */
export function isStopped({ pod, gone }: Pick<Judged, "pod" | "gone">): boolean {
  if (!hasEnded(pod)) return gone;
  return pod.deletedAt !== null && pod.deletedAt <= (lastEnd(pod) ?? Number.POSITIVE_INFINITY);
}

/** The latest end of a main container, in whole seconds since 1970; null while none has ended. */
export function lastEnd({ main }: PodFacts): number | null {
  const ends = main.map(({ terminated }) => terminated?.finishedAt ?? null).filter((end) => end !== null);
  return ends.length === 0 ? null : Math.max(...ends);
}

function hasEnded({ phase }: PodFacts): boolean {
  return phase === "Succeeded" || phase === "Failed";
}

function haveAllEnded({ main, mainCount }: PodFacts): boolean {
  return main.length > 0 && main.length >= mainCount && main.every(({ terminated }) => terminated !== undefined);
}

/** A container that the node lost track of has no times and ran all the same. */
function hasStarted({ startedAt, terminated }: MainContainer): boolean {
  return startedAt !== null || terminated?.reason === "ContainerStatusUnknown";
}

function disruptionOf({ pod }: Judged): string {
  return pod.disruption?.reason ?? "";
}

function stoppedFor(judged: Judged): JobState | undefined {
  const { outcome, batchJob } = judged;
  const recorded = outcome === undefined ? undefined : recordedStop(outcome);
  if (recorded !== undefined) return recorded;
  if (batchJob === undefined || !isStopped(judged)) return undefined;
  if (batchJob.isOverdue) return "TIMEOUT";
  return batchJob.isSuspended ? "SUSPENDED" : undefined;
}

function recordedStop({ succeeded, reason }: Outcome): JobState | undefined {
  if (succeeded) return undefined;
  if (TIMEOUTS.has(reason)) return "TIMEOUT";
  if (reason === "Suspended") return "SUSPENDED";
  return reason === "Cancelled" ? "CANCELLED" : undefined;
}

function recordedEnd(outcome: Outcome | undefined): JobState {
  if (outcome === undefined) return "CANCELLED";
  if (outcome.succeeded) return "COMPLETED";
  if (Object.hasOwn(RECORDED, outcome.reason)) return RECORDED[outcome.reason] ?? "CANCELLED";
  if (/^OutOf|^Topology/.test(outcome.reason)) return "BOOT_FAIL";
  return OWN_FAILURES.has(outcome.reason) ? "FAILED" : "CANCELLED";
}
