/** A moment on both clocks of this machine. */
export interface Moment {
  monotonicMs: number;
  wallMs: number;
}

/** Source of moments; replaced in tests. */
export type Clock = () => Moment;

/** The clocks of this process. */
export const systemClock: Clock = () => ({ monotonicMs: performance.now(), wallMs: Date.now() });

/**
 * Time since `then`, never too short: the monotonic clock goes on while a process is stopped and ignores a wall clock
 * that is set back, but stands still while a machine sleeps, which the wall clock does not. A wall clock that is set
 * forward makes the result too long, which for a deadline is the safe side.
 */
export function elapsedMs(then: Moment, now: Moment): number {
  return Math.max(now.monotonicMs - then.monotonicMs, now.wallMs - then.wallMs);
}
