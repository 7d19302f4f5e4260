/** Bounds of an exponential back-off in milliseconds. */
export interface BackoffBounds {
  baseMs: number;
  capMs: number;
}

/**
 * Delay before try number `attempt + 1` after `attempt` failures (from 1): doubles from `baseMs` up to `capMs`, then a
 * random part of up to one half is taken off, so that many clients of a server that comes back do not move in step.
 */
export function backoffDelayMs(attempt: number, { baseMs, capMs }: BackoffBounds, random = Math.random): number {
  const exponent = Math.min(Math.max(attempt, 1) - 1, 40);
  return Math.min(capMs, baseMs * 2 ** exponent) * (1 - random() / 2);
}
