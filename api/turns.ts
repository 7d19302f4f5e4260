/**
 * Lets work that keeps the event loop busy take turns, a few pieces in each round of the loop: what else is waiting (timers,
 * watches, other connections) never waits for more than that.
 */
export class Turns {
  readonly #perRound: number;
  /** Pieces that may still run in this round. */
  #left: number;
  readonly #waiting: (() => void)[] = [];
  #scheduled = false;

  constructor(perRound = 1) {
    this.#perRound = perRound;
    this.#left = perRound;
  }

  /** Runs `work` at once if this round has room, else in one of the next rounds; in the order of the calls. */
  take(work: () => void): void {
    this.#schedule();
    if (this.#left > 0 && this.#waiting.length === 0) {
      this.#left -= 1;
      work();
    } else this.#waiting.push(work);
  }

  /** Resolves when it is the caller's turn; what it does until it awaits again is its turn. */
  next(): Promise<void> {
    return new Promise((resolve) => this.take(resolve));
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    // An immediate that is asked for by another one runs in the next round.
    setImmediate(() => {
      this.#scheduled = false;
      this.#left = this.#perRound;
      for (let work = this.#waiting.shift(); work !== undefined; work = this.#waiting.shift()) {
        this.#left -= 1;
        this.#schedule();
        work();
        if (this.#left === 0) break;
      }
    });
  }
}
