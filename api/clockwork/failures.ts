import { createHash } from "node:crypto";

/** Failed credentials that an e-mail may have from one address in a minute (C-16). */
export const MAX_FAILURES_PER_MINUTE = 30;
const WINDOW_MS = 60_000;
/** E-mails that are counted for themselves, for each address and in all: whoever makes up one after the other must not fill the memory. */
const MOST_OF_PEER = 1_000;
const MOST = 50_000;

interface Counted {
  failures: number;
  /** When counting begins anew, on the clock of `performance.now()`. */
  until: number;
  peer: string;
}

/**
 * Counts failed credentials by address and e-mail, from the first of each for a minute. E-mails beyond those that are remembered are counted together
 * with the failures that name none: these make further failures answer 429, and never refuse a credential that is good.
 */
export class Failures {
  /** In the order in which they were begun, which is that in which they end. */
  readonly #counted = new Map<string, Counted>();
  readonly #ofPeer = new Map<string, number>();
  readonly #now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Milliseconds for which an e-mail is refused at an address, whatever comes with it; 0: it is not. */
  refusedMs(peer: string, email: string): number {
    return this.#overMs(this.#counted.get(keyOf(peer, email)));
  }

  /** Notes a failure, without an e-mail where none was named; milliseconds for which there are too many now, or 0. */
  note(peer: string, email?: string): number {
    this.#forgetOld();
    const key = this.#keyToCount(peer, email);
    let counted = this.#counted.get(key);
    if (counted === undefined) {
      counted = { failures: 0, until: this.#now() + WINDOW_MS, peer };
      this.#counted.set(key, counted);
      this.#ofPeer.set(peer, (this.#ofPeer.get(peer) ?? 0) + 1);
    }
    counted.failures += 1;
    return this.#overMs(counted);
  }

  /** What is remembered. */
  get size(): number {
    return this.#counted.size;
  }

  /** That of the e-mail, else that of the address, else one for all: whichever is there or has room. */
  #keyToCount(peer: string, email: string | undefined): string {
    const isFull = this.#counted.size >= MOST;
    const own = email === undefined ? undefined : keyOf(peer, email);
    if (own !== undefined) {
      if (this.#counted.has(own)) return own;
      if (!isFull && (this.#ofPeer.get(peer) ?? 0) < MOST_OF_PEER) return own;
    }
    return !isFull || this.#counted.has(keyOf(peer)) ? keyOf(peer) : "";
  }

  #overMs(counted: Counted | undefined): number {
    if (counted === undefined || counted.failures <= MAX_FAILURES_PER_MINUTE) return 0;
    return Math.max(0, counted.until - this.#now());
  }

  #forgetOld(): void {
    const now = this.#now();
    for (const [key, { until, peer }] of this.#counted) {
      if (until > now) return;
      this.#counted.delete(key);
      const left = (this.#ofPeer.get(peer) ?? 1) - 1;
      if (left > 0) this.#ofPeer.set(peer, left);
      else this.#ofPeer.delete(peer);
    }
  }
}

/** Of the same size however long the e-mail is. */
function keyOf(peer: string, email?: string): string {
  return email === undefined ? peer : `${peer} ${createHash("sha256").update(email).digest("base64")}`;
}
