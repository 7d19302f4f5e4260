import { type Definition, readSnapshot } from "../crds/snapshot.ts";
import { type KeptMetadata, keptMetadata } from "../kube/kept-metadata.ts";
import type { KubeObject } from "../kube/resource.ts";

/** What the cache keeps of a snapshot: the definition, not the contents of the files. */
export interface CachedSnapshot {
  metadata: KeptMetadata;
  definition?: Definition;
  /** It belongs to one run and goes with it; otherwise it is shared and swept when no run needs it. */
  owned: boolean;
}

/** Reduces a snapshot's ConfigMap to what the cache keeps. */
export function projectSnapshot(raw: KubeObject): CachedSnapshot {
  const definition = readSnapshot((raw as KubeObject & { data?: Record<string, string> }).data);
  return {
    metadata: keptMetadata(raw.metadata),
    ...(definition === undefined ? {} : { definition }),
    owned: (raw.metadata.ownerReferences?.length ?? 0) > 0,
  };
}
