import { ANNOTATIONS, LABELS } from "../../../crds/names.ts";
import { type KeptMetadata, keptMetadata } from "../../../kube/kept-metadata.ts";
import type { KubeObject } from "../../../kube/resource.ts";
import { cut } from "./cut.ts";
import type { NamespaceFacts } from "./owner.ts";

/** What Clockwork keeps of a Namespace (C-71). */
export interface NamespaceState extends NamespaceFacts {
  metadata: KeptMetadata;
}

/** Reduces a Namespace. */
export function projectNamespace({ metadata }: KubeObject): NamespaceState {
  const user = metadata.annotations?.[ANNOTATIONS.user];
  const cluster = metadata.labels?.[LABELS.cluster];
  return {
    metadata: keptMetadata(metadata),
    ...(user === undefined || user === "" ? {} : { user: cut(user) }),
    ...(cluster === undefined || cluster === "" ? {} : { cluster }),
    trusts: metadata.labels?.[LABELS.clockworkTrust] === "true",
  };
}
