import { type StoredPipeline, workersOf } from "../runs/run-spec.ts";
import type { WorkerObject } from "./worker-object.ts";

/**
 * Whether a pod is one of a run's own workers, made by its StatefulSet. Whoever may create pods can label them as he likes; their names and owners he cannot
 * take from the StatefulSet.
 */
export function isOwnWorker({ metadata, set }: WorkerObject, run: StoredPipeline): boolean {
  const workers = run.status?.workers;
  if (workers?.setUid === undefined || set !== workers.setUid) return false;
  const prefix = `${workers.name}-`;
  if (!metadata.name.startsWith(prefix)) return false;
  const ordinal = metadata.name.slice(prefix.length);
  return /^(?:0|[1-9]\d{0,5})$/.test(ordinal) && Number(ordinal) < workersOf(run);
}
