import { createHash, timingSafeEqual } from "node:crypto";
import type { StoredUser } from "../auth/user.ts";
import type { Accounts } from "./accounts.ts";
import { tooManyAttempts, unauthorized } from "./clockwork-error.ts";
import { Failures } from "./failures.ts";

/** Compared with where a user has no key, or there is no such user. */
const NOBODYS_KEY = { sha256: "0".repeat(64) };

/** What checks a token of the Odin view. */
export interface TokenCheck {
  /** The user of a token that is good in every respect. */
  verify(token: string): StoredUser | undefined;
}

type Presented = { kind: "key"; email: string; key: string } | { kind: "bearer"; value: string };

/** Checks the credentials of the Clockwork view: API keys and tokens (C-11 to C-16). */
export class Credentials {
  readonly #accounts: Accounts;
  readonly #tokens: TokenCheck;
  readonly #failures = new Failures();

  constructor(accounts: Accounts, tokens: TokenCheck) {
    this.#accounts = accounts;
    this.#tokens = tokens;
  }

  /** The user whose credential an Authorization header holds; throws a 401 for anything else, and a 429 after too many of these. */
  check(header: string, peer: string): StoredUser {
    if (header === "") throw unauthorized();
    const presented = parseCredential(header);
    const email = presented?.kind === "key" ? presented.email : undefined;
    // Whose e-mail it is decides nothing before that: the right one of many guesses must not be told from the others.
    if (email !== undefined) refuse(this.#failures.refusedMs(peer, email));
    const user = this.#userOf(presented);
    if (user !== undefined) return user;
    refuse(this.#failures.note(peer, email));
    throw unauthorized();
  }

  #userOf(presented: Presented | undefined): StoredUser | undefined {
    if (presented === undefined) return undefined;
    const user = presented.kind === "key" ? this.#byKeyOf(presented) : this.#byBearer(presented.value);
    return user !== undefined && (user.account?.enabled ?? true) ? user : undefined;
  }

  #byKeyOf({ email, key }: { email: string; key: string }): StoredUser | undefined {
    const user = this.#accounts.byEmail(email);
    const matches = holdsKey(user, sha256(key), this.#accounts.mostKeys());
    return matches ? user : undefined;
  }

  #byBearer(value: string): StoredUser | undefined {
    const hash = sha256(value);
    const user = this.#accounts.byKey(hash);
    if (holdsKey(user, hash, this.#accounts.mostKeys())) return user;
    const ofToken = this.#tokens.verify(value);
    return ofToken !== undefined && this.#accounts.ownsEmail(ofToken) ? ofToken : undefined;
  }
}

function refuse(forMs: number): void {
  if (forMs > 0) throw tooManyAttempts(forMs / 1000);
}

/**
 * Whether one of a user's keys has that hash. All of them are compared, in constant time, and something else in the place of those that he has not:
 * as many comparisons for everybody, whether there is such a user or not (C-12).
 */
function holdsKey(user: StoredUser | undefined, hash: string, comparisons: number): boolean {
  const given = Buffer.from(hash, "hex");
  const keys = user?.account?.keys ?? [];
  let found = false;
  for (let at = 0; at < Math.max(comparisons, keys.length, 1); at += 1) {
    const key = keys[at];
    const isEqual = timingSafeEqual(Buffer.from((key ?? NOBODYS_KEY).sha256, "hex"), given);
    found ||= isEqual && key !== undefined;
  }
  return found;
}

/** The hash by which a key is kept (C-15). */
export function sha256(key: string): string {
  return createHash("sha256").update(key).digest("hex");
}

/** `Basic` with e-mail and key, or `Bearer`; undefined for anything else (C-11, C-12). */
export function parseCredential(header: string): Presented | undefined {
  const [, scheme = "", value = ""] = /^(\S+) +(\S+)$/.exec(header.trim()) ?? [];
  switch (scheme.toLowerCase()) {
    case "basic":
      return parseBasic(value);
    case "bearer":
      return { kind: "bearer", value };
    default:
      return undefined;
  }
}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function parseBasic(value: string): Presented | undefined {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(value) || value.length % 4 !== 0) return undefined;
  let text: string;
  try {
    text = UTF8.decode(Buffer.from(value, "base64"));
  } catch {
    return undefined;
  }
  const colon = text.indexOf(":");
  return colon < 0 ? undefined : { kind: "key", email: text.slice(0, colon), key: text.slice(colon + 1) };
}
