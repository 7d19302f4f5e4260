/** Lets at most `slots` pieces of work run at once and at most `queue` wait; order is kept. */
export class Gate {
  readonly #slots: number;
  readonly #queue: number;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(slots: number, queue: number) {
    this.#slots = slots;
    this.#queue = queue;
  }

  /** Whether another piece of work would be turned away. */
  get full(): boolean {
    return this.#running >= this.#slots && this.#waiting.length >= this.#queue;
  }

  /** Runs `work` when there is room; `refuse` makes the error for work that finds the queue full. */
  async run<T>(work: () => Promise<T>, refuse: () => Error): Promise<T> {
    if (this.full) throw refuse();
    if (this.#running < this.#slots) this.#running += 1;
    // A slot is handed over, not given back, so that nobody can slip in between.
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running -= 1;
    }
  }
}
