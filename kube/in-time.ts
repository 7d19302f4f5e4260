/**
 * Runs `send` with a signal that aborts after `timeoutMs` or with `signal`, whichever is first, until what it returned has settled: so a bound
 * also covers the wait for a slot, which a request's own time-out does not. Not AbortSignal.any: what that hangs onto the long-lived signal
 * stays there, and on Node 20 an AbortSignal.timeout that nothing but it refers to is collected as garbage and never aborts.
 */
export async function inTime<T>(
  timeoutMs: number,
  signal: AbortSignal | undefined,
  send: (options: { timeoutMs: number; signal: AbortSignal }) => Promise<T>,
): Promise<T> {
  const ms = Math.max(1, Math.ceil(timeoutMs));
  const either = new AbortController();
  const abort = () => either.abort();
  const timer = setTimeout(abort, ms);
  signal?.addEventListener("abort", abort, { once: true });
  if (signal?.aborted) abort();
  try {
    return await send({ timeoutMs: ms, signal: either.signal });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}
