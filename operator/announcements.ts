/** Announcements that are written at once, and how many a second after that; further ones wait for their turn. */
const BURST = 10;
const PER_SECOND = 5;
/** Fewer a second where writes are slow: together they may take this part of the time. */
const SHARE = 0.1;
/** Longest that one waits while no task of its run runs, but merely has a pod. */
const LONGEST_PENDING_WAIT_MS = 5_000;
/** Longest that one waits from when a task of its run really runs: in a burst even a task of a moment takes seconds, for all wait for the processors. */
const LONGEST_RUNNING_WAIT_MS = 3_000;
/** A turn is never later than that, however many wait: where both waits are used up. */
const LONGEST_LINE_MS = LONGEST_PENDING_WAIT_MS + LONGEST_RUNNING_WAIT_MS;
/** Weight of the latest measurement in the average. */
const LATEST = 0.1;

/** One that has not been written yet; times are monotonic milliseconds. */
export interface Announcement {
  /** Its turn in line. */
  turnMs: number;
  /** When it is written: at its turn, or when it has waited long enough. */
  dueMs: number;
  isRunning: boolean;
}

/**
 * When a status that only says that tasks have begun is written. A lone run's is at once. Where many runs begin together theirs take turns: a short
 * task has ended before that, and the run costs the API server one write instead of two. Times are monotonic milliseconds.
 */
export class Announcements {
  /** How many may be written at once now; below 0: how many have been given a later turn. */
  #free = BURST;
  /** When that was worked out last. */
  #atMs = Number.NEGATIVE_INFINITY;
  #writeMs = 0;

  /** The turn of one; `before` is what was known of it when it was asked for last, `isRunning` whether a task of its run runs. */
  turn(before: Announcement | undefined, isRunning: boolean, nowMs: number): Announcement {
    const known = before ?? this.#enter(nowMs);
    if (!isRunning || known.isRunning) return known;
    return { turnMs: known.turnMs, dueMs: Math.min(known.turnMs, nowMs + LONGEST_RUNNING_WAIT_MS), isRunning };
  }

  /** A status write has taken so long. */
  wrote(tookMs: number): void {
    this.#writeMs += (tookMs - this.#writeMs) * LATEST;
  }

  #enter(nowMs: number): Announcement {
    const everyMs = Math.max(1000 / PER_SECOND, this.#writeMs / SHARE);
    // However many wait, the first one after them waits no longer than the longest.
    const least = -LONGEST_LINE_MS / everyMs;
    this.#free = Math.max(least, Math.min(BURST, this.#free + (nowMs - this.#atMs) / everyMs) - 1);
    this.#atMs = nowMs;
    const turnMs = nowMs + Math.max(0, -this.#free * everyMs);
    return { turnMs, dueMs: Math.min(turnMs, nowMs + LONGEST_PENDING_WAIT_MS), isRunning: false };
  }
}
