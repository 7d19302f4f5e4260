import { PIPELINE } from "../crds/resources.ts";
import type { RunPolicy } from "../crds/run-policy.ts";
import type { KubeClient } from "../kube/client.ts";
import { DeadlineHeap, type Timed } from "../kube/deadline-heap.ts";
import { isKubeError } from "../kube/errors.ts";
import type { Logger } from "../kube/logger.ts";
import type { Change } from "../kube/object-cache.ts";
import { objectPath } from "../kube/resource.ts";
import type { ServerClock } from "../kube/server-clock.ts";
import type { CachedJob } from "./cached-job.ts";
import type { CachedRun } from "./cached-run.ts";
import type { Caches } from "./caches.ts";
import { type EndedRun, expiryOf, historyLimitOf } from "./decide/expiry.ts";
import { type Place, WaitingLine } from "./waiting-line.ts";

/** Deletions under way at a time, and the least time from the beginning of one to the next: thousands that are due at once are spread. */
const CONCURRENCY = 4;
const APART_MS = 20;
/** Pause before a run that could not be deleted is looked at again; it doubles each time. */
const FIRST_AGAIN_MS = 1_000;
const LONGEST_AGAIN_MS = 120_000;
/** That a run stays for what is not stored yet is told after so many looks: seven seconds, which a store that works does not take. */
const TELL_AFTER = 3;
/** Timers do not take longer times than this; an earlier look does no harm. */
const LONGEST_SLEEP_MS = 3_600_000;

/** A run that has ended. */
interface Entry extends Timed, EndedRun {
  key: string;
  uid: string;
  /** Key of its job, `namespace/id`. */
  job?: string;
  tries: number;
}

/** The ended runs of one job, the oldest first. */
interface History {
  DONE: WaitingLine<Place & { entry: Entry }>;
  TERMINATED: WaitingLine<Place & { entry: Entry }>;
}

export interface RunExpiryOptions {
  /** What time it is for the API server. */
  clock: Pick<ServerClock, "nowMs">;
  /** Does something about a run with a client that may write to it; nothing if another process acts on that run. */
  act: (key: string, action: (client: KubeClient) => Promise<void>) => Promise<void>;
  caches: Pick<Caches, "runs" | "jobs">;
  /** Seconds after its end for which a run is kept whose own spec and Job do not say; undefined: for ever. */
  defaultTtl: number | undefined;
  /** Whether this process acts on a run. */
  owns: (key: string) => boolean;
  /** Whether deleting the object of a run with this UID loses nothing. */
  isArchived: (uid: string) => boolean;
  /** Told once of a run that stays longer than it should, because what is to outlive it is not stored. */
  onHeld?: (run: CachedRun) => void;
  logger: Logger;
}

/**
 * Deletes ended runs when their time is over (`ttlSecondsAfterFinished`) or when their job keeps fewer (`successfulRunsHistoryLimit`,
 * `failedRunsHistoryLimit`). All that it knows is in the cached runs and Jobs, so a restart finds the same; one heap and one timer serve all runs. What is
 * to outlive a run must be stored first: until then it is only looked at again.
 */
export class RunExpiry {
  readonly #options: RunExpiryOptions;
  readonly #runs = new Map<string, Entry>();
  readonly #histories = new Map<string, History>();
  /** What Jobs say about their runs, by `namespace/id`. */
  readonly #policies = new Map<string, RunPolicy>();
  readonly #heap = new DeadlineHeap<Entry>();
  #timer: NodeJS.Timeout | undefined;
  #running = false;
  #deleting = 0;
  #nextMs = 0;

