import type { Logger } from "../../../kube/logger.ts";
import type { MetricOwner, MlbenchMetrics } from "../../../store/mlbench-metrics.ts";
import type { MlbenchPods } from "../../../store/mlbench-pods.ts";
import { RepeatedSweep } from "../../repeated-sweep.ts";

/** What the retention is made of. */
export interface RetentionParts {
  metrics: Pick<MlbenchMetrics, "owners" | "drop">;
  pods: Pick<MlbenchPods, "goneBefore" | "drop" | "known" | "ofRun" | "runs">;
  /** Whether a run of that id is there, in whatever state, or being deleted. */
  hasRun: (id: number) => boolean;
  /** UIDs of the pods that are there. */
  presentPods: () => ReadonlySet<string>;
  /** Whether this process is the one that removes, and knows all runs and pods. */
  isActive: () => boolean;
  /** For which metrics are kept of pods without a run, after these have gone. */
  podMetricDays: number;
  logger: Logger;
  now?: () => number;
}

const DAY_MS = 24 * 60 * 60 * 1000;
const EVERY_MS = 10 * 60 * 1000;
/**
 * For which somebody has been missing before what is his goes: nothing is lost because a new one is known here a moment late, nor at once where the
 * program was started with another namespace than before.
 */
const MISSING_MS = DAY_MS;
const AT_ONCE = 500;

/**
 * Removes metrics whose time is over (M-64), and those that nobody can ask for any more: of runs and pods that are gone without a trace, such as one that
 * was posted while its run was being deleted.
 */
export class MetricRetention {
  readonly #parts: RetentionParts;
  readonly #now: () => number;
  /** Since when owners have been missing. */
  #missing: ReadonlyMap<string, number> = new Map();
  readonly #repeated: RepeatedSweep;

  constructor(parts: RetentionParts) {
    this.#parts = parts;
    this.#now = parts.now ?? Date.now;
    const { isActive, logger } = parts;
    this.#repeated = new RepeatedSweep({
      sweep: () => this.sweep(),
      everyMs: EVERY_MS,
      isActive,
      onRemoved: (removed) => logger.info({ removed }, "old metrics of MLBench removed"),
      onFailed: (error) => logger.warn({ err: String(error) }, "old metrics of MLBench could not be removed yet"),
    });
  }

  start(): void {
    this.#repeated.start();
  }

  async stop(): Promise<void> {
    await this.#repeated.stop();
  }

  /** Removes what is due now; how many entries. */
  async sweep(): Promise<number> {
    const { metrics, pods, podMetricDays, hasRun } = this.#parts;
    const now = this.#now();
    const due = await pods.goneBefore(now - podMetricDays * DAY_MS);
    const present = this.#parts.presentPods();
    const over = due.filter((uid) => !present.has(uid));
    let removed = await metrics.drop(over.map((uid): MetricOwner => `pod:${uid}`));
    await pods.drop(over);
    const missing = new Map<string, number>();
    const isLost = (who: string): boolean => {
      const since = this.#missing.get(who) ?? now;
      missing.set(who, since);
      return now - since >= MISSING_MS;
    };
    for (const run of await pods.runs()) {
      if (hasRun(run) || !isLost(`pods of ${run}`)) continue;
      const uids = (await pods.ofRun(run)).map(({ uid }) => uid).filter((uid) => !present.has(uid));
      removed += await metrics.drop(uids.map((uid): MetricOwner => `pod:${uid}`));
      await pods.drop(uids);
    }
    for (let after = ""; ; ) {
      const owners = await metrics.owners(after, AT_ONCE);
      for (const owner of await this.#unknown(owners, present)) {
        if (isLost(owner)) removed += await metrics.drop([owner]);
      }
      const last = owners.at(-1);
      if (last === undefined || owners.length < AT_ONCE) break;
      after = last;
    }
    this.#missing = missing;
    return removed;
  }

  async #unknown(owners: readonly string[], present: ReadonlySet<string>): Promise<MetricOwner[]> {
    const uids = owners.flatMap((owner) => /^pod:(.*)$/s.exec(owner)?.[1] ?? []);
    const known = await this.#parts.pods.known(uids);
    const ofPods = uids.filter((uid) => !known.has(uid) && !present.has(uid)).map((uid): MetricOwner => `pod:${uid}`);
    const runs = owners.flatMap((owner) => /^run:(\d+)$/.exec(owner)?.[1] ?? []).map(Number);
    return [...ofPods, ...runs.filter((id) => !this.#parts.hasRun(id)).map((id): MetricOwner => `run:${id}`)];
  }
}
