import type { Caller } from "../caller.ts";

/**
 * The clusters whose jobs a request means: those it names as far as the caller may see them, or all that he may see; undefined: all there are. None
 * left: no job (C-18, C-31).
 */
export function accessibleClusters(
  { clusters }: Pick<Caller, "clusters">,
  named: readonly string[] | undefined,
): readonly string[] | undefined {
  if (named === undefined) return clusters;
  return clusters === undefined ? named : named.filter((name) => clusters.includes(name));
}
