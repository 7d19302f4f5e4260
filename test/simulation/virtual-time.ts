/** A program in the simulation: what it schedules is lost when it is killed, and put off while it is paused. */
export interface VirtualProcess {
  readonly name: string;
  alive: boolean;
  /** Virtual time until which it is stopped, as by SIGSTOP; 0: it runs. */
  pausedUntilMs: number;
  /** What its wall clock is off by. */
  skewMs: number;
}

/** Something that is to happen. */
export interface Planned {
  readonly process: VirtualProcess | undefined;
  readonly action: () => void;
  atMs: number;
  /** Order among what happens at the same time. */
  order: number;
  cancelled: boolean;
}

/** When the world begins. */
const EPOCH_MS = Date.parse("2026-01-01T00:00:00.000Z");

const realImmediate = setImmediate;

/** Resolves when nothing in this process can go on by itself any more: every promise that could settle has. */
function quiet(): Promise<void> {
  return new Promise((resolve) => realImmediate(resolve));
}

/**
 * Virtual time: a queue of what is to happen, in order of time, then of planning. Time passes only from one entry to the next, so a minute of
 * waiting costs nothing, and the same entries in the same order give the same world.
 */
export class VirtualTime {
  /** Steps that were taken. */
  steps = 0;
  #nowMs = 0;
  #planned = 0;
  #current: VirtualProcess | undefined;
  readonly #heap: Planned[] = [];

  /** Milliseconds since the world began, by a clock that is never set. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** The program whose step it is; undefined while the cluster itself acts. */
  get current(): VirtualProcess | undefined {
    return this.#current;
  }

  /** Milliseconds since 1970 as `process` believes, or as they are. */
  wallMs(process?: VirtualProcess): number {
    return EPOCH_MS + Math.floor(this.#nowMs) + (process?.skewMs ?? 0);
  }

  /** RFC 3339 in whole seconds, as the API server writes times. */
  stamp(): string {
    return `${new Date(this.wallMs()).toISOString().slice(0, 19)}Z`;
  }

  /** Plans an action; those of a process are lost with it. */
  after(delayMs: number, action: () => void, process?: VirtualProcess): Planned {
    const atMs = this.#nowMs + Math.max(0, Number.isFinite(delayMs) ? delayMs : 0);
    const planned: Planned = { process, action, atMs, order: this.#planned++, cancelled: false };
    this.#push(planned);
    return planned;
  }

  /** Takes steps until `done`, or until `limitMs`, or for `maxSteps`; tells which came first. */
  async run(done: () => boolean, limitMs: number, maxSteps: number): Promise<"done" | "time" | "steps" | "idle"> {
    for (let step = 0; step < maxSteps; step++) {
      if (done()) return "done";
      const next = this.#pop();
      if (next === undefined) return "idle";
      if (next.atMs > limitMs) {
        this.#push(next);
        this.#nowMs = limitMs;
        return "time";
      }
      await this.#take(next);
    }
    return "steps";
  }

  /** Lets a program act outside the queue, as at its start. */
  async within(process: VirtualProcess, action: () => void): Promise<void> {
    this.#current = process;
    action();
    await quiet();
    this.#current = undefined;
  }

  async #take(next: Planned): Promise<void> {
    const { process } = next;
    if (next.cancelled || process?.alive === false) return;
    if (process !== undefined && process.pausedUntilMs > next.atMs) {
      next.atMs = process.pausedUntilMs;
      this.#push(next);
      return;
    }
    this.#nowMs = Math.max(this.#nowMs, next.atMs);
    this.steps++;
    if (process === undefined) next.action();
    else await this.within(process, next.action);
  }

  #push(planned: Planned): void {
    const heap = this.#heap;
    let index = heap.push(planned) - 1;
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || isBefore(parent, planned)) break;
      heap[index] = parent;
      index = above;
    }
    heap[index] = planned;
  }

  #pop(): Planned | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let index = 0;
    while (true) {
      const left = 2 * index + 1;
      const a = heap[left];
      if (a === undefined) break;
      const b = heap[left + 1];
      const [least, at] = b !== undefined && isBefore(b, a) ? [b, left + 1] : [a, left];
      if (isBefore(last, least)) break;
      heap[index] = least;
      index = at;
    }
    heap[index] = last;
    return first;
  }
}

function isBefore(a: Planned, b: Planned): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
