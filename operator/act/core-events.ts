import { randomBytes } from "node:crypto";
import type { Pipeline, RunEvent } from "../../crds/generated/types.ts";
import { API_VERSION, PIPELINE } from "../../crds/resources.ts";
import type { KubeClient } from "../../kube/client.ts";
import { EVENT } from "../../kube/core-resources.ts";
import type { Logger } from "../../kube/logger.ts";
import { collectionPath } from "../../kube/resource.ts";

/** Events that may be sent at once, and how many more per second; above that they are dropped, for the run's own record has them all. */
const BURST = 25;
const PER_SECOND = 5;
/** That a run has started is told this much later, and not at all if it has ended by then: what told that tells more. */
const START_TOLD_AFTER_MS = 2_000;
/** Starts that wait to be told; in a burst of more runs they are dropped. */
const MAX_STARTS = 1_000;

/** Tells run-level news as core events, so that `kubectl describe` and event exporters show them. Never in the way of anything. */
export class CoreEvents {
  readonly #client: KubeClient;
  readonly #logger: Logger;
  #tokens = BURST;
  #filledAt = performance.now();
  /** By run: starts that are not told yet. */
  readonly #starts = new Map<string, NodeJS.Timeout>();

  constructor(client: KubeClient, logger: Logger) {
    this.#client = client;
    this.#logger = logger;
  }

  /** Sends those of the events that concern the run as a whole, or a failure; returns at once. */
  tell(run: Pick<Pipeline, "metadata">, events: readonly RunEvent[]): void {
    for (const event of events) {
      if (event.source !== "odin" || (event.task !== undefined && event.type === "Normal")) continue;
      if (event.reason === "Started") this.#tellLater(run, event);
      else {
        if (event.task === undefined) this.#dropStart(run);
        this.#tellNow(run, event);
      }
    }
  }

  #tellLater(run: Pick<Pipeline, "metadata">, event: RunEvent): void {
    if (this.#starts.size >= MAX_STARTS) return;
    this.#dropStart(run);
    const timer = setTimeout(() => {
      this.#starts.delete(run.metadata.uid);
      this.#tellNow(run, event);
    }, START_TOLD_AFTER_MS);
    timer.unref?.();
    this.#starts.set(run.metadata.uid, timer);
  }

  #dropStart({ metadata: { uid } }: Pick<Pipeline, "metadata">): void {
    clearTimeout(this.#starts.get(uid));
    this.#starts.delete(uid);
  }

  #tellNow(run: Pick<Pipeline, "metadata">, event: RunEvent): void {
    if (!this.#take()) return;
    this.#send(run, event).catch((error: unknown) => {
      this.#logger.debug({ run: run.metadata.name, reason: event.reason, err: String(error) }, "event not sent");
    });
  }

  #take(): boolean {
    const now = performance.now();
    this.#tokens = Math.min(BURST, this.#tokens + ((now - this.#filledAt) / 1000) * PER_SECOND);
    this.#filledAt = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  async #send(run: Pick<Pipeline, "metadata">, event: RunEvent): Promise<void> {
    const { name, namespace, uid, resourceVersion } = run.metadata;
    const body = {
      apiVersion: "v1",
      kind: "Event",
      metadata: { name: `${name.slice(0, 200)}.${randomBytes(8).toString("hex")}`, namespace },
      involvedObject: { apiVersion: API_VERSION, kind: PIPELINE.kind, name, namespace, uid, resourceVersion },
      type: event.type,
      reason: event.reason,
      message: event.task === undefined ? event.message : `task ${event.task}: ${event.message}`,
      source: { component: "odin-operator" },
      firstTimestamp: seconds(event.time),
      lastTimestamp: seconds(event.time),
      count: 1,
    };
    await this.#client.create(collectionPath(EVENT, namespace), body, { lane: "event" });
  }
}

/** Core events carry whole seconds. */
function seconds(time: string): string {
  return `${new Date(time).toISOString().slice(0, 19)}Z`;
}
