import { WorkerPool } from "./main-file/worker-pool.ts";
import { THREAD_MB } from "./thread-memory.ts";

/** Characters that are worked on at once, in a few milliseconds. */
const SMALL = 32 * 1024;
/** The worst megabytes take some seconds of a processor, which on a busy machine is many times as long. */
const DEADLINE_MS = 60_000;

/** What the work is done by. */
export interface SizedWorkParts<T, R> {
  /** The module of a thread, which calls `serveWork` with `work`. */
  script: URL;
  /** Does one task, wherever it is called. */
  work: (task: T) => Promise<R>;
  /** One does some megabytes a second; a second one would bring its memory and little else. */
  threads?: number;
  /** Longest that one task may take in a thread. */
  deadlineMs?: number;
}

/**
 * Work on what callers have sent, without holding up the event loop: small pieces are done at once, and all others in threads, which are started when they
 * are needed first. How much may wait is for whoever asks to bound, as by the memory for bodies.
 */
export class SizedWork<T, R> {
  readonly #pool: WorkerPool<T, R>;
  readonly #work: (task: T) => Promise<R>;

  constructor({ script, work, threads = 1, deadlineMs = DEADLINE_MS }: SizedWorkParts<T, R>) {
    this.#work = work;
    this.#pool = new WorkerPool({
      script,
      threads,
      queue: 0,
      deadlineMs,
      limits: { maxOldGenerationSizeMb: THREAD_MB },
    });
  }

  /** The result of a task that so many characters are to be worked on for. Rejects with a `PoolError` where there is none. */
  async do(task: T, characters: number): Promise<R> {
    return characters <= SMALL ? await this.#work(task) : await this.#pool.run(task, { patient: true });
  }

  /** Ends the threads; what is still asked for is rejected. */
  async stop(): Promise<void> {
    await this.#pool.stop();
  }
}
