import type { Pipeline } from "../crds/generated/types.ts";
import { type KeptMetadata, keptMetadata } from "../kube/kept-metadata.ts";
import type { KubeObject } from "../kube/resource.ts";
import type { EndedRun } from "./decide/expiry.ts";

/** What the cache keeps of a run: all of it while it goes on, a few hundred bytes once it has ended. */
export interface CachedRun {
  metadata: KeptMetadata;
  /** The whole object; absent once the run has ended or is being deleted. */
  active?: Pipeline;
  /** The phase, of all runs. */
  phase?: string;
  /** How it ended; absent while it goes on or is being deleted. */
  ended?: EndedRun & { job?: string };
  /** The snapshot that the run was started from, or is to be. */
  snapshot?: string;
}

/** Whether a run is the operator's to carry out: one that names another manager is left alone altogether (M-42). */
export function isOurs(raw: KubeObject): boolean {
  return (raw as unknown as Pipeline).spec?.managedBy === undefined;
}

/** Reduces a Pipeline to what the cache keeps. */
export function projectRun(raw: KubeObject): CachedRun {
  const run = raw as unknown as Pipeline;
  const phase = run.status?.phase;
  const snapshot = run.status?.snapshot ?? run.spec.snapshot;
  const active = phase !== "DONE" && phase !== "TERMINATED" && raw.metadata.deletionTimestamp === undefined;
  return {
    metadata: keptMetadata(raw.metadata),
    ...(active ? { active: run } : {}),
    ...(phase === undefined ? {} : { phase }),
    ...endedOf(run),
    ...(snapshot === undefined ? {} : { snapshot }),
  };
}

function endedOf({ metadata, spec, status }: Pipeline): Pick<CachedRun, "ended"> {
  const { phase, completionTime } = status ?? {};
  if (metadata.deletionTimestamp !== undefined || (phase !== "DONE" && phase !== "TERMINATED")) return {};
  const endedMs = Date.parse(completionTime ?? metadata.creationTimestamp ?? "");
  if (!Number.isFinite(endedMs)) return {};
  const job = status?.job ?? spec.job;
  const ttl = spec.ttlSecondsAfterFinished;
  return { ended: { endedMs, phase, ...(ttl === undefined ? {} : { ttl }), ...(job === undefined ? {} : { job }) } };
}
