/** Element of `DeadlineHeap`; `heapIndex` is -1 outside of it. */
export interface Timed {
  dueAt: number;
  heapIndex: number;
}

/** Binary heap by `dueAt` whose elements know their place, so that moving one forward or removing it is O(log n). */
export class DeadlineHeap<T extends Timed> {
  readonly #items: T[] = [];

  get size(): number {
    return this.#items.length;
  }

  /** The element that is due first. */
  peek(): T | undefined {
    return this.#items[0];
  }

  /** Adds an element, or moves it forward if it is there with a later time; the earlier of two times stays. */
  schedule(element: T, dueAt: number): void {
    if (element.heapIndex >= 0) {
      if (dueAt >= element.dueAt) return;
      element.dueAt = dueAt;
      this.#up(element, element.heapIndex);
      return;
    }
    element.dueAt = dueAt;
    this.#items.push(element);
    this.#up(element, this.#items.length - 1);
  }

  /** Removes an element if it is there. */
  remove(element: T): void {
    const index = element.heapIndex;
    if (index < 0) return;
    element.heapIndex = -1;
    const moved = this.#items.pop();
    if (moved === undefined || moved === element) return;
    this.#up(moved, index);
    this.#down(moved, moved.heapIndex);
  }

  /** Removes everything. */
  clear(): void {
    for (const element of this.#items) element.heapIndex = -1;
    this.#items.length = 0;
  }

  #place(element: T, index: number): void {
    this.#items[index] = element;
    element.heapIndex = index;
  }

  #up(element: T, from: number): void {
    let index = from;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = this.#items[parentIndex];
      if (parent === undefined || parent.dueAt <= element.dueAt) break;
      this.#place(parent, index);
      index = parentIndex;
    }
    this.#place(element, index);
  }

  #down(element: T, from: number): void {
    let index = from;
    for (;;) {
      const left = this.#items[2 * index + 1];
      const right = this.#items[2 * index + 2];
      const child = right !== undefined && left !== undefined && right.dueAt < left.dueAt ? right : left;
      if (child === undefined || child.dueAt >= element.dueAt) break;
      const childIndex = child.heapIndex;
      this.#place(child, index);
      index = childIndex;
    }
    this.#place(element, index);
  }
}
