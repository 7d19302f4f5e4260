import { StoreProblem } from "../../../store/store-problem.ts";
import type { ContactOutcome } from "../../../store/vesta-hosts.ts";
import type { Heard } from "./host-memory.ts";
import type { Lane } from "./lane.ts";

interface Waiting {
  heard: Heard;
  resolve(outcome: ContactOutcome): void;
  reject(error: unknown): void;
}

/** How much may wait to be written, in characters, and how much is written in one transaction. */
const MOST_WAITING = 64 * 1024 * 1024;
const MOST_TOGETHER = 256;
const MOST_CHARACTERS_TOGETHER = 8 * 1024 * 1024;

/** Contacts that wait to be written. What comes while others are being written goes together: each commit costs the same, however much is in it. */
export class ContactQueue {
  readonly #lane: Lane;
  readonly #write: (contacts: readonly Heard[]) => Promise<ContactOutcome[]>;
  #waiting: Waiting[] = [];
  #characters = 0;
  #timer: NodeJS.Timeout | undefined;

  /** `write` stores some of them, all or none, and is called in the lane. */
  constructor(lane: Lane, write: (contacts: readonly Heard[]) => Promise<ContactOutcome[]>) {
    this.#lane = lane;
    this.#write = write;
  }

  /** Writes a contact within `gatherMs`, with others that come meanwhile. Rejects with what writing rejects with, and with a `StoreProblem` where too much waits. */
  add(heard: Heard, gatherMs: number): Promise<ContactOutcome> {
    const size = heard.text.length;
    if (this.#characters > 0 && this.#characters + size > MOST_WAITING) {
      return Promise.reject(new StoreProblem("busy", "too many posts wait to be stored; is the store too slow?"));
    }
    this.#characters += size;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ heard, resolve, reject });
      // Whoever waits is told of failures.
      const write = (): void => void this.flush().catch(() => undefined);
      if (gatherMs === 0) write();
      else this.#timer ??= setTimeout(write, gatherMs);
    });
  }

  /** Writes what waits now; rejects if any of it could not be written. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#lane.run(async () => {
      for (let batch = this.#next(); batch.length > 0; batch = this.#next()) await this.#writeTogether(batch);
    });
  }

  async #writeTogether(batch: readonly Waiting[]): Promise<void> {
    try {
      const outcomes = await this.#write(batch.map(({ heard }) => heard));
      for (const [index, { resolve }] of batch.entries()) resolve(outcomes[index] ?? { known: false, saved: false });
    } catch (error) {
      for (const { reject } of batch) reject(error);
      throw error;
    } finally {
      for (const { heard } of batch) this.#characters -= heard.text.length;
    }
  }

  #next(): Waiting[] {
    let characters = 0;
    let end = 0;
    for (const { heard } of this.#waiting) {
      characters += heard.text.length;
      if (end > 0 && (end >= MOST_TOGETHER || characters > MOST_CHARACTERS_TOGETHER)) break;
      end += 1;
    }
    return this.#waiting.splice(0, end);
  }
}
