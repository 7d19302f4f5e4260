import { isDated } from "./decide/pending-problem.ts";
import type { ObservedObject } from "./decide/run.ts";
import type { NodeWatch } from "./node-watch.ts";

/**
 * The objects of a run with what must be known of their troubles besides: what is wrong with their nodes, and since when a reason for waiting holds
 * that is judged by that. `since` keeps the latter from one look to the next, by the object's UID and the reason; it is `now` for what is new.
 */
export function withTroubles(
  objects: readonly ObservedObject[],
  nodes: Pick<NodeWatch, "troubleOf"> | undefined,
  since: Map<string, string>,
  now: string,
): ObservedObject[] {
  return objects.map((object) => {
    if (object.phase === "Succeeded" || object.phase === "Failed" || object.gone) return object;
    const nodeTrouble = object.node === undefined ? undefined : nodes?.troubleOf(object.node);
    const { waiting } = object;
    const dated = waiting !== undefined && isDated(waiting.reason) ? { ...waiting, since: "" } : undefined;
    if (dated !== undefined) {
      const key = `${object.uid}/${dated.reason}`;
      dated.since = since.get(key) ?? now;
      since.set(key, dated.since);
    }
    if (nodeTrouble === undefined && dated === undefined) return object;
    return {
      ...object,
      ...(nodeTrouble === undefined ? {} : { nodeTrouble }),
      ...(dated === undefined ? {} : { waiting: dated }),
    };
  });
}
