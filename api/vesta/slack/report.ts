import type { Logger } from "../../../kube/logger.ts";
import type { Outbox } from "../messages/outbox.ts";
import type { ScheduledReport } from "../settings/schedule.ts";

/** What the daily reports are made of. */
export interface DailyReportsOptions {
  reports: readonly ScheduledReport[];
  /** `""`: there are no reports. */
  channel: string;
  outbox: Outbox;
  /** Whether this process is the one that speaks to Slack (V-5). */
  isActive: () => boolean;
  logger: Logger;
  now?: () => number;
  lookMs?: number;
}

const LOOK_MS = 5_000;

/**
 * Posts the state of all hosts every day at the times of the settings (V-65), by the clock of the process's time zone. Which moments had their report is kept in the store, in
 * one transaction with the message: a restart, or another process that takes over, neither repeats nor forgets one. Of moments that nobody was there for, the last is made up for.
 */
export class DailyReports {
  readonly #options: Required<DailyReportsOptions>;
  /** The last moment of each report that is known to have its message. */
  readonly #settled = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #working: Promise<void> = Promise.resolve();
  #fails = false;

  constructor(options: DailyReportsOptions) {
    this.#options = { now: Date.now, lookMs: LOOK_MS, ...options };
  }

  start(): void {
    const { reports, channel, lookMs } = this.#options;
    if (reports.length === 0 || channel === "") return;
    this.#timer = setInterval(() => {
      this.#working = this.#working.then(() => this.look());
    }, lookMs);
    this.#timer.unref();
  }

  /** Resolves when nothing is done any more. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#working;
  }

  /** Puts the reports whose time has come. */
  async look(): Promise<void> {
    const { reports, channel, outbox, isActive, logger, now } = this.#options;
    if (!isActive()) return;
    try {
      for (const { at, title } of reports) {
        const name = `${at} ${title}`;
        const moment = lastMoment(at, now());
        if (this.#settled.get(name) === moment) continue;
        const message = { kind: "file", channel, title, name: "statuses.txt", content: { show: "all" } } as const;
        if (await outbox.putForMoment(name, moment, message))
          logger.info({ at, title }, "a daily report goes to Slack");
        this.#settled.set(name, moment);
      }
      this.#fails = false;
    } catch (error) {
      if (!this.#fails) logger.error({ err: String(error) }, "a daily report cannot be made now; it is tried again");
      this.#fails = true;
    }
  }
}

/** When it was last that time of the day, `HH:MM`, by the local clock. A time that a day leaves out is an hour later then; one that a day has twice is the first. */
export function lastMoment(at: string, now: number): number {
  const [hours = 0, minutes = 0] = at.split(":").map(Number);
  const date = new Date(now);
  for (let daysAgo = 0; ; daysAgo += 1) {
    const moment = new Date(date.getFullYear(), date.getMonth(), date.getDate() - daysAgo, hours, minutes).getTime();
    if (moment <= now) return moment;
  }
}
