import type { Pipeline } from "../../crds/generated/types.ts";
import { keptMetadata } from "../../kube/kept-metadata.ts";
import type { KubeObject } from "../../kube/resource.ts";

/** A Pipeline without what the facade never shows: the texts of its files and most of its metadata. */
export function projectRun(raw: KubeObject): Pipeline {
  const { apiVersion = "", kind = "", metadata, spec, status } = raw as KubeObject & Pipeline;
  const { files: _, ...kept } = spec;
  return {
    apiVersion,
    kind,
    metadata: keptMetadata(metadata),
    spec: kept,
    ...(status === undefined ? {} : { status }),
  };
}
