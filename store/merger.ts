import { setTimeout as delay } from "node:timers/promises";
import type { Applied, Change, Changed, ObjectWork } from "./object-change.ts";
import { StoreProblem } from "./store-problem.ts";

/** Where an object is kept, and how it is read and written. `R` is what was read; writing takes place only if that is still there. */
export interface Place<R extends { object: string }> {
  /** Objects of different ids have nothing to do with each other. */
  id: string;
  /** Undefined: there is no such place. */
  read(): Promise<R | undefined>;
  /** `changed`: something else is there by now. */
  write(read: R, applied: Applied): Promise<"stored" | "changed" | "overQuota">;
}

interface Waiting<R extends { object: string }> {
  place: Place<R>;
  change: Change;
  resolve(changed: Changed | undefined): void;
  reject(error: unknown): void;
}

/** Changes of one lane that may wait; more are refused, so that what waits does not fill the memory. */
const MOST_WAITING = 200;
/** Changes that are written together. */
const MOST_TOGETHER = 100;
/** A change is tried anew as long as others come between reading and writing, but no longer than this. */
const PATIENCE_MS = 30_000;
const MOST_PAUSE_MS = 20;

/**
 * Carries out changes of objects so that none is lost: those of one lane one after the other, those of several processes by reading anew what somebody
 * else has written meanwhile. Changes of the same object that wait for the same write are written together, each with its own answer.
 */
export class Merger<R extends { object: string }> {
  readonly #lanes = new Map<string, Waiting<R>[]>();
  readonly #work: ObjectWork;
  readonly #digests: boolean;
  readonly #patienceMs: number;

  /** `digests`: whether writing needs the digests of notes. `patienceMs`: how long a change is tried while others are faster. */
  constructor(work: ObjectWork, { digests = false, patienceMs = PATIENCE_MS } = {}) {
    this.#work = work;
    this.#digests = digests;
    this.#patienceMs = patienceMs;
  }

  /**
   * Changes an object; undefined if there is no such place. Rejects with a `StoreProblem`, of kind `busy` where too many wait in the lane or others
   * are always faster; nothing of the change is stored then.
   */
  change(lane: string, place: Place<R>, change: Change): Promise<Changed | undefined> {
    return new Promise((resolve, reject) => {
      const waiting = this.#lanes.get(lane);
      if (waiting !== undefined && waiting.length >= MOST_WAITING) {
        const message = `${MOST_WAITING} changes of one user's or one job's data wait for each other already`;
        reject(new StoreProblem("busy", message));
        return;
      }
      const own = { place, change, resolve, reject };
      if (waiting !== undefined) {
        waiting.push(own);
        return;
      }
      this.#lanes.set(lane, [own]);
      void this.#drain(lane);
    });
  }

  /** Never rejects: whoever waits is told. */
  async #drain(lane: string): Promise<void> {
    for (;;) {
      const waiting = this.#lanes.get(lane) ?? [];
      const [first] = waiting;
      if (first === undefined) break;
      const together = waiting.filter(({ place }) => place.id === first.place.id).slice(0, MOST_TOGETHER);
      // Others may come while these are written.
      const done = new Set(await this.#settle(first.place, together));
      this.#lanes.set(
        lane,
        (this.#lanes.get(lane) ?? []).filter((one) => !done.has(one)),
      );
    }
    this.#lanes.delete(lane);
  }

  /** Carries out as many of the changes as go together; those that were answered. */
  async #settle(place: Place<R>, waiting: readonly Waiting<R>[]): Promise<readonly Waiting<R>[]> {
    let some = waiting;
    const until = performance.now() + this.#patienceMs;
    try {
      for (;;) {
        const read = await place.read();
        if (read === undefined) {
          for (const { resolve } of some) resolve(undefined);
          return some;
        }
        const changes = some.map(({ change }) => change);
        const applied = await this.#work.change({ object: read.object, changes, digests: this.#digests });
        const { results, object } = applied;
        some = some.slice(0, results.length);
        const outcome = object === read.object ? "stored" : await place.write(read, applied);
        if (outcome === "stored") {
          for (const [index, { resolve }] of some.entries()) resolve(results[index]);
          return some;
        }
        if (outcome === "overQuota") {
          // Which of them is too much shows when they come one by one.
          if (some.length === 1) {
            some[0]?.resolve({ kind: "overQuota" });
            return some;
          }
          some = some.slice(0, 1);
        } else if (performance.now() > until) {
          const message = "others have changed the same user's or job's data again and again; tried again later";
          throw new StoreProblem("busy", message);
        }
        // Two processes that come in each other's way do not come back at the same time.
        else await delay(Math.random() * MOST_PAUSE_MS);
      }
    } catch (error) {
      for (const { reject } of some) reject(error);
      return some;
    }
  }
}
