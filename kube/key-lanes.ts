/** Element of `KeyLanes`; linked so that it can be taken out of the middle. */
export interface Queued {
  lane: number;
  before: Queued | undefined;
  after: Queued | undefined;
}

interface Lane {
  first: Queued | undefined;
  last: Queued | undefined;
}

/** Each so many takes one goes to the least urgent lane that has something, so that no lane starves. */
const FAIR_TURN = 8;

/** Queues of different urgency (0 first) with O(1) adding, taking and removing, at any length. */
export class KeyLanes<T extends Queued> {
  readonly #lanes: Lane[];
  #size = 0;
  #turn = 0;

  constructor(lanes: number) {
    this.#lanes = Array.from({ length: lanes }, () => ({ first: undefined, last: undefined }));
  }

  get size(): number {
    return this.#size;
  }

  /** Appends an element that is in no lane. */
  push(element: T, lane: number): void {
    const list = this.#lanes[lane];
    if (list === undefined) throw new Error(`there is no lane ${lane}`);
    element.lane = lane;
    element.before = list.last;
    element.after = undefined;
    if (list.last) list.last.after = element;
    else list.first = element;
    list.last = element;
    this.#size++;
  }

  /** Takes an element out of its lane. */
  remove(element: T): void {
    const list = this.#lanes[element.lane];
    if (list === undefined) return;
    if (element.before) element.before.after = element.after;
    else list.first = element.after;
    if (element.after) element.after.before = element.before;
    else list.last = element.before;
    element.before = undefined;
    element.after = undefined;
    this.#size--;
  }

  /** Takes the next element, or undefined where all lanes are empty. */
  take(): T | undefined {
    this.#turn = (this.#turn + 1) % FAIR_TURN;
    const last = this.#lanes.length - 1;
    for (let index = 0; index <= last; index++) {
      const element = this.#lanes[this.#turn === 0 ? last - index : index]?.first as T | undefined;
      if (element === undefined) continue;
      this.remove(element);
      return element;
    }
    return undefined;
  }
}
