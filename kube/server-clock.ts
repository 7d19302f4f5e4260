import { type Clock, systemClock } from "./elapsed-clock.ts";

/** A server that is ahead by no more than this is believed at once: its header has whole seconds. */
const BELIEVED_MS = 1_500;
/** Part of the time that goes by, by which we go faster while the server is further ahead. */
const CATCH_UP = 0.001;
/** A server that is ahead by more than this has been set right, or this machine was asleep. */
const SET_RIGHT_MS = 3_600_000;

/**
 * What time it is for the API server, as its answers say it (header `Date`), carried on by this machine's monotonic clock (F-25). All times that
 * deadlines are counted from are the server's or come from here, so neither this machine's wall clock nor a step of it matters, and replicas whose
 * clocks differ agree.
 *
 * A deadline may be late but never early: a server whose clock is set back, or another one that is behind, is followed at once, and one that is set
 * forward by up to an hour only slowly.
 */
export class ServerClock {
  readonly #clock: Clock;
  /** Server time minus monotonic time, in milliseconds. */
  #offsetMs: number;
  #heard: { header: string; date: number; monotonicMs: number } | undefined;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
    const { wallMs, monotonicMs } = clock();
    // Until the server has said something; a step of the wall clock after this moment no longer counts.
    this.#offsetMs = wallMs - monotonicMs;
  }

  /** Milliseconds since 1970. */
  nowMs(): number {
    return Math.floor(this.#clock().monotonicMs + this.#offsetMs);
  }

  /** The same as a record has it. */
  now(): string {
    return new Date(this.nowMs()).toISOString();
  }

  /** Takes in the `Date` header of an answer to a request that was sent at that monotonic time and has just been answered. */
  heard(header: string | undefined, sentAtMs: number): void {
    if (header === undefined) return;
    // Within a second the header stays the same; reading it again would be most of the work.
    const date = header === this.#heard?.header ? this.#heard.date : Date.parse(header);
    if (!Number.isFinite(date)) return;
    const { monotonicMs } = this.#clock();
    // The server wrote the header between the two, somewhere in the second that it names.
    const least = date - monotonicMs;
    const most = date + 1_000 - sentAtMs;
    const sinceMs = this.#heard === undefined ? Number.POSITIVE_INFINITY : monotonicMs - this.#heard.monotonicMs;
    this.#heard = { header, date, monotonicMs };
    if (this.#offsetMs > most) this.#offsetMs = most;
    else if (this.#offsetMs < least) this.#offsetMs += this.#step(least - this.#offsetMs, sinceMs);
  }

  /** How much of what the server is ahead is made up for now. */
  #step(aheadMs: number, sinceMs: number): number {
    if (aheadMs <= BELIEVED_MS || aheadMs > SET_RIGHT_MS) return aheadMs;
    return Math.min(aheadMs, sinceMs * CATCH_UP);
  }
}
