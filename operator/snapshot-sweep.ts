import type { KubeClient } from "../kube/client.ts";
import { CONFIG_MAP } from "../kube/core-resources.ts";
import { isKubeError } from "../kube/errors.ts";
import type { Logger } from "../kube/logger.ts";
import { objectPath } from "../kube/resource.ts";
import type { Caches } from "./caches.ts";
import type { PlanSource } from "./plan-source.ts";

const SOON_MS = 2_000;
const EVERY_MS = 60_000;
/** A snapshot that was made or used this short a time ago may belong to a run or Job that the cache does not have yet. */
const YOUNG_MS = 30_000;

export interface SnapshotSweepOptions {
  client: KubeClient;
  caches: Caches;
  plans: Pick<PlanSource, "isClaimed">;
  logger: Logger;
  /** How long a snapshot is left alone after it was made or used. */
  youngMs?: number;
}

/**
 * Deletes snapshots that no run needs any more. They are shared by the runs of one job version; one owner reference for each run would make them grow
 * with every run and cost a write each, so what runs, Jobs and other snapshots name are the references and this is what collects.
 */
export class SnapshotSweep {
  readonly #client: KubeClient;
  readonly #caches: Caches;
  readonly #plans: Pick<PlanSource, "isClaimed">;
  readonly #logger: Logger;
  #timer: NodeJS.Timeout | undefined;
  readonly #youngMs: number;
  #running = false;

  constructor({ client, caches, plans, logger, youngMs = YOUNG_MS }: SnapshotSweepOptions) {
    this.#client = client;
    this.#caches = caches;
    this.#plans = plans;
    this.#logger = logger;
    this.#youngMs = youngMs;
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
      this.sweep()
        .catch((error: unknown) => this.#logger.warn({ err: String(error) }, "snapshots not swept; tried again later"))
        .finally(() => {
          if (this.#running) this.#schedule(EVERY_MS);
        });
    }, ms);
    this.#timer.unref();
  }

  /** Deletes what nothing names now; throws if the API server cannot be asked. */
  async sweep(): Promise<void> {
    const needed = this.#needed();
    for (const snapshot of [...this.#caches.snapshots.list()]) {
      const { namespace, name, uid, resourceVersion } = snapshot.metadata;
      if (snapshot.owned || needed.has(`${namespace}/${name}`)) continue;
      try {
        // The version says that nobody has used it again since it was looked at.
        await this.#client.delete(objectPath(CONFIG_MAP, namespace, name), { uid, resourceVersion, lane: "delete" });
        this.#logger.info({ namespace, snapshot: name }, "deleted snapshot that no run needs");
      } catch (error) {
        if (!isKubeError(error, "notFound", "conflict")) throw error;
      }
    }
  }

  /** Keys of the snapshots that are named by a run, a Job or a claim, or were used lately, and of the root's files that these name. */
  #needed(): Set<string> {
    const { runs, jobs, snapshots } = this.#caches;
    const needed = new Set<string>();
    for (const { metadata, snapshot } of runs.list())
      if (snapshot !== undefined) needed.add(`${metadata.namespace}/${snapshot}`);
    for (const { metadata, snapshot, mirrored } of jobs.list())
      if (mirrored) needed.add(`${metadata.namespace}/${snapshot}`);
    for (const { metadata, usedAt } of snapshots.list()) {
      const { namespace, name } = metadata;
      const young = this.#client.clock.nowMs() - Date.parse(usedAt ?? "") < this.#youngMs;
      if (young || this.#plans.isClaimed(namespace, name)) needed.add(`${namespace}/${name}`);
    }
    for (const key of [...needed]) {
      const snapshot = snapshots.get(key);
      const rootFiles = snapshot?.definition?.rootFiles;
      if (rootFiles !== undefined) needed.add(`${snapshot?.metadata.namespace}/${rootFiles}`);
    }
    return needed;
  }
}
