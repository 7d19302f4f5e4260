import type { ObjectMeta } from "./resource.ts";

/** What identifies an object and says whether it is going away; caches of projections keep this much. */
export type KeptMetadata = Pick<
  ObjectMeta,
  "name" | "namespace" | "uid" | "resourceVersion" | "creationTimestamp" | "deletionTimestamp"
>;

/** The metadata that a projection keeps: labels, annotations, owners and managed fields are most of an object's weight. */
export function keptMetadata(metadata: ObjectMeta): KeptMetadata {
  const { name, namespace, uid, resourceVersion, creationTimestamp, deletionTimestamp } = metadata;
  return {
    name,
    uid,
    resourceVersion,
    ...(namespace === undefined ? {} : { namespace }),
    ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
    ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
  };
}
