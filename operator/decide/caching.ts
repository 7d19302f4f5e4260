import type { Task } from "../../crds/generated/types.ts";

/** What the cache knows about a task that is about to start (O-200). */
export type CacheAnswer =
  /** An earlier run left outputs that are still the same; `result` is what that task handed back. */
  | { kind: "hit"; result?: string }
  /** It must run; with a key, what it leaves is remembered under that. */
  | { kind: "miss"; key?: string };

const DIGEST = /@sha256:[0-9a-f]{64}$/;

/**
 * Whether a task may be skipped at all: it has outputs, and its image is known to be the same as before (O-201). Without a digest a tag is taken at its
 * word, but not `latest`, no tag, or an image that is pulled anew each time.
 */
export function isCacheable(task: Task): boolean {
  if (Object.keys(task.outputs ?? {}).length === 0) return false;
  if (DIGEST.test(task.image)) return true;
  const tag = /:([^:/]+)$/.exec(task.image)?.[1];
  return tag !== undefined && tag !== "latest" && task.pullPolicy !== "Always";
}
