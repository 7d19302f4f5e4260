import { type Definition, readSnapshot } from "../../crds/snapshot.ts";
import { keptMetadata } from "../../kube/kept-metadata.ts";
import type { KubeObject, ObjectMeta } from "../../kube/resource.ts";

/** The frozen definition that runs of one version share, without the texts of its files. */
export interface CachedSnapshot {
  metadata: ObjectMeta;
  /** Absent if the ConfigMap is damaged. */
  definition?: Definition;
}

/** Reduces a snapshot's ConfigMap to its definition. */
export function projectSnapshot(raw: KubeObject): CachedSnapshot {
  const definition = readSnapshot((raw as KubeObject & { data?: Record<string, string> }).data);
  return { metadata: keptMetadata(raw.metadata), ...(definition === undefined ? {} : { definition }) };
}
