import { comparePlaces, type Place, WaitingLine } from "./waiting-line.ts";

/** A run that would start more tasks than its namespace has room for. */
interface Waiter extends Place {
  /** How many tasks it would start. */
  wants: number;
}

/** What is known of one namespace; nothing of it is stored anywhere, a restart counts again. */
interface NamespaceSlots {
  /** Objects of tasks that exist and have not ended. */
  live: number;
  /** Creations under way. */
  reserved: number;
  line: WaitingLine<Waiter>;
}

export interface TaskSlotsOptions {
  /** Most tasks of a namespace that have an object at a time; undefined: no limit. */
  limit: number | undefined;
  /** Has a run looked at again: there is room for it. */
  touch: (key: string) => void;
  /** Whether this process acts on a run; one that it does not act on waits elsewhere. */
  owns: (key: string) => boolean;
}

/**
 * How many tasks the runs of a namespace may start. The holders of slots are the objects themselves as the caches have them, and creations under
 * way in this process. Runs are served by priority, then by age; one that waits keeps the slots that it can use from those behind it. Where several
 * processes share the work each sees what the others started only when its watch tells, so for that moment there may be more.
 */
export class TaskSlots {
  readonly limit: number | undefined;
  readonly #touch: (key: string) => void;
  readonly #owns: (key: string) => boolean;
  readonly #namespaces = new Map<string, NamespaceSlots>();

  constructor({ limit, touch, owns }: TaskSlotsOptions) {
    this.limit = limit;
    this.#touch = touch;
    this.#owns = owns;
  }

  /** The number of objects of tasks that have not ended has changed. */
  changed(namespace: string, by: number): void {
    if (this.limit === undefined) return;
    const slots = this.#of(namespace);
    slots.live += by;
    if (by < 0) this.#wake(namespace, slots);
  }

  /** How many tasks a run may start now. */
  available(place: Place): number {
    if (this.limit === undefined) return Number.POSITIVE_INFINITY;
    const slots = this.#of(namespaceOf(place.key));
    let left = this.#free(slots);
    for (const waiter of slots.line) {
      if (left <= 0 || comparePlaces(waiter, place) >= 0) break;
      if (this.#owns(waiter.key)) left -= waiter.wants;
    }
    return Math.max(0, left);
  }

  /** Sets slots aside for creations under way; each is given back by `settle`. */
  reserve(key: string, count: number): void {
    if (this.limit !== undefined) this.#of(namespaceOf(key)).reserved += count;
  }

  /** A creation has come to its end; an object that it made is counted already. */
  settle(key: string): void {
    if (this.limit === undefined) return;
    const namespace = namespaceOf(key);
    const slots = this.#of(namespace);
    slots.reserved -= 1;
    this.#wake(namespace, slots);
  }

  /** A run would start this many tasks more than it may; with 0 it waits for nothing. */
  wait(place: Place, wants: number): void {
    if (this.limit === undefined) return;
    if (wants > 0) this.#of(namespaceOf(place.key)).line.set({ ...place, wants });
    else this.leave(place.key);
  }

  /** A run waits for nothing: what it could have used may go to the next. */
  leave(key: string): void {
    const namespace = namespaceOf(key);
    const slots = this.#namespaces.get(namespace);
    if (slots?.line.delete(key)) this.#wake(namespace, slots);
  }

  /** What the records of waiting tasks say. */
  message(key: string): string {
    const namespace = namespaceOf(key);
    return `waiting for a place: ${this.limit} tasks may execute in namespace ${namespace} at a time (--namespace-parallelism)`;
  }

  #free({ live, reserved }: NamespaceSlots): number {
    return (this.limit ?? 0) - live - reserved;
  }

  /** Tells as many runs as there is room for, and no more. */
  #wake(namespace: string, slots: NamespaceSlots): void {
    let left = this.#free(slots);
    const strangers: string[] = [];
    for (const waiter of slots.line) {
      if (left <= 0) break;
      if (!this.#owns(waiter.key)) {
        strangers.push(waiter.key);
        continue;
      }
      this.#touch(waiter.key);
      left -= waiter.wants;
    }
    for (const key of strangers) slots.line.delete(key);
    if (slots.live <= 0 && slots.reserved <= 0 && slots.line.size === 0) this.#namespaces.delete(namespace);
  }

  #of(namespace: string): NamespaceSlots {
    let slots = this.#namespaces.get(namespace);
    if (slots === undefined) {
      slots = { live: 0, reserved: 0, line: new WaitingLine() };
      this.#namespaces.set(namespace, slots);
    }
    return slots;
  }
}

function namespaceOf(key: string): string {
  return key.slice(0, key.indexOf("/"));
}
