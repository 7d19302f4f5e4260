/** Shortest time between two status writes of one run, so that changes which come together are written together. */
const SHORTEST_WRITE_PAUSE_MS = 75;
/** Longest; what a person sees of a run is never much older. */
const LONGEST_WRITE_PAUSE_MS = 3_000;
/** A pause is this many times as long as a write takes: the API server handles the whole object each time, and sends it to every watcher. */
const WRITE_PAUSE_FACTOR = 4;
/** What a write of one task more is taken to cost before one was measured. */
const FIRST_WRITE_MS_PER_TASK = 0.06;
/** A pass that takes less is no burden, however often it comes. */
const LIGHT_PASS_MS = 1;
const PASS_PAUSE_FACTOR = 4;
const LONGEST_PASS_PAUSE_MS = 200;
/** Weight of the latest measurement in the average. */
const LATEST = 0.3;

/**
 * When the next pass over a run and its next status write are due. Both pauses follow from what the last ones cost, so that one large run takes no more
 * than a fifth of the process, or of the API server's time, from its neighbours. Times are monotonic milliseconds.
 */
export class RunPace {
  #writeMs: number | undefined;
  #wroteAt = Number.NEGATIVE_INFINITY;
  #nextPassAt = Number.NEGATIVE_INFINITY;

  /** Milliseconds until the status may be written; 0 if it may be now. */
  writePauseMs(tasks: number, nowMs: number): number {
    const costMs = this.#writeMs ?? FIRST_WRITE_MS_PER_TASK * tasks;
    const pauseMs = Math.min(Math.max(costMs * WRITE_PAUSE_FACTOR, SHORTEST_WRITE_PAUSE_MS), LONGEST_WRITE_PAUSE_MS);
    return Math.max(0, this.#wroteAt + pauseMs - nowMs);
  }

  /** A write that began at `startedMs` has ended. */
  wrote(startedMs: number, nowMs: number): void {
    const tookMs = nowMs - startedMs;
    this.#writeMs = this.#writeMs === undefined ? tookMs : this.#writeMs + (tookMs - this.#writeMs) * LATEST;
    this.#wroteAt = nowMs;
  }

  /** Milliseconds until the next pass may begin; 0 if it may now. The first event after a quiet time never waits. */
  passPauseMs(nowMs: number): number {
    return Math.max(0, this.#nextPassAt - nowMs);
  }

  /** A pass has computed for `costMs` without a pause. */
  passed(costMs: number, nowMs: number): void {
    if (costMs < LIGHT_PASS_MS) return;
    this.#nextPassAt = nowMs + Math.min(costMs * PASS_PAUSE_FACTOR, LONGEST_PASS_PAUSE_MS);
  }
}
