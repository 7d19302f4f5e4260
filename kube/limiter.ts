import { errorFromAbort, KubeError } from "./errors.ts";

/** Kinds of requests, from the most to the least urgent. */
export type Lane = "create" | "status" | "delete" | "event" | "other";

/** All lanes in order of priority. */
export const LANES: readonly Lane[] = ["create", "status", "delete", "event", "other"];

/** How a request ended, as far as the limit learns from it. */
export interface Outcome {
  /** Time from sending to the end of the answer; undefined where it says nothing about the server's load. */
  latencyMs?: number;
  /** The server said 429. */
  throttled: boolean;
  /** The server answered and did its work. */
  succeeded: boolean;
  /** The wait that the server asked for: nothing is sent to it before. */
  retryAfterMs?: number;
}

/** Construction options of `Limiter`; all have defaults. */
export interface LimiterOptions {
  /** Upper end of the limit; not more than the sockets of the pool. */
  max?: number;
  /** Lower end of the limit: at least one slot per lane. */
  min?: number;
  /** Requests that may wait in the event lane before further ones are refused: events are droppable. */
  maxWaitingEvents?: number;
  /** Monotonic clock in milliseconds. */
  now?: () => number;
}

/** Lets one waiting request go. */
type Waiter = () => void;

interface LaneState {
  inFlight: number;
  waiting: Waiter[];
  /** First live element of `waiting`: taking from the front must not move the rest. */
  head: number;
  /** Moving averages of the latency: what is usual, and what is now. */
  usualMs: number;
  recentMs: number;
}

/** Part of the limit that a lane gets even while more urgent lanes are full. */
const SHARE: Record<Lane, number> = { create: 0.5, status: 0.2, delete: 0.1, event: 0.1, other: 0.1 };
/** Lanes whose requests are alike enough for their latency to tell the server's load; lists and logs are not. */
const TIMED: ReadonlySet<Lane> = new Set<Lane>(["create", "status", "delete"]);
/** Latency below this is never a reason to slow down. */
const CALM_MS = 250;
const RISE_FACTOR = 4;
/** Latency may have a cause that fewer requests do not cure, such as a slow webhook: it never costs more than this. */
const SLOW_FLOOR = 0.25;
/** One overload shows in many answers: halve once for all of them. */
const HALVE_AT_MOST_EVERY_MS = 1_000;

/**
 * Bounds the requests in flight to one API server: additive increase, multiplicative decrease. The limit halves on a 429
 * and when latency rises to a multiple of the usual, and grows by one with each full round of successes. A
 * Retry-After holds back everything to that server. Free slots go first to lanes below their share, then by priority,
 * so creates come first and no lane starves.
 */
export class Limiter {
  readonly #max: number;
  readonly #min: number;
  readonly #maxWaitingEvents: number;
  readonly #now: () => number;
  readonly #lanes: Record<Lane, LaneState>;
  /** What is to be done when a signal aborts that requests wait with. */
  readonly #listening = new Map<AbortSignal, { actions: Set<() => void>; onAbort: () => void }>();
  #limit: number;
  #inFlight = 0;
  #waiting = 0;
  #halvedAt = Number.NEGATIVE_INFINITY;
  #pausedUntil = Number.NEGATIVE_INFINITY;
  #pauseTimer: NodeJS.Timeout | undefined;

  constructor(options: LimiterOptions = {}) {
    this.#max = options.max ?? 64;
    this.#min = Math.min(options.min ?? LANES.length, this.#max);
    this.#maxWaitingEvents = options.maxWaitingEvents ?? 1_000;
    this.#now = options.now ?? (() => performance.now());
    if (!(this.#min >= 1)) throw new Error(`the limiter needs a limit of at least 1, got ${options.max}`);
    this.#limit = this.#max;
    this.#lanes = { create: idle(), status: idle(), delete: idle(), event: idle(), other: idle() };
  }

  /** Requests that may be in flight now. */
  get limit(): number {
    return Math.floor(this.#limit);
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Requests of a lane that wait for a slot. */
  waiting(lane: Lane): number {
    return this.#lanes[lane].waiting.length - this.#lanes[lane].head;
  }

  /**
   * Takes a slot: at once (undefined) where one is free, else a promise. Every success must be followed by one
   * `release`. Rejects with category `aborted` by the signal, `throttled` where the event lane is full.
   */
  acquire(lane: Lane, signal?: AbortSignal): Promise<void> | undefined {
    if (signal?.aborted) return Promise.reject(errorFromAbort("request", signal.reason));
    if (this.#waiting === 0 && this.#inFlight < this.limit && !this.#paused()) {
      this.#take(lane);
      return undefined;
    }
    if (lane === "event" && this.waiting("event") >= this.#maxWaitingEvents) {
      return Promise.reject(
        new KubeError({
          code: 0,
          reason: "LaneFull",
          category: "throttled",
          message: `${this.#maxWaitingEvents} events wait to be sent already: this one is dropped`,
        }),
      );
    }
    return this.#wait(lane, signal);
  }

  /** Gives a slot back and learns from how the request ended. */
  release(lane: Lane, outcome: Outcome): void {
    this.#inFlight--;
    this.#lanes[lane].inFlight--;
    const full = this.#inFlight + 1 >= this.limit;
    if (outcome.retryAfterMs !== undefined) this.#pause(outcome.retryAfterMs);
    const isSlow = this.#isSlow(lane, outcome.latencyMs);
    if (outcome.throttled) this.#halve(this.#min);
    else if (isSlow) this.#halve(Math.max(this.#min, this.#max * SLOW_FLOOR));
    else if (outcome.succeeded && full) this.#limit = Math.min(this.#max, this.#limit + 1 / this.#limit);
    this.#serve();
  }

  #take(lane: Lane): void {
    this.#inFlight++;
    this.#lanes[lane].inFlight++;
  }

  #wait(lane: Lane, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const state = this.#lanes[lane];
      const onAbort = () => {
        const index = state.waiting.indexOf(waiter, state.head);
        if (index < 0) return;
        state.waiting.splice(index, 1);
        this.#waiting--;
        this.#armPauseTimer();
        reject(errorFromAbort("request", signal?.reason));
      };
      const stopListening = signal && this.#onAbort(signal, onAbort);
      const waiter: Waiter = () => {
        stopListening?.();
        resolve();
      };
      state.waiting.push(waiter);
      this.#waiting++;
      this.#armPauseTimer();
    });
  }

