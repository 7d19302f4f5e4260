import type { KubeClient } from "./client.ts";
import { isKubeError } from "./errors.ts";
import { collectionPath, type KubeObject, objectPath, type Resource } from "./resource.ts";

/** Rounds of creating and touching before giving up: each needs somebody who deletes between the two. */
const ROUNDS = 5;

/**
 * Makes sure that an object whose name is the hash of its content is there, and returns it as stored. One that is there already gets `usedAnnotation`
 * set to the present time: whoever collects unused ones deletes with the resourceVersion as a precondition, so an object cannot disappear
 * between this call and the moment somebody names it, as long as the collector spares what was used lately.
 */
export async function ensureContentObject(
  client: KubeClient,
  resource: Resource,
  object: { metadata: { name: string; namespace: string } },
  usedAnnotation: string,
): Promise<KubeObject> {
  const { name, namespace } = object.metadata;
  for (let round = 1; ; round++) {
    try {
      return await client.create<KubeObject>(collectionPath(resource, namespace), object, { lane: "create" });
    } catch (error) {
      if (!isKubeError(error, "alreadyExists")) throw error;
    }
    const body = { metadata: { annotations: { [usedAnnotation]: client.clock.now() } } };
    try {
      return await client.patch<KubeObject>(objectPath(resource, namespace, name), "merge", body, { lane: "create" });
    } catch (error) {
      if (!isKubeError(error, "notFound") || round === ROUNDS) throw error;
    }
  }
}
