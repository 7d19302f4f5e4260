import { setTimeout as delay } from "node:timers/promises";
import { backoffDelayMs } from "../kube/backoff.ts";

/** What is to be done again and again. */
export interface RepeatedSweepParts {
  /** Removes what is due; resolves with how much that was. */
  sweep: () => Promise<number>;
  everyMs: number;
  /** Whether this process is the one of several that does it. */
  isActive: () => boolean;
  onRemoved: (removed: number) => void;
  /** The first of several failures in a row; it is tried again by itself. */
  onFailed: (error: unknown) => void;
  /** Resolves after so long, or when the signal aborts; left out: by the clock. */
  pause?: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** After the start, when everything else has begun. */
const FIRST_MS = 60_000;
/** Pauses after failures. */
const AGAIN = { baseMs: 10_000, capMs: 600_000 };

/** Removes what is due a minute after the start, and from then on every `everyMs`; after a failure sooner. */
export class RepeatedSweep {
  readonly #parts: RepeatedSweepParts;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;

  constructor(parts: RepeatedSweepParts) {
    this.#parts = parts;
  }

  /** Whether it is to stop: a long sweep ends early then. */
  get isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Resolves when nothing is being removed any more. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    const { everyMs, isActive, pause = byTheClock } = this.#parts;
    let failures = 0;
    for (let next = FIRST_MS; ; next = failures > 0 ? backoffDelayMs(failures, AGAIN) : everyMs) {
      await pause(next, signal);
      if (signal.aborted) return;
      failures = isActive() ? await this.#sweep(failures) : 0;
    }
  }

  /** How many failures in a row there are by then. */
  async #sweep(failures: number): Promise<number> {
    try {
      const removed = await this.#parts.sweep();
      if (removed > 0) this.#parts.onRemoved(removed);
      return 0;
    } catch (error) {
      if (failures === 0) this.#parts.onFailed(error);
      return failures + 1;
    }
  }
}

function byTheClock(ms: number, signal: AbortSignal): Promise<void> {
  return delay(ms, undefined, { signal, ref: false }).catch(() => undefined);
}
