import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "../kube/logger.ts";
import type { Store } from "../store/store.ts";

/** What is known of the store: `opening` until the first look has ended, `none` where there is no store. */
export type StoreState = "none" | "opening" | "open" | "away";

/** Times in milliseconds; the defaults are what production uses. */
export interface StoreWatchTimings {
  /** How long the start waits for a store that says nothing at all. */
  patienceMs: number;
  /** Between two looks. */
  everyMs: number;
}

const TIMINGS: StoreWatchTimings = { patienceMs: 10_000, everyMs: 15_000 };

/**
 * Whether the store of ended runs and logs works. The API is not ready before the first look has ended, for it would list no ended runs; a store
 * that is away does not keep it from becoming ready, as everything else works without.
 */
export class StoreWatch {
  readonly #store: Pick<Store, "name" | "check"> | undefined;
  readonly #logger: Logger;
  readonly #timings: StoreWatchTimings;
  readonly #stopping = new AbortController();
  #state: StoreState;
  #awaited: boolean;

  constructor(
    store: Pick<Store, "name" | "check"> | undefined,
    logger: Logger,
    timings: Partial<StoreWatchTimings> = {},
  ) {
    this.#store = store;
    this.#logger = logger;
    this.#timings = { ...TIMINGS, ...timings };
    this.#state = store === undefined ? "none" : "opening";
    this.#awaited = store !== undefined;
  }

  get state(): StoreState {
    return this.#state;
  }

  /** Whether the start still waits for it. */
  get awaited(): boolean {
    return this.#awaited;
  }

  /** Begins to look, again and again until `stop`. Resolves when the start need not wait any longer, whatever was found. */
  async start(): Promise<void> {
    if (this.#store === undefined) return;
    const first = this.#look(this.#store);
    void this.#watch(this.#store, first);
    const enough = new AbortController();
    const signal = AbortSignal.any([enough.signal, this.#stopping.signal]);
    await Promise.race([first, delay(this.#timings.patienceMs, undefined, { signal }).catch(() => undefined)]);
    enough.abort();
    this.#awaited = false;
  }

  stop(): void {
    this.#stopping.abort();
  }

  async #watch(store: Pick<Store, "name" | "check">, first: Promise<void>): Promise<void> {
    const { signal } = this.#stopping;
    await first;
    while (!signal.aborted) {
      await delay(this.#timings.everyMs, undefined, { signal, ref: false }).catch(() => undefined);
      if (!signal.aborted) await this.#look(store);
    }
  }

  async #look({ name, check }: Pick<Store, "name" | "check">): Promise<void> {
    try {
      await check();
      if (this.#state !== "open") this.#logger.info({ store: name }, "store open");
      this.#state = "open";
    } catch (error) {
      if (this.#stopping.signal.aborted) return;
      if (this.#state !== "away")
        this.#logger.error(
          { err: String(error) },
          "the store does not work; everything else does, and it is tried again",
        );
      this.#state = "away";
    }
  }
}
