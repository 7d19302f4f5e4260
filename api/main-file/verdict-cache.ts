/** Keeps results that took long to get, up to a weight of all together; of those that do not fit, the longest unused go. */
export class VerdictCache {
  readonly #most: number;
  readonly #entries = new Map<string, { value: Promise<unknown>; weight: number; until: number }>();
  #weight = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /**
   * The result under a key, or that of `make`, which callers at the same time share. One that is rejected is forgotten, but for the
   * milliseconds that `keepMs` gives.
   */
  get<T>(key: string, weight: number, make: () => Promise<T>, keepMs: (error: unknown) => number): Promise<T> {
    const known = this.#entries.get(key);
    if (known !== undefined && known.until > performance.now()) {
      this.#entries.delete(key);
      this.#entries.set(key, known);
      return known.value as Promise<T>;
    }
    this.#remove(key);
    const value = make();
    const entry = { value, weight, until: Number.POSITIVE_INFINITY };
    this.#entries.set(key, entry);
    this.#weight += weight;
    value.catch((error: unknown) => {
      entry.until = performance.now() + keepMs(error);
      if (keepMs(error) === 0 && this.#entries.get(key) === entry) this.#remove(key);
    });
    for (const oldest of this.#entries.keys()) {
      if (this.#weight <= this.#most) break;
      this.#remove(oldest);
    }
    return value;
  }

  #remove(key: string): void {
    this.#weight -= this.#entries.get(key)?.weight ?? 0;
    this.#entries.delete(key);
  }
}
