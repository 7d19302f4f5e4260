import { PIPELINE } from "../../../crds/resources.ts";
import { type KeptMetadata, keptMetadata } from "../../../kube/kept-metadata.ts";
import type { KubeObject } from "../../../kube/resource.ts";
import type { BatchJobFacts } from "./job-state.ts";

/** What Clockwork keeps of a Job of Kubernetes. */
export interface BatchJobState extends BatchJobFacts {
  metadata: KeptMetadata;
  /** UID of the Pipeline that controls it. */
  runUid?: string;
  /** Seconds that it may take. */
  deadline?: number;
}

interface RawJob extends KubeObject {
  spec?: { suspend?: boolean; activeDeadlineSeconds?: number };
  status?: { conditions?: { type: string; status: string; reason?: string }[] };
}

/** Reduces a Job. It says that it is to fail before it stops its pods, and that it has failed when they are gone. */
export function projectBatchJob(raw: KubeObject): BatchJobState {
  const { metadata, spec = {}, status = {} } = raw as RawJob;
  const holding = (status.conditions ?? []).filter((condition) => condition.status === "True");
  const owner = metadata.ownerReferences?.find(({ controller, kind }) => controller && kind === PIPELINE.kind);
  return {
    metadata: keptMetadata(metadata),
    ...(owner === undefined ? {} : { runUid: owner.uid }),
    ...(spec.activeDeadlineSeconds === undefined ? {} : { deadline: spec.activeDeadlineSeconds }),
    isOverdue: holding.some(({ type, reason }) => /^Fail(ed|ureTarget)$/.test(type) && reason === "DeadlineExceeded"),
    isSuspended: spec.suspend === true || holding.some(({ type }) => type === "Suspended"),
  };
}
