import { ANNOTATIONS, LABELS } from "../crds/names.ts";
import { type Definition, readSnapshot } from "../crds/snapshot.ts";
import { type KeptMetadata, keptMetadata } from "../kube/kept-metadata.ts";
import type { KubeObject } from "../kube/resource.ts";

/** What the cache keeps of a snapshot: the definition, not the contents of the files. */
export interface CachedSnapshot {
  metadata: KeptMetadata;
  definition?: Definition;
  /** It belongs to one run and goes with it; otherwise it is shared and swept when no run needs it. */
  owned: boolean;
  /** It carries the label of snapshots; the cache holds no other, but one that is read by its name may be any ConfigMap. */
  labelled: boolean;
  /** When it was last created or used, as far as the object says (RFC 3339). */
  usedAt?: string;
}

/** Reduces a snapshot's ConfigMap to what the cache keeps. */
export function projectSnapshot(raw: KubeObject): CachedSnapshot {
  const definition = readSnapshot((raw as KubeObject & { data?: Record<string, string> }).data);
  const { annotations, labels, ownerReferences, creationTimestamp } = raw.metadata;
  const usedAt = annotations?.[ANNOTATIONS.used] ?? creationTimestamp;
  return {
    metadata: keptMetadata(raw.metadata),
    ...(definition === undefined ? {} : { definition }),
    owned: (ownerReferences?.length ?? 0) > 0,
    labelled: labels?.[LABELS.snapshot] === "true",
    ...(usedAt === undefined ? {} : { usedAt }),
  };
}
