import type { KubeClient } from "../kube/client.ts";
import { CONFIG_MAP } from "../kube/core-resources.ts";
import { isKubeError } from "../kube/errors.ts";
import type { Logger } from "../kube/logger.ts";
import { objectPath } from "../kube/resource.ts";
import type { Caches } from "./caches.ts";
import type { PlanSource } from "./plan-source.ts";

const SOON_MS = 2_000;
const EVERY_MS = 60_000;
/** A snapshot this young may belong to a run that the cache does not have yet. */
const YOUNG_MS = 30_000;

/**
 * Deletes snapshots that no run needs any more. They are shared by the runs of one job version; one owner reference for each run would make them grow
 * with every run and cost a write each, so the runs' statuses are the references and this is what collects.
 */
export class SnapshotSweep {
  readonly #client: KubeClient;
  readonly #caches: Caches;
  readonly #plans: PlanSource;
  readonly #logger: Logger;
  #timer: NodeJS.Timeout | undefined;
  #running = false;

  constructor({
    client,
    caches,
    plans,
    logger,
  }: { client: KubeClient; caches: Caches; plans: PlanSource; logger: Logger }) {
    this.#client = client;
    this.#caches = caches;
    this.#plans = plans;
    this.#logger = logger;
  }

  start(): void {
    this.#running = true;
    this.#schedule(EVERY_MS);
  }

  stop(): void {
    this.#running = false;
    clearTimeout(this.#timer);
  }

  /** A run or Job is gone: its snapshot may be free. */
  soon(): void {
    if (this.#running) this.#schedule(SOON_MS);
  }

  #schedule(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#sweep()
        .catch((error: unknown) => this.#logger.warn({ err: String(error) }, "snapshots not swept; tried again later"))
        .finally(() => {
          if (this.#running) this.#schedule(EVERY_MS);
        });
    }, ms);
    this.#timer.unref();
  }

  async #sweep(): Promise<void> {
    const needed = new Set<string>();
    for (const run of this.#caches.runs.list()) {
      if (run.snapshot !== undefined) needed.add(`${run.metadata.namespace}/${run.snapshot}`);
    }
    for (const snapshot of [...this.#caches.snapshots.list()]) {
      const { namespace, name, uid, creationTimestamp } = snapshot.metadata;
      const young = Date.now() - Date.parse(creationTimestamp ?? "") < YOUNG_MS;
      if (young || snapshot.owned || needed.has(`${namespace}/${name}`) || this.#plans.isClaimed(namespace, name))
        continue;
      try {
        await this.#client.delete(objectPath(CONFIG_MAP, namespace, name), { uid, lane: "delete" });
        this.#logger.info({ namespace, snapshot: name }, "deleted snapshot that no run needs");
      } catch (error) {
        if (!isKubeError(error, "notFound", "conflict")) throw error;
      }
    }
  }
}
