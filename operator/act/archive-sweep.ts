import type { Logger } from "../../kube/logger.ts";
import type { Store } from "../../store/store.ts";
import type { Caches } from "../caches.ts";

const FIRST_MS = 60_000;
const EVERY_MS = 10 * 60_000;
/** A run this new to the archive may not be in the cache yet. */
const YOUNG_MS = 10 * 60_000;
const DAY_MS = 24 * 3600_000;

export interface ArchiveSweepOptions {
  store: Store;
  caches: Pick<Caches, "runs">;
  /** The namespace that the cache has; undefined: all. */
  namespace: string | undefined;
  /** Days for which logs are kept; 0: as long as their run. */
  retentionDays: number;
  logger: Logger;
}

/** Removes from the archive what nobody can ask for any more: logs of runs that are gone (O-211), and those that are too old. */
export class ArchiveSweep {
  readonly #options: ArchiveSweepOptions;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(options: ArchiveSweepOptions) {
    this.#options = options;
  }

  start(): void {
    this.#schedule(FIRST_MS);
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#running;
  }

  /** A run is gone: its logs go with it. Returns at once; what fails is left to the next sweep. */
  runGone(uid: string): void {
    if (this.#timer === undefined) return;
    const { store, logger } = this.#options;
    store.logs.removeRun(uid).catch((error: unknown) => {
      logger.debug({ run: uid, err: String(error) }, "logs of a removed run stay until the next sweep");
    });
  }

  /** One sweep; rejects with a `StoreProblem`. */
  async sweep(): Promise<void> {
    const { store, caches, namespace, retentionDays, logger } = this.#options;
    const there = new Set<string>();
    for (const { metadata } of caches.runs.list()) there.add(metadata.uid);
    let removed = 0;
    for (const run of await store.logs.runs()) {
      const ours = namespace === undefined || run.namespace === namespace;
      if (ours && !there.has(run.runUid) && run.newest < Date.now() - YOUNG_MS)
        removed += await store.logs.removeRun(run.runUid);
    }
    const reason = `removed after ${retentionDays} days, as ODIN_LOG_RETENTION says`;
    const expired = retentionDays > 0 ? await store.logs.expire(Date.now() - retentionDays * DAY_MS, reason) : 0;
    if (removed + expired === 0) return;
    await store.tidy();
    logger.info({ removed, expired }, "swept the archive of logs");
  }

  #schedule(ms: number): void {
    this.#timer = setTimeout(() => {
      this.#running = this.sweep()
        .catch((error: unknown) => {
          this.#options.logger.debug({ err: String(error) }, "archive not swept; tried again later");
        })
        .finally(() => {
          if (this.#timer !== undefined) this.#schedule(EVERY_MS);
        });
    }, ms);
    this.#timer.unref();
  }
}
