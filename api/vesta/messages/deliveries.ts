import { setTimeout as sleep } from "node:timers/promises";
import { backoffDelayMs } from "../../../kube/backoff.ts";
import type { Logger } from "../../../kube/logger.ts";
import type { VestaMessages, WaitingMessage } from "../../../store/vesta-messages.ts";
import { SlackProblem } from "../slack/slack-problem.ts";
import type { OutgoingMessage } from "./message.ts";
import type { MessageMetrics } from "./message-metrics.ts";

/** How a message is delivered: rejects with a `SlackProblem`. */
export type Deliver = (message: OutgoingMessage, row: WaitingMessage, signal: AbortSignal) => Promise<void>;

/** What the deliveries work with. */
export interface DeliveriesOptions {
  messages: VestaMessages;
  deliver: Deliver;
  /** Whether this process is the one that speaks to Slack (V-5). */
  isActive: () => boolean;
  metrics: MessageMetrics;
  logger: Logger;
  now?: () => number;
  /** Time between two looks at the store for what others have put there. */
  lookMs?: number;
  backoff?: { baseMs: number; capMs: number };
  /** How long a try is left alone that has no outcome: its process may be gone. Longer than any try takes. */
  claimMs?: number;
}

const LOOK_MS = 1_000;
const BACKOFF = { baseMs: 1_000, capMs: 60_000 };
/** A file is sent in three calls, a message to a person may need some as well. */
const CLAIM_MS = 60_000;
/** Messages are given up at that age (V-57). */
const OLDEST_MS = 24 * 3_600_000;
/** Of more messages than this the oldest are given up. */
export const MOST_WAITING = 10_000;
const TIDY_EVERY_MS = 60_000;
const COUNT_EVERY_MS = 15_000;
/** How long what is being sent may take once the process stops. */
const STOP_MS = 10_000;
/** Names of events that are remembered: Slack repeats an event within an hour or so. */
const MOST_EVENTS = 100_000;
/** Targets whose trouble is remembered, so that it is told once. */
const MOST_TROUBLES = 1_000;
/** Targets to which something is on its way at once. */
const AT_ONCE = 4;

/**
 * Delivers the messages that wait (V-57): those of one target in their order, each until it is accepted, refused for good or too old. A try is noted before it
 * begins, so that no two processes make one at the same time, and so that after a crash it is known which messages may have arrived.
 */
export class Deliveries {
  readonly #options: Required<DeliveriesOptions>;
  readonly #busy = new Map<string, Promise<void>>();
  readonly #breakOff = new AbortController();
  /** Messages that Slack has taken and whose removal failed. */
  readonly #taken = new Set<number>();
  /** Targets whose last try failed. */
  readonly #inTrouble = new Set<string>();
  #wake = new AbortController();
  #running: Promise<void> | undefined;
  #isStopping = false;
  #countedAt = Number.NEGATIVE_INFINITY;
  #tidiedAt = Number.NEGATIVE_INFINITY;
  #storeFails = false;

  constructor(options: DeliveriesOptions) {
    this.#options = { now: Date.now, lookMs: LOOK_MS, backoff: BACKOFF, claimMs: CLAIM_MS, ...options };
  }

  /** Begins to deliver whenever this process is the active one. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Something was put into the queue: no need to wait for the next look. */
  wake(): void {
    this.#wake.abort();
  }

