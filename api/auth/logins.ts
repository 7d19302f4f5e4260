import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { Counter, type Registry } from "prom-client";
import { RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";
import { ApiError, retryAfter } from "../errors.ts";
import { Gate } from "../gate.ts";
import { MAX_PASSWORD_BYTES, passwordMatches, unmatchableHash } from "./password.ts";
import type { StoredUser } from "./user.ts";
import type { Users } from "./users.ts";

/** Failed logins that a user name may have from one address in a minute (O-22). */
export const MAX_FAILURES_PER_MINUTE = 10;
/** Hashes computed at once: each holds one of four worker threads and 32 MiB for 0.2 s. */
const CONCURRENT_HASHES = 2;
const WAITING_LOGINS = 64;
const REMEMBERED_MS = 60_000;
const MAX_REMEMBERED = 1000;

interface Remembered {
  /** Keyed hash of the password: the password itself is not kept. */
  proof: Buffer;
  /** The stored hash it was checked against: another one means another password. */
  passwordHash: string;
  until: number;
}

/** Checks user names and passwords, at a bounded rate and cost (O-21, O-22). */
export class Logins {
  readonly #users: Users;
  readonly #failures: Counter;
  readonly #limiter = new RateLimiterMemory({ points: MAX_FAILURES_PER_MINUTE, duration: 60 });
  readonly #gate = new Gate(CONCURRENT_HASHES, WAITING_LOGINS);
  readonly #dummyHash = unmatchableHash();
  readonly #proofKey = randomBytes(32);
  readonly #remembered = new Map<string, Remembered>();

  constructor(users: Users, registry: Registry) {
    this.#users = users;
    this.#failures = new Counter({
      name: "odin_api_login_failures_total",
      help: "Logins refused, by reason: wrong (user or password), limited (too many failures), busy.",
      labelNames: ["reason"],
      registers: [registry],
    });
  }

  /**
   * The user whose name and password these are; undefined if there is none, after the same work for an unknown user as for
   * a wrong password. Throws a 429 when this name had too many failures from this peer, or too many logins wait.
   */
  async check(username: string, password: string, peer: string): Promise<StoredUser | undefined> {
    const key = `${peer} ${username.slice(0, 64)}`;
    // Taken before the check and given back after a success: tries at the same time cannot all slip under the limit.
    await this.#take(key);
    const user = this.#users.find(username);
    const fits = Buffer.byteLength(password) <= MAX_PASSWORD_BYTES;
    let matches: boolean;
    try {
      matches = await this.#gate.run(
        () => passwordMatches(fits ? password : "", user?.passwordHash ?? this.#dummyHash),
        () => {
          this.#failures.inc({ reason: "busy" });
          return new ApiError("TooManyLogins", "too many logins at once; try again in a moment", {
            headers: retryAfter(1),
          });
        },
      );
    } catch (error) {
      await this.#limiter.reward(key);
      throw error;
    }
    if (user === undefined || !fits || !matches) {
      this.#failures.inc({ reason: "wrong" });
      return undefined;
    }
    await this.#limiter.reward(key);
    return user;
  }

  /** As `check`, but a pair that was right within the last minute is not hashed again; for credentials that come with every request (O-24). */
  async checkRepeated(username: string, password: string, peer: string): Promise<StoredUser | undefined> {
    const proof = createHmac("sha256", this.#proofKey).update(password).digest();
    const known = this.#remembered.get(username);
    const user = this.#users.find(username);
    if (
      user !== undefined &&
      known !== undefined &&
      known.until > Date.now() &&
      known.passwordHash === user.passwordHash &&
      timingSafeEqual(known.proof, proof)
    ) {
      return user;
    }
    const checked = await this.check(username, password, peer);
    if (checked !== undefined) this.#remember(checked, proof);
    return checked;
  }

  #remember(user: StoredUser, proof: Buffer): void {
    this.#remembered.delete(user.username);
    const oldest = this.#remembered.size >= MAX_REMEMBERED ? this.#remembered.keys().next().value : undefined;
    if (oldest !== undefined) this.#remembered.delete(oldest);
    this.#remembered.set(user.username, {
      proof,
      passwordHash: user.passwordHash,
      until: Date.now() + REMEMBERED_MS,
    });
  }

  async #take(key: string): Promise<void> {
    try {
      await this.#limiter.consume(key);
    } catch (refusal) {
      if (!(refusal instanceof RateLimiterRes)) throw refusal;
      this.#failures.inc({ reason: "limited" });
      const seconds = Math.max(1, Math.ceil(refusal.msBeforeNext / 1000));
      throw new ApiError("TooManyLogins", `too many failed logins; try again in ${seconds} seconds`, {
        headers: retryAfter(seconds),
      });
    }
  }
}
