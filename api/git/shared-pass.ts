/**
 * Runs of one piece of work, shared by those who ask for it: whoever asks gets the result of a run that begins after the asking, so that it sees
 * all that was done before. While one run is under way, all who ask share the next one.
 */
export class SharedPass<T> {
  readonly #work: () => Promise<T>;
  #running: Promise<unknown> = Promise.resolve();
  #next: Promise<T> | undefined;

  constructor(work: () => Promise<T>) {
    this.#work = work;
  }

  /** Resolves or rejects as the run does. */
  run(): Promise<T> {
    if (this.#next === undefined) {
      const next = this.#running.then(() => {
        this.#next = undefined;
        return this.#work();
      });
      this.#next = next;
      this.#running = next.catch(() => undefined);
    }
    return this.#next;
  }

  /** Resolves when no run is under way or waits. */
  async idle(): Promise<void> {
    await this.#running;
  }
}
