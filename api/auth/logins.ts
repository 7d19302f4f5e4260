import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { Counter, type Registry } from "prom-client";
import { RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";
import { ApiError, retryAfter } from "../errors.ts";
import type { Gate } from "../gate.ts";
import { hashGate } from "./hash-gate.ts";
import { MAX_PASSWORD_BYTES, passwordMatches, unmatchableHash } from "./password.ts";
import type { StoredUser } from "./user.ts";
import type { UserLookup } from "./users.ts";

/** Failed logins that a user name may have from one address in a minute (O-22). */
export const MAX_FAILURES_PER_MINUTE = 10;
/** Logins of one address that wait or are checked: half of what can wait, so that one flood does not shut out everybody. */
const MAX_WAITING_PER_PEER = 32;
const REMEMBERED_MS = 60_000;
const MAX_REMEMBERED = 1000;

interface Remembered {
  /** Keyed hash of name and password: the password itself is not kept. */
  proof: Buffer;
  /** The stored hash it was checked against: another one means another password. */
  passwordHash: string;
  until: number;
}

/** Checks user names and passwords, at a bounded rate and cost (O-21, O-22). */
export class Logins {
  readonly #users: UserLookup;
  readonly #failures: Counter;
  readonly #limiter = new RateLimiterMemory({ points: MAX_FAILURES_PER_MINUTE, duration: 60 });
  readonly #gate: Gate;
  readonly #dummyHash = unmatchableHash();
  readonly #proofKey = randomBytes(32);
  readonly #remembered = new Map<string, Remembered>();
  /** Logins that wait or are checked, by peer. */
  readonly #waiting = new Map<string, number>();
  /** Checks under way, by peer and proof: the same question at the same time is hashed once. */
  readonly #underWay = new Map<string, Promise<StoredUser | undefined>>();

  constructor(users: UserLookup, registry: Registry, gate: Gate = hashGate()) {
    this.#users = users;
    this.#gate = gate;
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
    return await this.#checkOnce(username, password, peer, this.#proofOf(username, password));
  }

  /** As `check`, but a pair that was right within the last minute is not hashed again; for credentials that come with every request (O-24). */
  async checkRepeated(username: string, password: string, peer: string): Promise<StoredUser | undefined> {
    // Before the shortcut: it would tell somebody who is shut out which of many guesses is right.
    await this.#refuseLimited(limitKey(username, peer));
    const proof = this.#proofOf(username, password);
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
    const checked = await this.#checkOnce(username, password, peer, proof);
    if (checked !== undefined) this.#remember(checked, proof);
    return checked;
  }

  #proofOf(username: string, password: string): Buffer {
    return createHmac("sha256", this.#proofKey)
      .update(JSON.stringify([username, password]))
      .digest();
  }

  /** Joins a check of the same pair if one is under way: a client that opens many connections at once is one login. */
  async #checkOnce(username: string, password: string, peer: string, proof: Buffer): Promise<StoredUser | undefined> {
    const question = `${peer} ${proof.toString("base64")}`;
    const asked = this.#underWay.get(question);
    if (asked !== undefined) {
      const user = await asked;
      // Each failure counts, whoever did the work.
      if (user === undefined) await this.#take(limitKey(username, peer));
      return user;
    }
    const check = this.#hashed(username, password, peer);
    this.#underWay.set(question, check);
    try {
      return await check;
    } finally {
      this.#underWay.delete(question);
    }
  }

  async #hashed(username: string, password: string, peer: string): Promise<StoredUser | undefined> {
    const key = limitKey(username, peer);
    const waiting = this.#waiting.get(peer) ?? 0;
    // Before anything is remembered of this name: a flood of names must not fill the memory.
    if (this.#gate.full || waiting >= MAX_WAITING_PER_PEER) throw this.#busy();
    this.#waiting.set(peer, waiting + 1);
    try {
      return await this.#counted(username, password, key);
    } finally {
      const left = (this.#waiting.get(peer) ?? 1) - 1;
      if (left > 0) this.#waiting.set(peer, left);
      else this.#waiting.delete(peer);
    }
  }

  async #counted(username: string, password: string, key: string): Promise<StoredUser | undefined> {
    // Taken before the check and given back after a success: tries at the same time cannot all slip under the limit.
    await this.#take(key);
    const user = this.#users.find(username);
    const fits = Buffer.byteLength(password) <= MAX_PASSWORD_BYTES;
    let matches: boolean;
    try {
      matches = await this.#gate.run(
        () => passwordMatches(fits ? password : "", user?.passwordHash ?? this.#dummyHash),
        () => this.#busy(),
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

  #busy(): ApiError {
    this.#failures.inc({ reason: "busy" });
    return new ApiError("TooManyLogins", "too many logins at once; try again in a moment", { headers: retryAfter(1) });
  }

  async #take(key: string): Promise<void> {
    try {
      await this.#limiter.consume(key);
    } catch (refusal) {
      if (!(refusal instanceof RateLimiterRes)) throw refusal;
      throw this.#limited(refusal.msBeforeNext);
    }
  }

  async #refuseLimited(key: string): Promise<void> {
    const taken = await this.#limiter.get(key);
    // While the last of the allowed tries is being checked it may still turn out right.
    if (taken !== null && taken.consumedPoints > MAX_FAILURES_PER_MINUTE) throw this.#limited(taken.msBeforeNext);
  }

  #limited(msBeforeNext: number): ApiError {
    this.#failures.inc({ reason: "limited" });
    const seconds = Math.max(1, Math.ceil(msBeforeNext / 1000));
    return new ApiError("TooManyLogins", `too many failed logins; try again in ${seconds} seconds`, {
      headers: retryAfter(seconds),
    });
  }
}

/** Failures are counted per user name and peer (O-22). A name too long to be one is cut: it only has to be counted. */
function limitKey(username: string, peer: string): string {
  return `${peer} ${username.slice(0, 64)}`;
}
