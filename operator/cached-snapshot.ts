import { type Definition, readSnapshot } from "../crds/snapshot.ts";
import type { KubeObject, ObjectMeta } from "../kube/resource.ts";

/** Where ConfigMaps live on the API server. */
export const CONFIG_MAP = {
  group: "",
  version: "v1",
  plural: "configmaps",
  kind: "ConfigMap",
  namespaced: true,
} as const;

/** What the cache keeps of a snapshot: the definition, not the contents of the files. */
export interface CachedSnapshot {
  metadata: Pick<ObjectMeta, "name" | "namespace" | "uid" | "resourceVersion" | "creationTimestamp">;
  definition?: Definition;
  /** It belongs to one run and goes with it; otherwise it is shared and swept when no run needs it. */
  owned: boolean;
}

/** Reduces a snapshot's ConfigMap to what the cache keeps. */
export function projectSnapshot(raw: KubeObject): CachedSnapshot {
  const { name, namespace, uid, resourceVersion, creationTimestamp, ownerReferences } = raw.metadata;
  const definition = readSnapshot((raw as KubeObject & { data?: Record<string, string> }).data);
  return {
    metadata: {
      name,
      uid,
      resourceVersion,
      ...(namespace === undefined ? {} : { namespace }),
      ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
    },
    ...(definition === undefined ? {} : { definition }),
    owned: (ownerReferences?.length ?? 0) > 0,
  };
}
