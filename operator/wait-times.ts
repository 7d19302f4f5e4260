/** Reasons that say nothing about the cluster: the run's own order and limits, and what its owner asked for. */
const OWN: ReadonlySet<string> = new Set([
  "Dependencies",
  "Suspended",
  "RunParallelism",
  "NamespaceParallelism",
  "JobParallelism",
  "Starting",
  "CacheLookup",
  "Retrying",
  "ObjectSuspended",
]);

/**
 * Since when each waiting task has been seen to wait for the same reason, from one look at all of them to the next. A task's record holds no such
 * time, because nobody else needs it; so a process that has just begun to lead counts from there. What a look does not see is forgotten.
 */
export class WaitTimes {
  #before = new Map<string, number>();
  #since = new Map<string, number>();
  #longestMs = new Map<string, number>();
  #nowMs = 0;

  /** Begins a look at all tasks at that monotonic time. */
  begin(nowMs: number): void {
    this.#nowMs = nowMs;
    this.#before = this.#since;
    this.#since = new Map();
    this.#longestMs = new Map();
  }

  /** A task waits; `task` names this attempt of it uniquely. */
  seen(reason: string, task: string): void {
    if (OWN.has(reason)) return;
    const key = `${reason} ${task}`;
    const sinceMs = this.#before.get(key) ?? this.#nowMs;
    this.#since.set(key, sinceMs);
    this.#longestMs.set(reason, Math.max(this.#nowMs - sinceMs, this.#longestMs.get(reason) ?? 0));
  }

  /** Seconds of the longest wait by reason, of those seen since `begin`. */
  longestSeconds(): ReadonlyMap<string, number> {
    return new Map([...this.#longestMs].map(([reason, ms]) => [reason, ms / 1_000]));
  }
}
