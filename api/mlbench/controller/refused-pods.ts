import type { KubeClient } from "../../../kube/client.ts";
import { EVENT } from "../../../kube/core-resources.ts";
import type { Logger } from "../../../kube/logger.ts";
import { collectionPath, type KubeObject } from "../../../kube/resource.ts";
import type { TroubledPod } from "./worker-set.ts";

/** Events that are read of a StatefulSet; it has few kinds of them, and repetitions are counted. */
const MOST_EVENTS = 50;
/** Characters of a reason that are told. */
const MAX_TROUBLE = 300;

interface RawEvent extends KubeObject {
  reason?: string;
  message?: string;
  type?: string;
  lastTimestamp?: string | null;
  eventTime?: string | null;
}

/**
 * Why a StatefulSet has made no pod: a service account that is not there, a quota, an admission policy. No pod tells that, only the controller's events. Undefined
 * where there is none, or where they cannot be read.
 */
export async function refusalOf(
  client: Pick<KubeClient, "listPage">,
  namespace: string,
  set: { name: string; uid: string },
  logger: Logger,
): Promise<TroubledPod | undefined> {
  try {
    const { items } = await client.listPage<RawEvent>(collectionPath(EVENT, namespace), {
      fieldSelector: `involvedObject.uid=${set.uid},type=Warning`,
      limit: MOST_EVENTS,
    });
    return newestRefusal(items, set.name);
  } catch (error) {
    logger.debug({ err: String(error), set: set.name }, "the events of a StatefulSet cannot be read");
    return undefined;
  }
}

/** The last of the events that says why a pod was not made. */
export function newestRefusal(events: readonly RawEvent[], name: string): TroubledPod | undefined {
  const failures = events.filter(({ reason }) => reason === "FailedCreate");
  const last = failures.sort((a, b) => timeOf(a) - timeOf(b)).at(-1);
  if (last === undefined) return undefined;
  const message = (last.message ?? "").replace(/\s+/g, " ").slice(0, MAX_TROUBLE);
  return { name, trouble: `FailedCreate: ${message}` };
}

function timeOf({ lastTimestamp, eventTime, metadata }: RawEvent): number {
  return Date.parse(lastTimestamp ?? eventTime ?? metadata.creationTimestamp ?? "") || 0;
}
