import type { Pipeline } from "../../crds/generated/types.ts";
import type { KubeClient } from "../../kube/client.ts";
import type { Caches } from "../caches.ts";
import type { ObservedObject } from "../decide/run.ts";
import type { LogKeeper } from "./log-keeper.ts";
import { deleteObject } from "./objects.ts";

/** What stopping needs. */
export interface StopParts {
  client: KubeClient;
  caches: Pick<Caches, "objectsByRun">;
  /** Keeps the logs of what is stopped; absent: nobody does. */
  logs?: Pick<LogKeeper, "beforeStop">;
}

/**
 * Asks an object of a run to go, once what its containers have written is saved, and that of the pods made for it. False if it was gone already, or another
 * has its name. `onAsk` is called between the two.
 */
export async function stopObject(
  { client, caches, logs }: StopParts,
  { metadata }: Pick<Pipeline, "metadata">,
  object: ObservedObject,
  onAsk?: () => void,
): Promise<boolean> {
  const members = caches.objectsByRun.membersOf(metadata, object.name);
  await Promise.all([object, ...members].map((pod) => logs?.beforeStop(metadata.namespace, pod)));
  onAsk?.();
  return await deleteObject(client, metadata.namespace, object);
}

/** Asks everything of a run to go that still holds something on a node, the pods included that outlive the object that they were made for. */
export async function stopAll(parts: StopParts, run: Pick<Pipeline, "metadata">): Promise<void> {
  const { objectsByRun } = parts.caches;
  const left = objectsByRun.of(run.metadata).flatMap((object) => {
    if (holds(object)) return [object];
    return objectsByRun.membersOf(run.metadata, object.name).filter(holds);
  });
  await Promise.all(left.map((object) => stopObject(parts, run, object)));
}

function holds({ phase, gone, deleting, lingers }: ObservedObject): boolean {
  return !gone && !deleting && (lingers === true || (phase !== "Succeeded" && phase !== "Failed"));
}
