import { setTimeout as sleep } from "node:timers/promises";
import type { KubeClient } from "./client.ts";
import { isKubeError } from "./errors.ts";
import type { Informer } from "./informer.ts";
import type { ObjectMeta } from "./resource.ts";

/** A collection that this process may not be allowed to read. */
export interface GuardedInformer<P extends { metadata: ObjectMeta }> {
  informer: Informer<P>;
  /** Path of the collection. */
  path: string;
  /** Called once if the right is missing. */
  onForbidden(): void;
  /** Called once if it was missing and is there now. */
  onAllowed(): void;
}

/** Time between two looks whether a missing right was given. */
const RETRY_MS = 60_000;

/**
 * Starts an informer as soon as this process has the right to list its collection. Without it an informer would complain
 * for ever about something that a careful administrator may have meant. Resolves once it is started, or at `signal`.
 */
export async function startWhenAllowed<P extends { metadata: ObjectMeta }>(
  client: KubeClient,
  { informer, path, onForbidden, onAllowed }: GuardedInformer<P>,
  signal: AbortSignal,
  retryMs: number = RETRY_MS,
): Promise<void> {
  let told = false;
  while (!signal.aborted) {
    try {
      await client.listPage(path, { limit: 1, signal });
    } catch (error) {
      if (signal.aborted) return;
      if (isKubeError(error, "forbidden")) {
        if (!told) onForbidden();
        told = true;
        await sleep(retryMs, undefined, { signal }).catch(() => undefined);
        continue;
      }
      // Anything else is what an informer knows how to live with.
    }
    if (signal.aborted) return;
    if (told) onAllowed();
    informer.start();
    return;
  }
}
