import type { Registry } from "prom-client";
import { type BackoffBounds, backoffDelayMs } from "./backoff.ts";
import { DeadlineHeap, type Timed } from "./deadline-heap.ts";
import { isKubeError } from "./errors.ts";
import { KeyLanes, type Queued } from "./key-lanes.ts";
import type { Logger } from "./logger.ts";
import { type KubeMetrics, kubeMetrics, type QueueSource } from "./metrics.ts";
import { isRightMissing } from "./missing-rights.ts";

/** What a handler may return: run this key again after so long, unless something wakes it before. */
export interface Requeue {
  requeueAfterMs: number;
}

/** Works on one key. `signal` aborts when a drain has run out of time; `queuedAt` is when it was due, by the queue's clock. */
export type KeyHandler = (
  key: string,
  context: { signal: AbortSignal; queuedAt: number },
) => Promise<void> | Promise<Requeue | undefined>;

/** Construction options of `WorkQueue`. */
export interface WorkQueueOptions {
  name: string;
  /** Keys worked on at a time. */
  concurrency: number;
  handler: KeyHandler;
  logger: Logger;
  registry?: Registry;
  /** Pause of a key after failures; 5 ms to 5 min by default. */
  backoff?: BackoffBounds;
  /** Monotonic clock in milliseconds. */
  now?: () => number;
}

/** How to add a key. Above 0 is urgent, below 0 can wait; a key that is queued already keeps the more urgent place. */
export interface AddOptions {
  priority?: number;
  afterMs?: number;
}

interface Entry extends Queued, Timed {
  readonly key: string;
  queued: boolean;
  running: boolean;
  /** Added while running: runs once more afterwards. */
  again: boolean;
  queuedAt: number;
  /** Lane to queue in when the time comes, or after the run. */
  nextLane: number;
  failures: number;
  /** No run before this, even if an event asks for one. */
  notBefore: number;
}

const URGENT = 0;
const NORMAL = 1;
const LOW = 2;
const DEFAULT_BACKOFF: BackoffBounds = { baseMs: 5, capMs: 5 * 60_000 };
/** An event brings a key that backs off forward, but no closer to its last failure than this. */
const EVENT_MIN_PAUSE_MS = 1_000;
/** A key that lacks a right is tried again no sooner. */
const MISSING_RIGHT_PAUSE_MS = 2_000;
/** Longest delay a Node timer can hold. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Work queue by key with the semantics of Kubernetes controllers: a key is queued once however often it is added; never
 * run twice at the same time; run once more if it was added while running; put off with growing pauses while it fails,
 * by itself, so that no key slows another. Of several delayed additions the earliest counts.
 */
export class WorkQueue {
  readonly #options: WorkQueueOptions;
  readonly #metrics: KubeMetrics;
  readonly #backoff: BackoffBounds;
  readonly #now: () => number;
  readonly #entries = new Map<string, Entry>();
  readonly #lanes = new KeyLanes<Entry>(3);
  readonly #delayed = new DeadlineHeap<Entry>();
  readonly #running = new Map<Entry, number>();
  readonly #stopping = new AbortController();
  readonly #source: QueueSource;
  #started = false;
  #draining = false;
  #dispatching = false;
  #timer: NodeJS.Timeout | undefined;
  #timerDueAt = Number.POSITIVE_INFINITY;
  #drained: Promise<boolean> | undefined;
  #onIdle: (() => void) | undefined;

  constructor(options: WorkQueueOptions) {
    if (!(options.concurrency >= 1)) throw new Error(`queue "${options.name}" needs a concurrency of at least 1`);
    this.#options = options;
    this.#metrics = kubeMetrics(options.registry);
    this.#backoff = options.backoff ?? DEFAULT_BACKOFF;
    this.#now = options.now ?? (() => performance.now());
    this.#source = this.#metricsSource();
  }

  /** Keys that wait to run now; those that run or are put off are not counted. */
  get depth(): number {
    return this.#lanes.size;
  }

