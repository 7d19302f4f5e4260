import { createSecretKey, type KeyObject } from "node:crypto";
import jwt from "jsonwebtoken";
import type { StoredUser } from "./user.ts";
import type { UserLookup } from "./users.ts";

/** Algorithms a token may be signed with; exactly one is in force (O-23). */
export const TOKEN_ALGORITHMS = ["HS256", "HS384", "HS512"] as const;
export type TokenAlgorithm = (typeof TOKEN_ALGORITHMS)[number];

/** How tokens are made and checked. */
export interface TokenSettings {
  algorithm: TokenAlgorithm;
  issuer: string;
  durationSeconds: number;
  secret: string;
  /** The secret before the last rotation: still accepted, no longer used. */
  previousSecret?: string;
}

/** How far ahead of ours the clock of another issuer may be. */
const CLOCK_GRACE_SECONDS = 60;

/** Issues tokens and knows what makes one acceptable beyond its signature. */
export class Tokens {
  readonly algorithm: TokenAlgorithm;
  readonly issuer: string;
  /** Keys that verify: the current one first. KeyObjects, because a text would be imported anew for every check. */
  readonly keys: readonly KeyObject[];
  readonly #signingKey: KeyObject;
  readonly #durationSeconds: number;
  readonly #users: UserLookup;
  readonly #now: () => number;

  constructor(settings: TokenSettings, users: UserLookup, now: () => number = Date.now) {
    this.algorithm = settings.algorithm;
    this.issuer = settings.issuer;
    this.#signingKey = createSecretKey(Buffer.from(settings.secret));
    const previous = settings.previousSecret;
    this.keys = [this.#signingKey, ...(previous === undefined ? [] : [createSecretKey(Buffer.from(previous))])];
    this.#durationSeconds = settings.durationSeconds;
    this.#users = users;
    this.#now = now;
  }

  /** A token for a user, with the claims of O-23. */
  issue(user: StoredUser): string {
    // Never before the second from which the user's tokens count, or a login right after a password change would be refused.
    const iat = Math.max(Math.floor(this.#now() / 1000), user.validFrom);
    const claims = { iss: this.issuer, sub: user.username, iat, exp: iat + this.#durationSeconds };
    return jwt.sign(claims, this.#signingKey, { algorithm: this.algorithm });
  }

  /** The user of a token that is good in every respect; undefined for any other text (O-23). */
  verify(token: string): StoredUser | undefined {
    for (const key of this.keys) {
      try {
        return this.userOf(jwt.verify(token, key, { algorithms: [this.algorithm], issuer: this.issuer }));
      } catch {
        // Wrongly signed for this key, expired, or no token; the next key decides.
      }
    }
    return undefined;
  }

  /**
   * The user of a token whose signature, algorithm, issuer and expiry have been checked already; undefined if a claim is
   * missing, the token is from the future or from before a password change, or its user is gone (O-23).
   */
  userOf(claims: unknown): StoredUser | undefined {
    if (claims === null || typeof claims !== "object") return undefined;
    const { sub, iat, exp } = claims as jwt.JwtPayload;
    if (typeof sub !== "string" || typeof iat !== "number" || typeof exp !== "number") return undefined;
    if (iat > this.#now() / 1000 + CLOCK_GRACE_SECONDS) return undefined;
    const user = this.#users.find(sub);
    return user !== undefined && iat >= user.validFrom ? user : undefined;
  }
}
