import { createHash } from "node:crypto";
import { MAX_LABEL } from "../../crds/limits.ts";
import { jobObjectName } from "../../crds/names.ts";

const LONG_HASH = 24;

/**
 * Names of the Job objects of a set of job ids; two ids never share one (O-14). Where the usual name of an id is another id's too, the id that is
 * its own name keeps it, and the others end in a hash that is too long to be met by chance or by design.
 */
export function mirrorNames(ids: readonly string[]): Map<string, string> {
  const groups = new Map<string, string[]>();
  for (const id of ids) {
    const name = jobObjectName(id);
    groups.set(name, [...(groups.get(name) ?? []), id]);
  }
  const names = new Map<string, string>();
  for (const [name, sharing] of groups) {
    for (const id of sharing) names.set(id, sharing.length === 1 || id === name ? name : longName(name, id));
  }
  return names;
}

function longName(name: string, id: string): string {
  const hash = createHash("sha256").update(id).digest("hex").slice(0, LONG_HASH);
  return `${name.slice(0, MAX_LABEL - LONG_HASH - 1).replace(/-+$/, "")}-${hash}`;
}