  /**
   * Calls back when the signal aborts; returns what ends that. All that wait with one signal share one listener: a signal walks through all listeners it
   * has to add or remove one, and with a thousand waiting requests that took longer than sending them.
   */
  #onAbort(signal: AbortSignal, action: () => void): () => void {
    let listening = this.#listening.get(signal);
    if (listening === undefined) {
      const actions = new Set<() => void>();
      const onAbort = (): void => {
        this.#listening.delete(signal);
        for (const each of actions) each();
      };
      signal.addEventListener("abort", onAbort, { once: true });
      listening = { actions, onAbort };
      this.#listening.set(signal, listening);
    }
    const { actions, onAbort } = listening;
    actions.add(action);
    return () => {
      actions.delete(action);
      if (actions.size > 0) return;
      signal.removeEventListener("abort", onAbort);
      this.#listening.delete(signal);
    };
  }

  #serve(): void {
    while (this.#waiting > 0 && this.#inFlight < this.limit && !this.#paused()) {
      const lane = this.#nextLane();
      if (lane === undefined) return;
      const state = this.#lanes[lane];
      const waiter = state.waiting[state.head];
      state.head++;
      if (state.head > 64 && state.head * 2 > state.waiting.length) {
        state.waiting.splice(0, state.head);
        state.head = 0;
      }
      this.#waiting--;
      this.#take(lane);
      waiter?.();
    }
  }

  #nextLane(): Lane | undefined {
    let first: Lane | undefined;
    for (const lane of LANES) {
      if (this.waiting(lane) === 0) continue;
      if (this.#lanes[lane].inFlight < Math.max(1, Math.floor(this.#limit * SHARE[lane]))) return lane;
      first ??= lane;
    }
    return first;
  }

  #paused(): boolean {
    return this.#now() < this.#pausedUntil;
  }

  #pause(ms: number): void {
    const until = this.#now() + ms;
    if (until <= this.#pausedUntil) return;
    this.#pausedUntil = until;
    this.#armPauseTimer();
  }

  /** A timer exists exactly while somebody waits for the end of a pause: none waits for ever, and an idle process can end. */
  #armPauseTimer(): void {
    clearTimeout(this.#pauseTimer);
    this.#pauseTimer = undefined;
    if (this.#waiting === 0 || this.#pausedUntil === Number.NEGATIVE_INFINITY) return;
    const leftMs = Math.max(0, Math.ceil(this.#pausedUntil - this.#now()));
    this.#pauseTimer = setTimeout(() => {
      if (this.#paused()) {
        this.#armPauseTimer();
      } else {
        this.#pausedUntil = Number.NEGATIVE_INFINITY;
        this.#serve();
      }
    }, leftMs);
  }

  #isSlow(lane: Lane, latencyMs: number | undefined): boolean {
    if (latencyMs === undefined || !TIMED.has(lane)) return false;
    const state = this.#lanes[lane];
    if (state.usualMs === 0) {
      state.usualMs = latencyMs;
      state.recentMs = latencyMs;
      return false;
    }
    state.recentMs += (latencyMs - state.recentMs) * 0.2;
    state.usualMs += (latencyMs - state.usualMs) * (latencyMs < state.usualMs ? 0.2 : 0.005);
    return state.recentMs > Math.max(CALM_MS, state.usualMs * RISE_FACTOR);
  }

  #halve(floor: number): void {
    const now = this.#now();
    if (now - this.#halvedAt < HALVE_AT_MOST_EVERY_MS || this.#limit <= floor) return;
    this.#halvedAt = now;
    this.#limit = Math.max(floor, this.#limit / 2);
  }
}

function idle(): LaneState {
  return { inFlight: 0, waiting: [], head: 0, usualMs: 0, recentMs: 0 };
}
