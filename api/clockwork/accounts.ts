import type { Logger } from "../../kube/logger.ts";
import type { StoredUser } from "../auth/user.ts";
import type { Users } from "../auth/users.ts";
import type { Caller } from "./caller.ts";

/** The users by what the Clockwork view knows them by: e-mail, user name, and API key (C-14). */
export class Accounts {
  readonly #users: Users;
  readonly #logger: Logger;
  #byEmail = new Map<string, StoredUser>();
  #byKey = new Map<string, StoredUser>();
  #mostKeys = 0;
  #stale = true;
  /** Pairs of users with one e-mail that have been told of. */
  #told = new Set<string>();

  constructor(users: Users, logger: Logger) {
    this.#users = users;
    this.#logger = logger;
  }

  /** To be called after every change of a user. */
  readonly changed = (): void => {
    this.#stale = true;
  };

  /** The user of exactly that e-mail; of two with one e-mail the older one. */
  byEmail(email: string): StoredUser | undefined {
    this.#refresh();
    return this.#byEmail.get(email);
  }

  /** The user with an API key of that SHA-256. */
  byKey(sha256: string): StoredUser | undefined {
    this.#refresh();
    return this.#byKey.get(sha256);
  }

  /** API keys of the user who has most of them. */
  mostKeys(): number {
    this.#refresh();
    return this.#mostKeys;
  }

  /** Whether his e-mail is his: an older user may have it. */
  ownsEmail(user: StoredUser): boolean {
    return this.byEmail(emailOf(user))?.username === user.username;
  }

  #refresh(): void {
    if (!this.#stale) return;
    this.#stale = false;
    this.#byEmail = new Map();
    this.#byKey = new Map();
    this.#mostKeys = 0;
    const told = new Set<string>();
    for (const user of [...this.#users.list()].sort(olderFirst)) {
      const email = emailOf(user);
      const holder = this.#byEmail.get(email);
      if (holder !== undefined) {
        const pair = JSON.stringify([holder.username, user.username]);
        told.add(pair);
        if (!this.#told.has(pair)) {
          const fields = { user: user.username, holder: holder.username };
          this.#logger.warn(fields, "a user is refused by the Clockwork API: an older one has the same e-mail");
        }
        continue;
      }
      this.#byEmail.set(email, user);
      const keys = user.account?.keys ?? [];
      this.#mostKeys = Math.max(this.#mostKeys, keys.length);
      for (const { sha256 } of keys) {
        if (!this.#byKey.has(sha256)) this.#byKey.set(sha256, user);
      }
    }
    this.#told = told;
  }
}

/** A user's e-mail: that of his Secret, or his name (C-14). */
export function emailOf({ username, account }: StoredUser): string {
  return account?.email ?? username;
}

/** What a user's Secret makes of him (C-14, C-17). */
export function callerOf(user: StoredUser, visibility: "own" | "all"): Caller {
  const { account } = user;
  const admin = account?.admin ?? false;
  return {
    username: user.username,
    email: emailOf(user),
    ccAccountUsername: account?.ccAccountUsername ?? null,
    clusters: account?.clusters,
    admin,
    pageSize: account?.pageSize,
    seesAll: admin || visibility === "all",
  };
}

function olderFirst(a: StoredUser, b: StoredUser): number {
  const [one, other] = [a, b].map(({ metadata }) => metadata.creationTimestamp ?? "");
  if (one !== other) return (one ?? "") < (other ?? "") ? -1 : 1;
  return a.username < b.username ? -1 : 1;
}