  /** Begins to work. Keys may be added before. */
  start(): void {
    if (this.#started || this.#draining) return;
    this.#started = true;
    this.#metrics.queues.add(this.#source);
    this.#dispatchSoon();
  }

  /** Queues a key, at once or after `afterMs`. Does nothing once a drain has begun. */
  add(key: string, { priority = 0, afterMs = 0 }: AddOptions = {}): void {
    if (this.#draining) return;
    this.#metrics.queueAdds.inc({ queue_name: this.#options.name });
    const entry = this.#entry(key);
    const lane = priority > 0 ? URGENT : priority < 0 ? LOW : NORMAL;
    const now = this.#now();
    const dueAt = Math.max(now + afterMs, entry.notBefore);
    if (dueAt > now) this.#schedule(entry, dueAt, lane);
    else this.#enqueue(entry, lane, now);
  }

  /**
   * Ends the queue: nothing is accepted any more, keys that wait are dropped, running handlers are waited for. Resolves
   * with true when all have ended; with false at the deadline, having aborted their signal.
   */
  drain(deadlineMs: number): Promise<boolean> {
    this.#drained ??= this.#drain(deadlineMs);
    return this.#drained;
  }

  async #drain(deadlineMs: number): Promise<boolean> {
    this.#draining = true;
    clearTimeout(this.#timer);
    this.#delayed.clear();
    while (this.#lanes.take()) {}
    this.#entries.clear();
    const idle = this.#running.size === 0 || (await this.#waitUntilIdle(deadlineMs));
    if (!idle) {
      const keys = [...this.#running.keys()].slice(0, 10).map((entry) => entry.key);
      this.#options.logger.warn({ queue: this.#options.name, keys, deadlineMs }, "handlers still run at the deadline");
      this.#stopping.abort();
    }
    this.#metrics.queues.delete(this.#source);
    return idle;
  }

  #waitUntilIdle(deadlineMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), deadlineMs);
      this.#onIdle = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
  }

  #entry(key: string): Entry {
    const existing = this.#entries.get(key);
    if (existing) return existing;
    const entry: Entry = {
      key,
      queued: false,
      running: false,
      again: false,
      queuedAt: 0,
      lane: NORMAL,
      nextLane: LOW,
      failures: 0,
      notBefore: 0,
      dueAt: 0,
      heapIndex: -1,
      before: undefined,
      after: undefined,
    };
    this.#entries.set(key, entry);
    return entry;
  }

  #enqueue(entry: Entry, lane: number, now: number): void {
    if (entry.running) {
      entry.again = true;
      entry.nextLane = Math.min(entry.nextLane, lane);
      return;
    }
    if (entry.queued) {
      if (lane >= entry.lane) return;
      this.#lanes.remove(entry);
    } else {
      entry.queued = true;
      entry.queuedAt = now;
    }
    this.#lanes.push(entry, lane);
    this.#dispatchSoon();
  }

  #schedule(entry: Entry, dueAt: number, lane: number): void {
    entry.nextLane = Math.min(entry.nextLane, lane);
    this.#delayed.schedule(entry, dueAt);
    this.#armTimer();
  }

