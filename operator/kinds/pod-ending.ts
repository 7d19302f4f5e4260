import type { ObservedObject } from "../decide/run.ts";
import { signalName } from "./signal-names.ts";

/** How a container ended, as the kubelet says it. */
export interface Terminated {
  reason?: string;
  message?: string;
  exitCode?: number;
  finishedAt?: string | null;
  signal?: number;
}

/** What of a pod says how it ended. */
export interface EndedPod {
  status?: {
    reason?: string;
    message?: string;
    conditions?: { type: string; status: string; reason?: string; message?: string }[];
  };
}

/** What the schema of a record allows; a longer word would make the status unwritable. */
const MAX_REASON = 64;

/** Words of the kubelet about a whole pod, in ours; those that are not here stay as they are. */
const POD_REASONS: Readonly<Record<string, string>> = {
  Preempting: "Preempted",
  // A graceful shutdown of the node, by the kubelets of different years.
  Terminated: "NodeShutdown",
  Shutdown: "NodeShutdown",
};

/** Reasons of the condition `DisruptionTarget`, in our words. */
const DISRUPTIONS: Readonly<Record<string, string>> = {
  PreemptionByScheduler: "Preempted",
  EvictionByEvictionAPI: "Evicted",
  TerminationByKubelet: "Evicted",
  DeletionByTaintManager: "NodeTainted",
  DeletionByPodGC: "NodeLost",
};

/** How the kubelet tells that a pod was evicted for what it used itself, and not because its node ran short. */
const OWN_STORAGE = /exceed(?:s|ed)\b.*\blimit/i;

/** Exit codes by which a shell or a container runtime tells of a signal: 128 and its number. */
const SIGNAL_BASE = 128;
const LAST_SIGNAL = 31;
/** With these a pod that is being deleted is made to end. */
const STOP_SIGNALS: readonly number[] = [9, 15];

/** Who is taking a pod away, where the cluster has said so on the pod. */
export function disruptionOf({ status }: EndedPod): ObservedObject["disrupted"] {
  const condition = status?.conditions?.find(({ type, status }) => type === "DisruptionTarget" && status === "True");
  if (condition === undefined) return undefined;
  const said = condition.reason ?? "Disrupted";
  const reason = Object.hasOwn(DISRUPTIONS, said) ? DISRUPTIONS[said] : undefined;
  return { reason: reason ?? "Disrupted", message: condition.message ?? said };
}

/**
 * Why a pod that failed has failed: one word that rules can name and that says whose doing it was (F-19, F-23), and the pod's own message if it has
 * one (O-183). What happened to the pod as a whole goes before what its container says, for a container that is made to end just tells of a signal;
 * but what used up its memory was the container. `askedToGoAt`: when its deletion was first asked for, in milliseconds since 1970.
 */
export function podEnding(
  pod: EndedPod,
  terminated: Terminated | undefined,
  askedToGoAt: number | undefined,
): NonNullable<ObservedObject["ended"]> {
  const disrupted = disruptionOf(pod);
  const reason = podReason(pod, terminated) ?? disrupted?.reason ?? containerReason(terminated, askedToGoAt);
  const message = pod.status?.message ?? disrupted?.message;
  const signal = reason === "Signal" ? signalOf(terminated) : undefined;
  return {
    ...(reason === undefined ? {} : { reason: reason.slice(0, MAX_REASON) }),
    ...(message === undefined ? {} : { message }),
    ...(terminated?.exitCode === undefined ? {} : { exitCode: terminated.exitCode }),
    ...(terminated?.message === undefined ? {} : { terminationMessage: terminated.message }),
    ...(terminated?.finishedAt ? { at: terminated.finishedAt } : {}),
    ...(signal === undefined ? {} : { signal: signalName(signal) }),
  };
}

function podReason({ status }: EndedPod, terminated: Terminated | undefined): string | undefined {
  if (status?.reason === "Evicted" && OWN_STORAGE.test(status.message ?? "")) return "StorageLimitExceeded";
  if (status?.reason) return (Object.hasOwn(POD_REASONS, status.reason) && POD_REASONS[status.reason]) || status.reason;
  return terminated?.reason === "OOMKilled" ? "OOMKilled" : undefined;
}

function containerReason(terminated: Terminated | undefined, askedToGoAt: number | undefined): string | undefined {
  if (wasDeletedFirst(terminated, askedToGoAt)) return "PodDeleted";
  if (terminated?.reason !== undefined && terminated.reason !== "Error") return terminated.reason;
  return signalOf(terminated) === undefined ? terminated?.reason : "Signal";
}

/**
 * Whether a pod ended because somebody had it deleted (F-18): by a signal that deletion sends, or at a time at which it had been asked to go. Times
 * have whole seconds and the node's clock may be off, so the signal counts whatever they say.
 */
function wasDeletedFirst(terminated: Terminated | undefined, askedToGoAt: number | undefined): boolean {
  if (askedToGoAt === undefined || terminated === undefined) return false;
  if (STOP_SIGNALS.includes(signalOf(terminated) ?? 0)) return true;
  return Date.parse(terminated.finishedAt ?? "") >= askedToGoAt;
}

/** Number of the signal that ended a container; undefined where it ended by itself. */
function signalOf(terminated: Terminated | undefined): number | undefined {
  if (terminated?.signal) return terminated.signal;
  const signal = (terminated?.exitCode ?? 0) - SIGNAL_BASE;
  return signal >= 1 && signal <= LAST_SIGNAL ? signal : undefined;
}