  /** Begins nothing more, and resolves when what is being sent has its outcome. What takes too long is broken off: whoever comes next finds it unsure. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.wake();
    await this.#running;
    const late = setTimeout(() => this.#breakOff.abort(), STOP_MS);
    await Promise.all(this.#busy.values());
    clearTimeout(late);
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      if (this.#wake.signal.aborted) this.#wake = new AbortController();
      if (this.#options.isActive()) await this.#look();
      await sleep(this.#options.lookMs, undefined, { signal: this.#wake.signal, ref: false }).catch(() => undefined);
    }
  }

  async #look(): Promise<void> {
    const { messages, now, claimMs, logger, metrics } = this.#options;
    try {
      await this.#tidy();
      const begunBefore = now() - claimMs;
      const heads = await messages.heads(now(), begunBefore);
      for (const row of heads) {
        if (this.#busy.size >= AT_ONCE) break;
        if (this.#busy.has(row.target) || !(await messages.begin(row.id, now(), begunBefore))) continue;
        const work = this.#try(row.id).finally(() => {
          this.#busy.delete(row.target);
          this.wake();
        });
        this.#busy.set(row.target, work);
      }
      if (heads.length > 0 || now() - this.#countedAt >= COUNT_EVERY_MS) {
        metrics.waiting.set(await messages.count());
        this.#countedAt = now();
      }
      if (this.#storeFails) logger.info({}, "the queue of messages to Slack works again");
      this.#storeFails = false;
    } catch (error) {
      this.#tellStore(error);
    }
  }

  async #try(id: number): Promise<void> {
    const { messages, deliver, metrics, logger } = this.#options;
    try {
      const row = await messages.waiting(id);
      if (row === undefined) return;
      if (!this.#taken.has(id)) {
        try {
          await deliver(JSON.parse(row.body) as OutgoingMessage, row, this.#breakOff.signal);
        } catch (error) {
          await this.#failed(row, error);
          return;
        }
        this.#taken.add(id);
        metrics.messages.inc({ result: "sent" });
        if (this.#inTrouble.delete(row.target)) {
          logger.info({ target: shownTarget(row) }, "messages to Slack arrive again");
        }
      }
      await this.#settle(() => messages.done(id));
      this.#taken.delete(id);
    } catch (error) {
      this.#tellStore(error);
    }
  }

  async #failed(row: WaitingMessage, error: unknown): Promise<void> {
    const { messages, now, backoff, metrics, logger } = this.#options;
    const { id, target, tries } = row;
    const problem = error instanceof SlackProblem ? error : new SlackProblem("refused", String(error));
    // How it ended is not known, as after a crash: whoever comes next looks.
    if (this.#breakOff.signal.aborted && problem.kind === "retry") return;
    const fields = { target: shownTarget(row), tries: tries + 1, err: problem.message };
    if (problem.kind === "refused") {
      await this.#settle(() => messages.refuse(id, problem.code || problem.message));
      this.#inTrouble.delete(target);
      metrics.messages.inc({ result: "refused" });
      logger.error(fields, "Slack refuses a message");
      return;
    }
    const delayMs = Math.max(problem.retryAfterMs ?? 0, backoffDelayMs(tries + 1, backoff));
    await this.#settle(() => messages.retry(id, now() + Math.ceil(delayMs), problem.unsure));
    metrics.messages.inc({ result: "put off" });
    if (this.#inTrouble.has(target)) return;
    logger.warn(fields, "a message to Slack did not arrive; it is tried again for a day");
    if (this.#inTrouble.size < MOST_TROUBLES) this.#inTrouble.add(target);
  }

  /** Writes an outcome. What could not be written is sent again later, so this is tried for as long as nobody else may take the message over. */
  async #settle(write: () => Promise<void>): Promise<void> {
    const giveUpAt = performance.now() + this.#options.claimMs / 2;
    for (let tries = 1; ; tries += 1) {
      try {
        return await write();
      } catch (error) {
        if (performance.now() > giveUpAt || this.#isStopping) throw error;
        await sleep(backoffDelayMs(tries, { baseMs: 50, capMs: 2_000 }));
      }
    }
  }

  async #tidy(): Promise<void> {
    const { messages, now, claimMs, metrics, logger } = this.#options;
    const begun = now();
    if (begun - this.#tidiedAt < TIDY_EVERY_MS) return;
    const madeBefore = begun - OLDEST_MS;
    const lost = await messages.giveUp({ madeBefore, most: MOST_WAITING, begunBefore: begun - claimMs });
    if (lost > 0) {
      metrics.messages.inc({ result: "given up" }, lost);
      logger.error({ count: lost }, "messages to Slack are given up: they are a day old, or too many wait");
    }
    await messages.forgetOnce("event ", madeBefore, MOST_EVENTS);
    this.#tidiedAt = begun;
  }

  #tellStore(error: unknown): void {
    if (this.#storeFails) return;
    this.#storeFails = true;
    this.#options.logger.error(
      { err: String(error) },
      "the queue of messages to Slack does not work; it is tried again",
    );
  }
}

/** Who a message is for stays out of the log where it may be an e-mail address. */
function shownTarget({ target }: WaitingMessage): string {
  return target.startsWith("person ") ? "person" : target;
}