  #armTimer(): void {
    const dueAt = this.#delayed.peek()?.dueAt ?? Number.POSITIVE_INFINITY;
    if (dueAt === this.#timerDueAt) return;
    clearTimeout(this.#timer);
    this.#timerDueAt = dueAt;
    if (dueAt === Number.POSITIVE_INFINITY) return;
    const delayMs = Math.min(Math.max(dueAt - this.#now(), 0), MAX_TIMER_MS);
    this.#timer = setTimeout(() => this.#wake(), Math.ceil(delayMs));
  }

  #wake(): void {
    this.#timerDueAt = Number.POSITIVE_INFINITY;
    const now = this.#now();
    for (let entry = this.#delayed.peek(); entry && entry.dueAt <= now; entry = this.#delayed.peek()) {
      this.#delayed.remove(entry);
      const lane = entry.nextLane;
      entry.nextLane = LOW;
      this.#enqueue(entry, lane, now);
    }
    this.#armTimer();
  }

  /** After the current callback, so that events that come together are all in the cache before the first run. */
  #dispatchSoon(): void {
    if (!this.#started || this.#draining || this.#dispatching) return;
    this.#dispatching = true;
    queueMicrotask(() => {
      this.#dispatching = false;
      this.#dispatch();
    });
  }

  #dispatch(): void {
    while (!this.#draining && this.#running.size < this.#options.concurrency) {
      const entry = this.#lanes.take();
      if (entry === undefined) return;
      void this.#run(entry);
    }
  }

  async #run(entry: Entry): Promise<void> {
    const { name, handler } = this.#options;
    const startedAt = this.#now();
    entry.queued = false;
    entry.running = true;
    this.#running.set(entry, startedAt);
    this.#metrics.queueWaitSeconds.observe({ queue_name: name }, Math.max(0, startedAt - entry.queuedAt) / 1_000);
    try {
      const result = await handler(entry.key, { signal: this.#stopping.signal, queuedAt: entry.queuedAt });
      entry.failures = 0;
      entry.notBefore = 0;
      // Not Math.max: a delay that is no number must not spoil the order of the others.
      const delayMs = result && result.requeueAfterMs > 0 ? result.requeueAfterMs : 0;
      if (result && !this.#draining) this.#schedule(entry, this.#now() + delayMs, NORMAL);
    } catch (error) {
      this.#putOff(entry, error);
    } finally {
      this.#metrics.queueRunSeconds.observe({ queue_name: name }, Math.max(0, this.#now() - startedAt) / 1_000);
      this.#finish(entry);
    }
  }

  #putOff(entry: Entry, error: unknown): void {
    if (this.#draining) return;
    const { name, logger } = this.#options;
    entry.failures++;
    const asked = isKubeError(error) ? error.retryAfterMs : undefined;
    const pauseMs = backoffDelayMs(entry.failures, this.#backoff);
    // Rights are given by people.
    const delayMs = asked ?? (isRightMissing(error) ? Math.max(MISSING_RIGHT_PAUSE_MS, pauseMs) : pauseMs);
    const now = this.#now();
    entry.notBefore = now + (asked ?? Math.min(delayMs, EVENT_MIN_PAUSE_MS));
    this.#metrics.queueRetries.inc({ queue_name: name });
    this.#metrics.errors.inc({ cause: isKubeError(error) ? error.category : "internal" });
    const err = isKubeError(error)
      ? error.message
      : error instanceof Error
        ? (error.stack ?? error.message)
        : `${error}`;
    const fields = { queue: name, key: entry.key, failures: entry.failures, delayMs: Math.round(delayMs), err };
    // A lost race is part of the protocol, and the next run mostly wins it.
    if (isKubeError(error, "conflict") && entry.failures < 3) logger.debug(fields, "a run failed and is repeated");
    else logger.warn(fields, "a run failed and is repeated");
    this.#schedule(entry, now + delayMs, NORMAL);
  }

  #finish(entry: Entry): void {
    entry.running = false;
    this.#running.delete(entry);
    if (this.#draining) {
      if (this.#running.size === 0) this.#onIdle?.();
      return;
    }
    if (entry.again) {
      entry.again = false;
      const now = this.#now();
      const lane = entry.nextLane;
      if (entry.notBefore > now) this.#schedule(entry, entry.notBefore, lane);
      else {
        if (entry.heapIndex < 0) entry.nextLane = LOW;
        this.#enqueue(entry, lane, now);
      }
    } else if (!entry.queued && entry.heapIndex < 0 && entry.failures === 0) {
      this.#entries.delete(entry.key);
    }
    this.#dispatchSoon();
  }

  #metricsSource(): QueueSource {
    const lanes = this.#lanes;
    const running = this.#running;
    const seconds = (startedAt: number) => Math.max(0, this.#now() - startedAt) / 1_000;
    return {
      name: this.#options.name,
      get depth() {
        return lanes.size;
      },
      get busy() {
        return running.size;
      },
      unfinishedSeconds: () => [...running.values()].reduce((sum, startedAt) => sum + seconds(startedAt), 0),
      longestRunningSeconds: () => Math.max(0, ...[...running.values()].map(seconds)),
    };
  }
}
