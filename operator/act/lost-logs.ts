import type { Logger } from "../../kube/logger.ts";
import type { LogArchive, LogOwner } from "../../store/log-archive.ts";
import { StoreProblem } from "../../store/store-problem.ts";
import type { Caches } from "../caches.ts";
import type { Metrics } from "../metrics.ts";
import type { CoreEvents } from "./core-events.ts";

/** Losses that may wait for a store that does not work; of more than that only the number is known. */
const MAX_WAITING = 1_000;
/** A loss that the store cannot take is dropped after so many tries. */
const MAX_REFUSALS = 5;

export interface LostLogsOptions {
  archive: LogArchive;
  caches: Pick<Caches, "runs">;
  events: CoreEvents;
  metrics: Metrics;
  logger: Logger;
}

/** Records the logs that could not be had: in the archive, where the log would be, and as an event of the run. */
export class LostLogs {
  readonly #options: LostLogsOptions;
  #waiting: { owner: LogOwner; reason: string; state: "lost" | "none" }[] = [];
  /** Those that were told lately. */
  readonly #known = new Set<string>();
  #flushing: Promise<void> | undefined;
  /** How often the store refused the oldest one for good. */
  #refusals = 0;

  constructor(options: LostLogsOptions) {
    this.#options = options;
  }

  /** Losses that are not in the archive yet. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Whether a loss of a run is not in the archive yet. */
  owes(runUid: string): boolean {
    return this.#waiting.some(({ owner }) => owner.runUid === runUid);
  }

  /** Takes a loss in and tells it; `flush` writes it down. */
  add(owner: LogOwner, reason: string): void {
    const { caches, events, logger, metrics } = this.#options;
    const { namespace, run, runUid, task, pod } = owner;
    // A loss that the run's status does not show yet is seen again at each look.
    if (this.#isKnown(owner.podUid)) return;
    metrics.archivedLogs.inc({ outcome: "lost" });
    logger.warn({ namespace, run, task, pod, cause: reason }, "log lost");
    const known = caches.runs.get(`${namespace}/${run}`);
    if (known?.metadata.uid === runUid) {
      const message = `the log of pod ${pod} could not be kept: ${reason}`;
      const event = { id: `log-${owner.podUid}`, type: "Warning", reason: "LogLost", task, message } as const;
      events.tell({ metadata: known.metadata }, [{ ...event, source: "odin", time: new Date().toISOString() }]);
    }
    this.#push(owner, reason, "lost");
  }

  /** Takes in why there is no log where none was to be expected, such as of a container that never ran. */
  note(owner: LogOwner, reason: string): void {
    this.#push(owner, reason, "none");
  }

  #isKnown(podUid: string): boolean {
    if (this.#known.has(podUid)) return true;
    this.#known.add(podUid);
    const [oldest] = this.#known;
    if (this.#known.size > MAX_WAITING && oldest !== undefined) this.#known.delete(oldest);
    return false;
  }

  #push(owner: LogOwner, reason: string, state: "lost" | "none"): void {
    if (this.#waiting.length >= MAX_WAITING) {
      const dropped = this.#waiting.shift();
      this.#options.logger.error(
        { pod: dropped?.owner.pod },
        "too many lost logs wait for the store; one is not recorded",
      );
    }
    this.#waiting.push({ owner, reason, state });
  }

  /** Writes down what waits; rejects with a `StoreProblem` if the store does not work, and keeps it then. */
  flush(): Promise<void> {
    this.#flushing ??= this.#flush().finally(() => {
      this.#flushing = undefined;
    });
    return this.#flushing;
  }

  async #flush(): Promise<void> {
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      try {
        await this.#options.archive.lose(first.owner, first.reason, first.state);
      } catch (error) {
        if (!(error instanceof StoreProblem) || error.kind !== "internal" || ++this.#refusals < MAX_REFUSALS)
          throw error;
        // One that cannot be written must not keep the others from being.
        this.#options.logger.error({ pod: first.owner.pod, err: error.message }, "a lost log cannot be recorded");
      }
      this.#refusals = 0;
      if (this.#waiting[0] === first) this.#waiting.shift();
    }
  }
}
