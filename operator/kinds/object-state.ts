import { ANNOTATIONS } from "../../crds/names.ts";
import { PIPELINE } from "../../crds/resources.ts";
import { type KeptMetadata, keptMetadata } from "../../kube/kept-metadata.ts";
import type { KubeObject } from "../../kube/resource.ts";
import type { ObservedObject } from "../decide/run.ts";
import type { ObjectForm } from "./object-form.ts";

/** What the caches keep of an object that a run owns, of whatever kind: its identity, its run, and its state. */
export interface CachedObject {
  metadata: KeptMetadata;
  /** UID and name of the run that owns it; absent for an object that is not ours. */
  run?: { uid: string; name: string };
  /** The snapshot whose definition the object was made from. */
  snapshot?: string;
  state: ObservedObject;
}

/** Reduces an object to what decisions need. */
export function projectObject(
  { resource, read }: Pick<ObjectForm, "resource" | "read">,
  raw: KubeObject,
): CachedObject {
  const { metadata } = raw;
  const owner = metadata.ownerReferences?.find((reference) => reference.controller && reference.kind === PIPELINE.kind);
  const annotations = metadata.annotations ?? {};
  return {
    metadata: keptMetadata(metadata),
    ...(owner === undefined ? {} : { run: { uid: owner.uid, name: owner.name } }),
    ...(annotations[ANNOTATIONS.snapshot] === undefined ? {} : { snapshot: annotations[ANNOTATIONS.snapshot] }),
    state: {
      resource,
      name: metadata.name,
      uid: metadata.uid,
      task: annotations[ANNOTATIONS.task] ?? "",
      attempt: Number(annotations[ANNOTATIONS.attempt] ?? 1),
      ...(annotations[ANNOTATIONS.cacheKey] === undefined ? {} : { cacheKey: annotations[ANNOTATIONS.cacheKey] }),
      createdAt: metadata.creationTimestamp ?? "",
      deleting: metadata.deletionTimestamp !== undefined,
      ...(metadata.deletionTimestamp === undefined ? {} : { goneBy: metadata.deletionTimestamp }),
      gone: false,
      ...read(raw),
    },
  };
}
