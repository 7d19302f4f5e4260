/** The mean of finite numbers that come one by one, in constant memory. It is never outside of them, whatever is rounded. */
export class Mean {
  #count = 0;
  #least = Number.POSITIVE_INFINITY;
  #most = Number.NEGATIVE_INFINITY;
  #sum = 0;
  /** What additions have rounded away (Neumaier). */
  #lost = 0;
  /** The mean of those so far: less exact, and finite where their sum is too large for a number. */
  #running = 0;

  get count(): number {
    return this.#count;
  }

  /** NaN while there are none. */
  get value(): number {
    if (this.#count === 0) return Number.NaN;
    const exact = (this.#sum + this.#lost) / this.#count;
    return Math.min(this.#most, Math.max(this.#least, Number.isFinite(exact) ? exact : this.#running));
  }

  add(value: number): void {
    this.#count += 1;
    this.#least = Math.min(this.#least, value);
    this.#most = Math.max(this.#most, value);
    const sum = this.#sum + value;
    this.#lost += Math.abs(this.#sum) >= Math.abs(value) ? this.#sum - sum + value : value - sum + this.#sum;
    this.#sum = sum;
    this.#running += value / this.#count - this.#running / this.#count;
  }
}
