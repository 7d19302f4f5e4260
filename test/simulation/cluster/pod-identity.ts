import type { Stored } from "../api/stored.ts";

/** Which attempt of which task of which run a pod is for. */
export interface PodIdentity {
  run: string;
  runUid: string;
  task: string;
  attempt: number;
}

/** Reads whose a pod is: of the run that owns it, or of an object of one; undefined for a pod of somebody else. */
export function identityOf({ metadata }: Stored): PodIdentity | undefined {
  const { annotations = {}, ownerReferences = [] } = metadata;
  const task = annotations["odin.io/task"];
  if (task === undefined) return undefined;
  const attempt = Number(annotations["odin.io/attempt"] ?? 1);
  const owner = ownerReferences.find(({ kind, controller }) => controller && kind === "Pipeline");
  const run = owner?.name ?? annotations["odin.io/pipeline"];
  const runUid = owner?.uid ?? annotations["odin.io/pipeline-uid"];
  return run === undefined || runUid === undefined ? undefined : { run, runUid, task, attempt };
}
