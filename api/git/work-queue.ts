import { ApiError, retryAfter } from "../errors.ts";

/** Runs one piece of work after the other, in the order in which they came, and no more than so many wait. */
export class WorkQueue {
  readonly #most: number;
  #waiting = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(most: number) {
    this.#most = most;
  }

  /** Resolves or rejects as `work` does; a 503 at once if the queue is full. */
  run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#waiting >= this.#most) {
      return Promise.reject(
        new ApiError("Busy", `${this.#most} changes of the jobs repository are waiting already; try again later`, {
          headers: retryAfter(10),
        }),
      );
    }
    this.#waiting += 1;
    return this.runAlways(work).finally(() => {
      this.#waiting -= 1;
    });
  }

  /** Like `run`, past the bound: for work of which there never is much. */
  runAlways<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** Resolves when everything that waits now is done. */
  async idle(): Promise<void> {
    await this.#last;
  }
}
