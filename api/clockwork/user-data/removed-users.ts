import type { Logger } from "../../../kube/logger.ts";
import type { UserData } from "../../../store/user-data.ts";

/** How the props of removed users are looked after. */
export interface RemovedUsersOptions {
  data: Pick<UserData, "forgetUser" | "owners">;
  /** Whether there is a user of that e-mail. */
  isKnown(email: string): boolean;
  logger: Logger;
  /** Milliseconds on a clock that only goes forward. */
  now?: () => number;
}

const LOOK_MS = 60_000;
/** Looks after which it is looked for users who were removed while nobody was there to see it. */
const SWEEP_EVERY = 60;
/** So long must a user be missing then: one whose Secret is being restored from a backup has his notes when he is back. */
const MISSING_MS = 24 * 3_600_000;

/** Forgets the props of users that are removed (C-55): at once where it is seen, else a day later. */
export class RemovedUsers {
  readonly #options: RemovedUsersOptions;
  readonly #now: () => number;
  /** E-mails of users whose removal was seen and whose props are still there. */
  readonly #removed = new Set<string>();
  readonly #missing = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #looks = 0;
  #isStopped = false;
  #work: Promise<void> = Promise.resolve();

  constructor(options: RemovedUsersOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** To be called when the users are known. */
  start(everyMs = LOOK_MS): void {
    if (this.#isStopped) return;
    this.#timer = setInterval(() => {
      this.#looks += 1;
      this.#work = this.#work.then(() => this.look(this.#looks % SWEEP_EVERY === 1));
    }, everyMs);
    this.#timer.unref();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#timer);
    await this.#work;
  }

  /** To be called when a user is removed. */
  noteRemoved(email: string): void {
    this.#removed.add(email);
    this.#work = this.#work.then(() => this.look(false));
  }

  /** Forgets what is to be forgotten; what the store refuses is tried again at the next look. Never rejects. */
  async look(sweep: boolean): Promise<void> {
    const { data, isKnown, logger } = this.#options;
    try {
      if (sweep) await this.#sweep();
      for (const email of this.#removed) {
        // Somebody else may have his e-mail, or he may be back: what is there is that user's.
        if (!isKnown(email)) await data.forgetUser(email);
        this.#removed.delete(email);
      }
    } catch (error) {
      logger.warn({ err: String(error) }, "cannot forget what a removed user has noted on jobs now; tried again later");
    }
  }

  async #sweep(): Promise<void> {
    const { data, isKnown } = this.#options;
    const owners = new Set(await data.owners());
    for (const email of this.#missing.keys()) if (!owners.has(email) || isKnown(email)) this.#missing.delete(email);
    for (const email of owners) {
      if (isKnown(email)) continue;
      const since = this.#missing.get(email) ?? this.#now();
      this.#missing.set(email, since);
      if (this.#now() - since >= MISSING_MS) this.#removed.add(email);
    }
  }
}
