import { setTimeout as delay } from "node:timers/promises";
import { backoffDelayMs } from "../../kube/backoff.ts";
import type { KubeClient } from "../../kube/client.ts";
import { POD } from "../../kube/core-resources.ts";
import { isKubeError } from "../../kube/errors.ts";
import type { Logger } from "../../kube/logger.ts";
import { collectionPath, type KubeObject, objectPath } from "../../kube/resource.ts";

interface MasterLabelParts {
  client: KubeClient;
  /** Where the pods of this program are. */
  namespace: string;
  /** Our own; undefined: no pod is labelled. */
  pod: string | undefined;
  release: string;
  logger: Logger;
  /** Between two looks whether the labels are where they belong; only tests have another. */
  recheckMs?: number;
}

const RECHECK_MS = 30_000;
const BACKOFF = { baseMs: 500, capMs: 15_000 };

/** The labels by which clients in the cluster find the one pod to ask (M-70); `release` tells the masters of several installations apart. */
export function masterLabels(release: string): Record<string, string> {
  return { app: "mlbench", component: "master", release };
}

/**
 * Sees to it that the pod of the active instance has the labels of M-70, and no other pod of this installation. First they are taken from the others, for
 * clients want exactly one. What the API server refuses is tried again until it works or this instance is not active any more, and what somebody else has
 * changed is put right within half a minute.
 */
export class MasterLabel {
  readonly #parts: MasterLabelParts;
  #turn: Promise<void> = Promise.resolve();
  #wanted = new AbortController();

  constructor(parts: MasterLabelParts) {
    this.#parts = parts;
  }

  /** This instance is the active one from now on, or is not. */
  follow(isActive: boolean): void {
    const { pod } = this.#parts;
    if (pod === undefined) return;
    this.#wanted.abort();
    const wanted = new AbortController();
    this.#wanted = wanted;
    this.#turn = this.#turn.then(() => this.#apply(pod, isActive, wanted.signal));
  }

  /** Takes the labels away, as far as the API server answers at once. */
  async stop(): Promise<void> {
    this.#wanted.abort();
    await this.#turn;
    const { pod, logger } = this.#parts;
    if (pod === undefined) return;
    await this.#unlabel(pod).catch((error: unknown) => logger.debug({ err: error }, "the labels of a pod stay"));
  }

  async #apply(pod: string, isActive: boolean, signal: AbortSignal): Promise<void> {
    const { recheckMs = RECHECK_MS } = this.#parts;
    for (let failures = 0; !signal.aborted; ) {
      try {
        if (!isActive) return await this.#unlabel(pod);
        await this.#label(pod, signal);
        failures = 0;
        await delay(recheckMs, undefined, { signal }).catch(() => undefined);
      } catch (error) {
        failures += 1;
        if (failures === 1) {
          this.#parts.logger.warn(
            { pod, err: String(error) },
            "the pod's labels for MLBench clients could not be set yet; it is tried again",
          );
        }
        await delay(backoffDelayMs(failures, BACKOFF), undefined, { signal }).catch(() => undefined);
      }
    }
  }

  async #label(pod: string, signal: AbortSignal): Promise<void> {
    const { client, namespace, release } = this.#parts;
    const selector = Object.entries(masterLabels(release)).map(([key, value]) => `${key}=${value}`);
    const path = collectionPath(POD, namespace);
    const query = { labelSelector: selector.join(",") };
    const { items } = await client.get<{ items: KubeObject[] }>(path, { query });
    for (const { metadata } of items) if (metadata.name !== pod) await this.#unlabel(metadata.name);
    const isLabelled = items.some(({ metadata }) => metadata.name === pod);
    if (!isLabelled && !signal.aborted) await this.#patch(pod, masterLabels(release));
  }

  async #unlabel(pod: string): Promise<void> {
    const keys = Object.keys(masterLabels(this.#parts.release));
    try {
      await this.#patch(pod, Object.fromEntries(keys.map((key) => [key, null])));
    } catch (error) {
      if (!isKubeError(error, "notFound")) throw error;
    }
  }

  async #patch(pod: string, labels: Record<string, string | null>): Promise<void> {
    const { client, namespace } = this.#parts;
    await client.patch(objectPath(POD, namespace, pod), "merge", { metadata: { labels } });
  }
}
