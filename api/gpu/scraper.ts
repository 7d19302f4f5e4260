import { type OpenExporter, type Scraped, ScrapeError, scrape } from "./scrape.ts";

/** An exporter to ask. */
export interface Target {
  /** A pod's changes with its UID and its address, so that a new pod starts without the old one's failures (G-34). */
  key: string;
  node: string;
  /** For logs. */
  name: string;
  open: OpenExporter;
}

/** Times of the loop; the defaults are those of the settings (G-31, G-32, G-34). */
export interface ScraperTimings {
  intervalMs: number;
  timeoutMs: number;
  backoffMs: { base: number; cap: number };
  /** Exporters that are new are asked within this time. */
  firstMs: number;
}

export const DEFAULT_TIMINGS: ScraperTimings = {
  intervalMs: 15_000,
  timeoutMs: 2_000,
  backoffMs: { base: 15_000, cap: 120_000 },
  firstMs: 250,
};

/** Exporters asked at the same time. */
const MAX_RUNNING = 16;

/** Told of each scrape that was not overtaken by the target's end. What these throw or reject with counts as a failed scrape. */
export interface ScrapeListener {
  /** Awaited before the target is due again. */
  onScraped(target: Target, scraped: Scraped, seconds: number): Promise<void> | void;
  onFailed(target: Target, error: ScrapeError, seconds: number): void;
}

interface State {
  target: Target;
  dueAt: number;
  running: AbortController | undefined;
  succeeded: boolean;
  failures: number;
}

/**
 * The one loop that asks exporters (G-31): each once per interval, spread by chance, never two at a time on one node. One
 * that fails is asked less and less often, and holds up no other (G-34).
 */
export class Scraper {
  readonly #timings: ScraperTimings;
  readonly #listener: ScrapeListener;
  readonly #random: () => number;
  readonly #states = new Map<string, State>();
  readonly #busyNodes = new Set<string>();
  readonly #underWay = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(timings: ScraperTimings, listener: ScrapeListener, random: () => number = Math.random) {
    this.#timings = timings;
    this.#listener = listener;
    this.#random = random;
  }

  /** Asks these from now on; those that are known go on as they were, those that are gone are let go of at once. */
  setTargets(targets: readonly Target[]): void {
    if (this.#stopped) return;
    const wanted = new Map(targets.map((target) => [target.key, target]));
    for (const [key, state] of this.#states) {
      if (wanted.has(key)) continue;
      this.#states.delete(key);
      state.running?.abort();
    }
    for (const [key, target] of wanted) {
      if (this.#states.has(key)) continue;
      const dueAt = performance.now() + this.#timings.firstMs * this.#random();
      this.#states.set(key, { target, dueAt, running: undefined, succeeded: false, failures: 0 });
    }
    this.#startDue();
  }

  /** Ends at once: no timer, socket or call is left. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    for (const { running } of this.#states.values()) running?.abort();
    this.#states.clear();
    await Promise.all(this.#underWay);
  }

  /** Starts what is due, the longest waiting first, and sets the alarm for what comes next. */
  #startDue(): void {
    clearTimeout(this.#timer);
    if (this.#stopped) return;
    const now = performance.now();
    const waiting = [...this.#states.values()].filter(({ running }) => running === undefined);
    waiting.sort((a, b) => a.dueAt - b.dueAt);
    for (const state of waiting) {
      if (state.dueAt > now) {
        this.#timer = setTimeout(() => this.#startDue(), state.dueAt - now);
        return;
      }
      if (this.#underWay.size >= MAX_RUNNING) return;
      if (!this.#busyNodes.has(state.target.node)) this.#start(state);
    }
  }

  #start(state: State): void {
    const { node } = state.target;
    const ended = new AbortController();
    state.running = ended;
    this.#busyNodes.add(node);
    const run = this.#ask(state, ended.signal).finally(() => {
      state.running = undefined;
      this.#busyNodes.delete(node);
      this.#underWay.delete(run);
      this.#startDue();
    });
    this.#underWay.add(run);
  }

  /** Never rejects. */
  async #ask(state: State, ended: AbortSignal): Promise<void> {
    const { target } = state;
    const startedAt = performance.now();
    const seconds = (): number => (performance.now() - startedAt) / 1_000;
    try {
      const scraped = await scrape(target.open, this.#timings.timeoutMs, ended);
      if (ended.aborted) return;
      await this.#listener.onScraped(target, scraped, seconds());
      state.failures = 0;
      state.dueAt = performance.now() + this.#pause(state.succeeded);
      state.succeeded = true;
    } catch (error) {
      if (ended.aborted) return;
      state.failures++;
      state.dueAt = performance.now() + this.#pauseAfterFailure(state.failures);
      const failure =
        error instanceof ScrapeError ? error : new ScrapeError("other", "sent something that could not be read", error);
      this.#listener.onFailed(target, failure, seconds());
    }
  }

  /** The second scrape comes anywhere in the interval, so that exporters found together do not stay in step. */
  #pause(again: boolean): number {
    const part = again ? 0.9 + 0.2 * this.#random() : this.#random();
    return this.#timings.intervalMs * part;
  }

  #pauseAfterFailure(failures: number): number {
    const { base, cap } = this.#timings.backoffMs;
    return Math.min(cap, base * 2 ** Math.min(failures - 1, 20)) * (0.9 + 0.2 * this.#random());
  }
}
