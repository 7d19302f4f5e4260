import { type Clock, type Moment, systemClock } from "./elapsed-clock.ts";
import { durationMsOf, holderOf, type Lease, renewalOf } from "./lease-record.ts";

/** A holder's latest renewal, and when this process first saw it. */
interface Renewal {
  renewal: string;
  at: Moment;
  durationMs: number;
}

/**
 * What this process has seen of a lease that others may hold. A lease counts as held until its duration has passed since this process *saw* the last
 * renewal, by the monotonic clock alone: waiting too long is safe, taking over too early is not, and the clocks of two machines are
 * never compared (F-25).
 */
export class LeaseSight {
  readonly #fallbackMs: number;
  readonly #clock: Clock;
  #seen: Renewal | undefined;

  /** `fallbackMs`: the duration of a lease that names none. */
  constructor(fallbackMs: number, clock: Clock = systemClock) {
    this.#fallbackMs = fallbackMs;
    this.#clock = clock;
  }

  /** Takes in the lease as it is now; returns whether somebody holds it. */
  look(lease: Lease): boolean {
    const renewal = renewalOf(lease);
    if (this.#seen?.renewal !== renewal)
      this.#seen = { renewal, at: this.#clock(), durationMs: durationMsOf(lease, this.#fallbackMs) };
    return holderOf(lease) !== undefined && this.leftMs > 0;
  }

  /** Milliseconds until the last renewal that was seen has run out; 0 once it has, or if none was seen. */
  get leftMs(): number {
    if (this.#seen === undefined) return 0;
    return Math.max(0, this.#seen.durationMs - (this.#clock().monotonicMs - this.#seen.at.monotonicMs));
  }
}
