import { REASONS } from "../crds/reasons.ts";

/** Reasons that the kubelet and the scheduler give for pods, as far as they are worth a series of their own. */
const FOREIGN: ReadonlySet<string> = new Set([
  "ImagePullBackOff",
  "ErrImageNeverPull",
  "InvalidImageName",
  "ImageInspectError",
  "RegistryUnavailable",
  "CreateContainerConfigError",
  "CreateContainerError",
  "RunContainerError",
  "CrashLoopBackOff",
  "FailedMount",
  "FailedAttachVolume",
  "FailedCreatePodSandBox",
  "NetworkNotReady",
  "SchedulingGated",
  "DeadlineExceeded",
  "ContainerCannotRun",
  "StartError",
]);

/** A reason as a label of a metric. Anybody may give an object any reason, and each would be a series for ever: those that are not known are `Other`. */
export function reasonLabel(reason: string): string {
  return Object.hasOwn(REASONS, reason) || FOREIGN.has(reason) ? reason : "Other";
}
