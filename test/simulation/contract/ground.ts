import * as assert from "uvu/assert";
import type { KubeClient } from "../../../kube/client.ts";
import { type ErrorCategory, isKubeError, type KubeError } from "../../../kube/errors.ts";
import type { WatchEvent } from "../../../kube/watch.ts";

/** Where the contract is checked: a real API server, or the simulated one. */
export interface Ground {
  client: KubeClient;
  /** One that is there and empty but for what other checks have left under names of their own. */
  namespace: string;
  /** Makes the server forget its history. */
  compact(): Promise<void>;
}

/** One promise of the API server that the operator, or the simulation's story, rests on. */
export interface Promised {
  title: string;
  check(ground: Ground): Promise<void>;
}

/** Long enough for controllers of a busy machine. */
export const WAIT_MS = 60_000;

/** The error that a request must end with. */
export async function failing(request: Promise<unknown>, category: ErrorCategory): Promise<KubeError> {
  try {
    await request;
  } catch (error) {
    if (!isKubeError(error)) throw error;
    assert.is(error.category, category, error.message);
    return error;
  }
  throw new Error(`the request was accepted; it should fail as ${category}`);
}

/** What the server said, without our own words before and after. */
export function words({ message }: KubeError): string {
  return message.replace(/^[A-Z]+ \/\S+: /, "").replace(/ \(HTTP \d+[^()]*\)$/, "");
}

/** Watches until `enough`, or until the server ends it; returns what came. */
export async function watched(
  { client }: Ground,
  path: string,
  query: Record<string, string | number | boolean>,
  enough: (events: WatchEvent[]) => boolean = () => false,
): Promise<WatchEvent[]> {
  const events: WatchEvent[] = [];
  const stop = new AbortController();
  try {
    await client.watch(path, {
      query: { timeoutSeconds: 60, ...query },
      signal: stop.signal,
      openTimeoutMs: 60_000,
      idleTimeoutMs: 120_000,
      onEvent: (event) => {
        events.push(event);
        if (enough(events)) stop.abort();
      },
    });
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  }
  return events;
}
