import { setTimeout as pause } from "node:timers/promises";
import type { Registry } from "prom-client";
import type { KubeClient } from "../../../kube/client.ts";
import type { Logger } from "../../../kube/logger.ts";
import type { Store } from "../../../store/store.ts";
import { Closer } from "./closer.ts";
import { type JobCaches, makeJobCaches } from "./job-caches.ts";
import { fillInOwners } from "./late-owners.ts";
import type { KnownUser } from "./owner.ts";
import { keepPurging, purgeJobs } from "./purge.ts";
import { Recorder } from "./recorder.ts";
import { Surroundings } from "./surroundings.ts";

/** What the history of jobs is started with. */
export interface JobHistoryOptions {
  client: KubeClient;
  /** Namespaces whose pods are jobs; undefined: all but those of Kubernetes itself (C-70). */
  namespaces: readonly string[] | undefined;
  /** Name of the cluster where nobody says another. */
  cluster: string;
  /** 0: for ever. */
  retentionDays: number;
  store: Pick<Store, "jobs" | "runs">;
  userOf(nameOrEmail: string): KnownUser | undefined;
  /** Resolves when `userOf` knows the users. */
  usersKnown: Promise<unknown>;
  logger: Logger;
  registry: Registry;
}

const CLOSE_AGAIN_MS = 2_000;
const CLOSE_EVERY_MS = 300_000;
/** Users change one by one where many are made. */
const OWNERS_AFTER_MS = 500;

/** Follows the pods of the watched namespaces and keeps their jobs in the store, from start to stop. */
export class JobHistory {
  /** What is known of pods and what is around them, for others to read. */
  readonly caches: JobCaches;
  readonly #options: JobHistoryOptions;
  readonly #recorder: Recorder;
  readonly #closer: Closer;
  readonly #stopping = new AbortController();
  readonly #works: Promise<void>[] = [];
  #ownersAgain: () => void = () => undefined;
  #isClosed = false;

  constructor(options: JobHistoryOptions) {
    this.#options = options;
    const { client, namespaces, logger, registry, cluster, userOf, store } = options;
    this.caches = makeJobCaches({ client, namespaces, logger, registry });
    const { caches } = this;
    const surroundings = new Surroundings({ caches, cluster, userOf, areNamespacesWatched: namespaces === undefined });
    const records = store.jobs;
    this.#recorder = new Recorder({ caches, surroundings, records, namespaces, logger });
    this.#closer = new Closer({
      ...{ caches, surroundings, recorder: this.#recorder, records, archive: store.runs, namespaces, logger },
    });
  }

  start(): void {
    this.caches.start();
    const filled = Promise.all([this.caches.synced, this.#options.usersKnown]);
    const after = (work: () => Promise<void>): Promise<void> => filled.then(work).catch(() => undefined);
    this.#works.push(
      after(async () => this.#recorder.start()),
      after(() => this.#closeForEver()),
      after(() => this.#purgeForEver()),
      after(() => this.#fillInForEver()),
    );
  }

  /** What replies have to wait for, in words: before, jobs that are there might be missing. */
  notReady(): string[] {
    return [...this.caches.unsynced(), ...(this.#isClosed ? [] : ["jobs"])];
  }

  /** To be called after a change of a user: somebody's jobs may be his. */
  usersChanged(): void {
    this.#ownersAgain();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.caches.stop();
    await this.#recorder.stop();
    await Promise.all(this.#works);
  }

  async #closeForEver(): Promise<void> {
    for (;;) {
      const left = await this.#attempt("close", () => this.#closer.close());
      // Also where the store does not work: then that is what is said.
      this.#isClosed = true;
      await this.#pause(left === 0 ? CLOSE_EVERY_MS : CLOSE_AGAIN_MS);
    }
  }

  async #purgeForEver(): Promise<void> {
    const { store, retentionDays, logger } = this.#options;
    const purge = async (): Promise<number | undefined> => {
      const removed = await this.#attempt("remove", () =>
        purgeJobs(store.jobs, retentionDays, Date.now(), this.#stopping.signal),
      );
      if (removed) logger.info({ jobs: removed, retentionDays }, "removed old jobs of Clockwork");
      return removed;
    };
    await keepPurging(purge, (ms) => this.#pause(ms));
  }

  async #fillInForEver(): Promise<void> {
    const { store, userOf } = this.#options;
    for (;;) {
      const again = new Promise<void>((resolve) => {
        this.#ownersAgain = resolve;
      });
      const filled = await this.#attempt("fill in owners of", () => fillInOwners(store.jobs, userOf));
      if (filled === undefined) await this.#pause(CLOSE_AGAIN_MS);
      else await Promise.race([again, this.#pause(CLOSE_EVERY_MS)]);
      await this.#pause(OWNERS_AFTER_MS);
      this.#recorder.lookAgain();
    }
  }

  /** What the work gives; undefined where it fails, which is said and is no end. */
  async #attempt(what: string, work: () => Promise<number>): Promise<number | undefined> {
    try {
      return await work();
    } catch (error) {
      this.#stopping.signal.throwIfAborted();
      this.#options.logger.warn({ err: String(error) }, `cannot ${what} jobs of Clockwork now; tried again later`);
      return undefined;
    }
  }

  /** Rejects when everything stops. */
  async #pause(ms: number): Promise<void> {
    await pause(ms, undefined, { signal: this.#stopping.signal, ref: false });
  }
}
