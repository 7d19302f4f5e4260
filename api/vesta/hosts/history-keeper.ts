import type { Logger } from "../../../kube/logger.ts";
import type { VestaHistory } from "../../../store/vesta-history.ts";
import type { VestaHosts } from "../../../store/vesta-hosts.ts";
import { RepeatedSweep } from "../../repeated-sweep.ts";

/** What the keeper is made of. */
export interface HistoryKeeperParts {
  store: Pick<VestaHosts, "ids" | "forget">;
  history: Pick<VestaHistory, "thin" | "expire" | "drop">;
  /** Gives the room of what was removed back. */
  tidy: () => Promise<void>;
  /** Whether this process is the one that removes. */
  isActive: () => boolean;
  /** Between two rows that stay of a time that is over; 0: all stay. */
  downsampleSeconds: number;
  /** 0: for ever. */
  retentionDays: number;
  logger: Logger;
  now?: () => number;
}

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;
const HOSTS_AT_ONCE = 200;
/** For which a machine that was forgotten leaves a trace, so that every process hears of it; none is behind for so long without reading everything anew. */
const TRACE_MS = HOUR_MS;

/** Thins the history of hosts and removes what is old (V-67), hourly, and what is left of machines that were forgotten. All of it in small pieces. */
export class HistoryKeeper {
  readonly #parts: HistoryKeeperParts;
  readonly #now: () => number;
  /** Up to which all that is left of every host is thinned by this process already. */
  #thinnedToMs = 0;
  readonly #repeated: RepeatedSweep;

  constructor(parts: HistoryKeeperParts) {
    this.#parts = parts;
    this.#now = parts.now ?? Date.now;
    const { isActive, logger } = parts;
    this.#repeated = new RepeatedSweep({
      sweep: () => this.sweep(),
      everyMs: HOUR_MS,
      isActive,
      onRemoved: (removed) => logger.info({ removed }, "old rows of the history of GPU hosts removed"),
      onFailed: (error) => logger.warn({ err: String(error) }, "the history of GPU hosts could not be thinned yet"),
    });
  }

  start(): void {
    this.#repeated.start();
  }

  async stop(): Promise<void> {
    await this.#repeated.stop();
  }

  /** Removes what is due now; how many rows. Ends early when this process is to stop. */
  async sweep(): Promise<number> {
    const { store, downsampleSeconds } = this.#parts;
    const thinTo = this.#now() - DAY_MS;
    let removed = 0;
    for (let after = ""; ; ) {
      const hosts = await store.ids(after, HOSTS_AT_ONCE);
      for (const host of hosts) {
        if (this.#repeated.isStopping || !this.#parts.isActive()) return removed;
        removed += await this.#sweepHost(host, thinTo);
      }
      const last = hosts.at(-1);
      if (last === undefined || hosts.length < HOSTS_AT_ONCE) break;
      after = last.id;
    }
    // The span at the border may get more to be thinned.
    const everyMs = Math.max(1, downsampleSeconds * 1000);
    this.#thinnedToMs = Math.max(0, Math.floor(thinTo / everyMs) * everyMs);
    if (removed > 0) await this.#parts.tidy();
    return removed;
  }

  async #sweepHost(
    { id, source, removedMs }: { id: string; source: string; removedMs: number },
    thinTo: number,
  ): Promise<number> {
    const { store, history, downsampleSeconds, retentionDays } = this.#parts;
    const now = this.#now();
    const retentionMs = retentionDays * DAY_MS;
    // A node that is gone may come back, and finds its history as long as there would be any.
    const keptMs = source === "sender" ? TRACE_MS : retentionMs;
    const isOver = removedMs > 0 && (source === "sender" || (retentionDays > 0 && removedMs < now - keptMs));
    if (isOver) {
      const removed = await history.drop(id);
      if (removedMs < now - keptMs) await store.forget([id], now - keptMs);
      return removed;
    }
    const expired = retentionDays > 0 ? await history.expire(id, now - retentionMs) : 0;
    if (downsampleSeconds === 0) return expired;
    return expired + (await history.thin(id, downsampleSeconds * 1000, Math.min(this.#thinnedToMs, thinTo), thinTo));
  }
}