  constructor(options: RunExpiryOptions) {
    this.#options = options;
    options.caches.runs.onChange((change) => this.#runChanged(change));
    options.caches.jobs.onChange((change) => this.#jobChanged(change));
  }

  /** Begins to delete, or takes in that this process acts on more runs than before. */
  begin(): void {
    this.#running = true;
    for (const entry of this.#runs.values()) this.#plan(entry);
    for (const job of this.#histories.keys()) this.#trim(job);
    this.#arm();
  }

  /** Begins no further deletion. */
  stop(): void {
    this.#running = false;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #runChanged({ type, key, object }: Change<CachedRun>): void {
    const { ended, metadata } = object;
    const known = this.#runs.get(key);
    if (known !== undefined && (type === "deleted" || ended === undefined || known.uid !== metadata.uid))
      this.#drop(known);
    if (type === "deleted" || ended === undefined) return;
    const { job: id, ...rest } = ended;
    const job = id === undefined ? undefined : `${metadata.namespace}/${id}`;
    let entry = this.#runs.get(key);
    if (entry === undefined) {
      entry = {
        key,
        uid: metadata.uid,
        ...rest,
        ...(job === undefined ? {} : { job }),
        tries: 0,
        dueAt: 0,
        heapIndex: -1,
      };
      this.#runs.set(key, entry);
      if (job !== undefined) this.#historyOf(job)[entry.phase].set(placeOf(entry));
    } else if (rest.ttl === undefined) delete entry.ttl;
    else entry.ttl = rest.ttl;
    this.#heap.remove(entry);
    this.#plan(entry);
    if (job !== undefined) this.#trim(job);
    this.#arm();
  }

  #jobChanged({ type, object: { id, metadata, policy } }: Change<CachedJob>): void {
    const job = `${metadata.namespace}/${id}`;
    const before = this.#policies.get(job);
    if (type === "deleted" || policy === undefined) this.#policies.delete(job);
    else this.#policies.set(job, policy);
    const history = this.#histories.get(job);
    if (history === undefined || (before === undefined && policy === undefined)) return;
    for (const phase of ["DONE", "TERMINATED"] as const) {
      for (const { entry } of history[phase]) {
        this.#heap.remove(entry);
        this.#plan(entry);
      }
    }
    this.#trim(job);
    this.#arm();
  }

  #drop(entry: Entry): void {
    this.#heap.remove(entry);
    this.#runs.delete(entry.key);
    const history = entry.job === undefined ? undefined : this.#histories.get(entry.job);
    if (history === undefined || entry.job === undefined) return;
    history[entry.phase].delete(entry.key);
    if (history.DONE.size + history.TERMINATED.size === 0) this.#histories.delete(entry.job);
  }

  /** Puts a run where its age says. */
  #plan(entry: Entry): void {
    const policy = entry.job === undefined ? undefined : this.#policies.get(entry.job);
    const due = expiryOf(entry, policy, this.#options.defaultTtl);
    if (due !== undefined) this.#heap.schedule(entry, due);
  }

  /** Makes the runs due that a job keeps no longer. */
  #trim(job: string): void {
    const history = this.#histories.get(job);
    for (const phase of ["DONE", "TERMINATED"] as const) {
      for (const entry of this.#surplusOf(history?.[phase], historyLimitOf(phase, this.#policies.get(job))))
        this.#heap.schedule(entry, this.#options.clock.nowMs());
    }
  }

  *#surplusOf(line: History["DONE"] | undefined, limit: number | undefined): Iterable<Entry> {
    if (line === undefined || limit === undefined) return;
    let surplus = line.size - limit;
    for (const { entry } of line) {
      if (surplus-- <= 0) return;
      yield entry;
    }
  }

  /** Whether a run is due now: policies may have changed since it was planned. */
  #isDue(entry: Entry, nowMs: number): boolean {
    const policy = entry.job === undefined ? undefined : this.#policies.get(entry.job);
    if ((expiryOf(entry, policy, this.#options.defaultTtl) ?? Number.POSITIVE_INFINITY) <= nowMs) return true;
    const line = entry.job === undefined ? undefined : this.#histories.get(entry.job)?.[entry.phase];
    const limit = historyLimitOf(entry.phase, policy);
    return line !== undefined && limit !== undefined && line.before(placeOf(entry)) < line.size - limit;
  }

  #arm(): void {
    const next = this.#heap.peek();
    if (!this.#running || next === undefined || this.#deleting >= CONCURRENCY) return;
    clearTimeout(this.#timer);
    const wait = Math.max(next.dueAt - this.#options.clock.nowMs(), this.#nextMs - performance.now(), 0);
    this.#timer = setTimeout(() => this.#work(), Math.min(wait, LONGEST_SLEEP_MS));
    this.#timer.unref();
  }

  #work(): void {
    const nowMs = this.#options.clock.nowMs();
    const entry = this.#heap.peek();
    if (entry !== undefined && entry.dueAt <= nowMs) {
      this.#heap.remove(entry);
      this.#judge(entry, nowMs);
    }
    this.#arm();
  }

  #judge(entry: Entry, nowMs: number): void {
    const { owns, isArchived } = this.#options;
    // What another process acts on is planned again when this one takes it over.
    if (!owns(entry.key)) return;
    if (!this.#isDue(entry, nowMs)) this.#plan(entry);
    else if (!isArchived(entry.uid)) {
      const run = entry.tries === TELL_AFTER ? this.#options.caches.runs.get(entry.key) : undefined;
      if (run !== undefined) this.#options.onHeld?.(run);
      this.#again(entry, nowMs);
    } else {
      this.#nextMs = performance.now() + APART_MS;
      this.#deleting += 1;
      void this.#delete(entry).finally(() => {
        this.#deleting -= 1;
        this.#arm();
      });
    }
  }

  async #delete(entry: Entry): Promise<void> {
    const { act, clock, caches, logger } = this.#options;
    const [namespace, name = ""] = entry.key.split("/");
    try {
      await act(entry.key, async (client) => {
        await client.delete(objectPath(PIPELINE, namespace, name), {
          uid: entry.uid,
          propagationPolicy: "Background",
          lane: "delete",
        });
        logger.info({ namespace, run: name, phase: entry.phase }, "deleted ended run");
      });
    } catch (error) {
      if (isKubeError(error, "notFound", "conflict")) return;
      // Gone meanwhile, or no longer this process's: whoever sees it plans it again.
      if (this.#runs.get(entry.key) !== entry || caches.runs.get(entry.key) === undefined) return;
      logger.warn({ namespace, run: name, err: String(error) }, "ended run not deleted; tried again later");
      this.#again(entry, clock.nowMs());
    }
  }

  #again(entry: Entry, nowMs: number): void {
    const pause = Math.min(FIRST_AGAIN_MS * 2 ** entry.tries, LONGEST_AGAIN_MS);
    entry.tries += 1;
    this.#heap.schedule(entry, nowMs + pause);
  }

  #historyOf(job: string): History {
    let history = this.#histories.get(job);
    if (history === undefined) {
      history = { DONE: new WaitingLine(), TERMINATED: new WaitingLine() };
      this.#histories.set(job, history);
    }
    return history;
  }
}

function placeOf(entry: Entry): Place & { entry: Entry } {
  return { key: entry.key, priority: 0, createdAt: new Date(entry.endedMs).toISOString(), entry };
}
