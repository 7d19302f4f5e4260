import type { Logger } from "../../../kube/logger.ts";
import type { MessageStatements } from "./host-event.ts";
import type { Hosts } from "./hosts.ts";

/** What the watcher is made of. */
export interface WatcherParts {
  hosts: Pick<Hosts, "flush" | "beginWatching" | "markSilent" | "correctFuture">;
  /** Whether this process is the one that watches (V-5). */
  isActive: () => boolean;
  /** Brings what this process knows of nodes and has not written yet on its way. */
  report: () => void;
  messages: MessageStatements;
  /** Between two rounds (V-56). */
  everyMs: number;
  /** After which a host that was not heard of is down (V-56). */
  downAfterMs: number;
  logger: Logger;
  /** Time of the server. */
  now?: () => number;
}

/** The clock was put back if it shows so much less than before. */
const BACK_MS = 1_000;

/**
 * Takes hosts for down that have been silent for too long (V-56). It watches while this process is the active one; whenever that begins, and after a time in
 * which it could not look for longer than a host may be silent, hosts are not blamed for it: they have to report anew, without a message (V-11).
 */
export class Watcher {
  readonly #parts: WatcherParts;
  readonly #now: () => number;
  /** Time of the last round that was carried out; undefined: watching has not begun. */
  #lastMs: number | undefined;
  /** Whether the message that this instance is the active one now is stored (V-57). */
  #isAnnounced = false;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #isStopped = false;
  #isFailing = false;

  constructor(parts: WatcherParts) {
    this.#parts = parts;
    this.#now = parts.now ?? Date.now;
  }

  start(): void {
    const round = async (): Promise<void> => {
      await this.#safely();
      if (!this.#isStopped) this.#timer = setTimeout(() => this.#begin(round), this.#parts.everyMs);
    };
    this.#begin(round);
  }

  /** Looks now instead of when the pause is over, such as when this process has become the active one. */
  hurry(): void {
    if (this.#isStopped || this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.start();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  /** One round. Rejects with a `StoreProblem`; the next round makes up for it then. */
  async round(): Promise<void> {
    const { hosts, isActive, report, messages, downAfterMs } = this.#parts;
    if (!isActive()) {
      this.#lastMs = undefined;
      this.#isAnnounced = false;
      return;
    }
    report();
    // Whoever was heard of is not to be taken for silent because that is not written yet.
    await hosts.flush();
    const now = this.#now();
    if (this.#lastMs === undefined || now - this.#lastMs > downAfterMs) {
      await hosts.beginWatching(now - downAfterMs, this.#isAnnounced ? [] : messages({ kind: "server-up" }));
      this.#isAnnounced = true;
    } else {
      if (now < this.#lastMs - BACK_MS) await hosts.correctFuture();
      await hosts.markSilent(now - downAfterMs);
    }
    this.#lastMs = now;
  }

  #begin(round: () => Promise<void>): void {
    this.#timer = undefined;
    this.#running = round();
  }

  async #safely(): Promise<void> {
    const { logger } = this.#parts;
    try {
      await this.round();
      if (this.#isFailing) logger.info({}, "the hosts of vesta are watched again");
      this.#isFailing = false;
    } catch (error) {
      if (this.#isFailing) return;
      this.#isFailing = true;
      logger.warn({ err: String(error) }, "the hosts of vesta cannot be watched now; it is tried again");
    }
  }
}
