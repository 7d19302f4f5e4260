/** Who is served before whom among runs that wait for each other. */
export interface Place {
  /** Key of the run, `namespace/name`. */
  key: string;
  /** `spec.priority`; the higher goes first. */
  priority: number;
  /** When the run was created (RFC 3339); of equal priority the older goes first. */
  createdAt: string;
}

/** Negative if `a` goes before `b`. Total: two runs never have the same key. */
export function comparePlaces(a: Place, b: Place): number {
  if (a.priority !== b.priority) return b.priority - a.priority;
  if (a.createdAt !== b.createdAt) return a.createdAt < b.createdAt ? -1 : 1;
  return a.key === b.key ? 0 : a.key < b.key ? -1 : 1;
}

/** Runs in the order in which they are served. Finding a place takes O(log n). */
export class WaitingLine<P extends Place> {
  readonly #order: P[] = [];
  readonly #byKey = new Map<string, P>();

  get size(): number {
    return this.#order.length;
  }

  get(key: string): P | undefined {
    return this.#byKey.get(key);
  }

  /** Puts a run in its place, or moves it there. */
  set(place: P): void {
    const known = this.#byKey.get(place.key);
    const index = known === undefined ? -1 : this.#indexOf(known);
    this.#byKey.set(place.key, place);
    if (known !== undefined && comparePlaces(known, place) === 0) {
      this.#order[index] = place;
      return;
    }
    if (known !== undefined) this.#order.splice(index, 1);
    this.#order.splice(this.#indexOf(place), 0, place);
  }

  /** Takes a run out; false if it was not there. */
  delete(key: string): boolean {
    const known = this.#byKey.get(key);
    if (known === undefined) return false;
    this.#order.splice(this.#indexOf(known), 1);
    return this.#byKey.delete(key);
  }

  /** How many go before a place, whether or not that is in the line. */
  before(place: Place): number {
    return this.#indexOf(place);
  }

  /** The runs in order. */
  [Symbol.iterator](): IterableIterator<P> {
    return this.#order[Symbol.iterator]();
  }

  /** Where a place is, or would be put. */
  #indexOf(place: Place): number {
    let low = 0;
    let high = this.#order.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.#order[middle];
      if (other !== undefined && comparePlaces(other, place) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
