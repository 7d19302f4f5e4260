import type { Histogram } from "prom-client";

/** Pods that may be waited for; of more than that the oldest are not measured. */
const MOST = 20_000;
/** Objects that are remembered to run although their creation has not been answered; of more than that the oldest are forgotten. */
const MOST_EARLY = 1_000;

/** Measures how long tasks take to start, by this process's monotonic clock: only what it has created itself is measured. */
export class StartTimes {
  readonly #histogram: Histogram<"stage">;
  /** When the objects were created that do not run yet, by UID. */
  readonly #created = new Map<string, number>();
  /** Objects of which a watch has told that they run before the answer to their creation came, if it was ours. */
  readonly #early = new Set<string>();

  constructor(histogram: Histogram<"stage">) {
    this.#histogram = histogram;
  }

  /** An object was created at monotonic time `nowMs`; it could have been since `sinceMs`. */
  created(uid: string, sinceMs: number, nowMs: number): void {
    this.#histogram.observe({ stage: "created" }, Math.max(0, nowMs - sinceMs) / 1_000);
    if (this.#early.delete(uid)) {
      this.#histogram.observe({ stage: "running" }, 0);
      return;
    }
    this.#created.set(uid, nowMs);
    if (this.#created.size <= MOST) return;
    for (const [oldest] of this.#created) {
      this.#created.delete(oldest);
      break;
    }
  }

  /** An object runs, or has run. */
  running(uid: string, nowMs: number): void {
    const createdMs = this.#created.get(uid);
    if (createdMs === undefined) {
      this.#early.add(uid);
      const [oldest] = this.#early;
      if (this.#early.size > MOST_EARLY && oldest !== undefined) this.#early.delete(oldest);
      return;
    }
    this.#created.delete(uid);
    this.#histogram.observe({ stage: "running" }, (nowMs - createdMs) / 1_000);
  }

  /** An object is gone without having run. */
  gone(uid: string): void {
    this.#created.delete(uid);
    this.#early.delete(uid);
  }
}
