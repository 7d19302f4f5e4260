import type { Logger } from "../../kube/logger.ts";
import type { Store } from "../../store/store.ts";
import type { Caches } from "../caches.ts";

const FIRST_MS = 60_000;
const EVERY_MS = 10 * 60_000;
/** A run this new to the archive may not be in the cache yet. */
const YOUNG_MS = 10 * 60_000;
const DAY_MS = 24 * 3600_000;
/** How long it is remembered that a run was removed on request: longer than anybody may still be about to archive it. */
const REMEMBER_REMOVED_MS = 7 * DAY_MS;
const PAGE = 500;

export interface ArchiveSweepOptions {
  store: Store;
  caches: Pick<Caches, "runs">;
  /** The namespace that the cache has; undefined: all. */
  namespace: string | undefined;
  /** Days for which logs are kept; 0: as long as their run. */
  logRetentionDays: number;
  /** Days for which ended runs are kept whose object is gone; 0: not at all. */
  runRetentionDays: number;
  /** Most bytes that logs may take up, compressed; 0: any number. */
  maxLogBytes?: number;
  logger: Logger;
}

/**
 * Keeps the archive in order: notes which runs have no object any more, removes the logs of runs that nobody can ask for, and what is too old or too
 * much.
 */
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

  /** A run that is not kept is gone: its logs go with it. Returns at once; what fails is left to the next sweep. */
  runGone(uid: string): void {
    if (this.#timer === undefined) return;
    const { store, logger } = this.#options;
    store.logs.removeRun(uid).catch((error: unknown) => {
      logger.debug({ run: uid, err: String(error) }, "logs of a removed run stay until the next sweep");
    });
  }

  /** One sweep; rejects with a `StoreProblem`. */
  async sweep(): Promise<void> {
    const { store, caches, namespace, logger } = this.#options;
    const there = new Set<string>();
    for (const { metadata } of caches.runs.list()) there.add(metadata.uid);
    await this.#compare(there);
    const removed = await this.#dropLogs(there, namespace);
    const { logs, runs } = await this.#expire();
    await store.logs.sweepBlobs();
    if (removed + logs + runs === 0) return;
    await store.tidy();
    logger.info({ removed, logs, runs }, "swept the archive");
  }

  /** Notes for which kept runs there is no object any more, and for which there is one again. */
  async #compare(there: ReadonlySet<string>): Promise<void> {
    const { runs } = this.#options.store;
    for (let after = ""; ; ) {
      const page = await runs.withObject(this.#options.namespace, after, PAGE);
      await runs.gone(page.filter((uid) => !there.has(uid)));
      after = page.at(-1) ?? "";
      if (after === "") break;
    }
    await runs.back(await runs.withoutObject([...there]));
  }

  /** Removes the logs of runs that are neither there nor kept. */
  async #dropLogs(there: ReadonlySet<string>, namespace: string | undefined): Promise<number> {
    const { logs, runs } = this.#options.store;
    let removed = 0;
    for (let after = ""; ; ) {
      const page = await logs.runs(namespace, after, PAGE);
      const last = page.at(-1);
      if (last === undefined) return removed;
      after = last.runUid;
      const old = page.filter(({ runUid, newest }) => !there.has(runUid) && newest < Date.now() - YOUNG_MS);
      const kept = await runs.kept(old.map(({ runUid }) => runUid));
      for (const { runUid } of old) if (!kept.has(runUid)) removed += await logs.removeRun(runUid);
    }
  }

  async #expire(): Promise<{ logs: number; runs: number }> {
    const { store, logRetentionDays, runRetentionDays, maxLogBytes = 0 } = this.#options;
    const now = Date.now();
    const aged = `removed after ${logRetentionDays} days, as ODIN_LOG_RETENTION says`;
    const old = logRetentionDays > 0 ? await store.logs.expire(now - logRetentionDays * DAY_MS, aged) : 0;
    const crowded = "removed to make room for newer logs, as ODIN_LOG_MAX_TOTAL says";
    const much = maxLogBytes > 0 ? await store.logs.shrink(maxLogBytes, crowded) : 0;
    const runs = await store.runs.expire(now - runRetentionDays * DAY_MS, now - REMEMBER_REMOVED_MS);
    return { logs: old + much, runs };
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
