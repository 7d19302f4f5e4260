/** Does one thing after the other. */
export class Lane {
  #last: Promise<unknown> = Promise.resolve();

  /** Does the work when all before it has ended, however that was. */
  run<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }

  /** Resolves when nothing is under way any more. */
  async idle(): Promise<void> {
    for (let last: unknown; last !== this.#last; ) {
      last = this.#last;
      await last;
    }
  }
}
