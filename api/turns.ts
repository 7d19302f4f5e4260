/**
 * Lets work that keeps the event loop busy take turns, one in each round of the loop: what else is waiting (timers, other
 * requests, the watches) never waits for more than one of them.
 */
export class Turns {
  #waiting: (() => void)[] = [];
  #coming: (() => void)[] = [];
  #scheduled = false;

  /** Resolves, in the order of the calls, when it is the caller's turn; what it does until it awaits again is its turn. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#coming.push(resolve);
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    // An immediate that is asked for by another one runs in the next round.
    setImmediate(() => {
      this.#scheduled = false;
      if (this.#waiting.length === 0) {
        this.#waiting = this.#coming.reverse();
        this.#coming = [];
      }
      this.#waiting.pop()?.();
      if (this.#waiting.length + this.#coming.length > 0) this.#schedule();
    });
  }
}
