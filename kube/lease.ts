import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Registry } from "prom-client";
import type { KubeClient } from "./client.ts";
import { type Clock, elapsedMs, type Moment, systemClock } from "./elapsed-clock.ts";
import { isKubeError } from "./errors.ts";
import { inTime } from "./in-time.ts";
import { type Holder, heldLease, holderOf, isWrittenBy, type Lease, newLease } from "./lease-record.ts";
import { releaseLease } from "./lease-release.ts";
import { LeaseSight } from "./lease-sight.ts";
import type { Logger } from "./logger.ts";
import { type KubeMetrics, kubeMetrics } from "./metrics.ts";
import { collectionPath, objectPath } from "./resource.ts";

/** Where leases live. */
export const LEASE = {
  group: "coordination.k8s.io",
  version: "v1",
  plural: "leases",
  kind: "Lease",
  namespaced: true,
} as const;

/** Construction options of `LeaderElection`. */
export interface LeaderElectionOptions {
  /** Must be one without a write guard that asks this election. */
  client: KubeClient;
  namespace: string;
  name: string;
  /** Unique among the candidates, such as the pod's name. */
  identity: string;
  /** How long the others leave a holder alone that no longer renews. */
  leaseDurationMs?: number;
  /** How long after the last renewal that reached the server this process still acts; shorter than the duration. */
  renewDeadlineMs?: number;
  retryPeriodMs?: number;
  /** Time between two looks of a candidate: how long a lease that was given up lies idle at most. */
  standPeriodMs?: number;
  /** How long giving the lease up may take where the server does not answer; 5 s by default, and never longer than the lease lasts. */
  releaseTimeoutMs?: number;
  /** Written to the lease with each hold. */
  labels?: Readonly<Record<string, string>>;
  annotations?: Readonly<Record<string, string>>;
  /** Asked before each look of a candidate; false: it does not stand now, and sends nothing. */
  mayStand?: () => boolean;
  /** Asked right before a free lease is taken, with the lease as it was read (undefined: it is not there); false: it is left. */
  mayTake?: (lease: Lease | undefined) => Promise<boolean>;
  logger: Logger;
  registry?: Registry;
  /** Leadership was won. */
  onStarted?: () => void;
  /** Leadership was lost or is being given up; `isLeader()` is false already. */
  onStopped?: () => void;
  clock?: Clock;
}

const RELEASE_TIMEOUT_MS = 5_000;

/**
 * Leader election on a Lease. Whoever holds it stops acting `renewDeadlineMs` after it *sent* its last successful
 * renewal, by its own clock and without any answer from the server; the others wait `leaseDurationMs` after they *saw*
 * that renewal. The difference between the two is the margin in which nobody leads (F-33, F-34). The clocks of two machines
 * are never compared.
 */
export class LeaderElection {
  readonly #options: LeaderElectionOptions;
  readonly #path: string;
  readonly #holder: Holder;
  readonly #leaseDurationMs: number;
  readonly #renewDeadlineMs: number;
  readonly #retryPeriodMs: number;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #metrics: KubeMetrics;
  readonly #label: string;
  #lease: Lease | undefined;
  #renewedAt: Moment | undefined;
  /** When the last hold was sent that the lease may still show, whatever its answer was: others wait until that one has run out. */
  #claimedAt: Moment | undefined;
  readonly #sight: LeaseSight;
  readonly #standPeriodMs: number;
  #isFirstLook = true;
  #lastProblem = "";
  #isToYield = false;
  #wake = new AbortController();

  constructor(options: LeaderElectionOptions) {
    this.#options = options;
    this.#leaseDurationMs = options.leaseDurationMs ?? 15_000;
    this.#renewDeadlineMs = options.renewDeadlineMs ?? 10_000;
    this.#retryPeriodMs = options.retryPeriodMs ?? 2_000;
    if (!(this.#retryPeriodMs > 0 && this.#retryPeriodMs < this.#renewDeadlineMs)) {
      throw new Error(`retryPeriodMs (${this.#retryPeriodMs}) must be shorter than renewDeadlineMs`);
    }
    if (!(this.#renewDeadlineMs < this.#leaseDurationMs)) {
      throw new Error(`renewDeadlineMs (${this.#renewDeadlineMs}) must be shorter than leaseDurationMs`);
    }
    if (options.identity === "") throw new Error("a leader election needs an identity, such as the pod's name");
    this.#path = objectPath(LEASE, options.namespace, options.name);
    this.#holder = {
      identity: options.identity,
      instance: randomUUID(),
      leaseDurationMs: this.#leaseDurationMs,
      ...(options.labels === undefined ? {} : { labels: options.labels }),
      ...(options.annotations === undefined ? {} : { annotations: options.annotations }),
    };
    this.#clock = options.clock ?? systemClock;
    this.#sight = new LeaseSight(this.#leaseDurationMs, this.#clock);
    this.#standPeriodMs = options.standPeriodMs ?? Math.min(1_000, this.#retryPeriodMs);
    this.#label = `${options.namespace}/${options.name}`;
    this.#logger = options.logger;
    this.#metrics = kubeMetrics(options.registry);
    this.#metrics.isLeader.set({ lease: this.#label }, 0);
  }

  /** Whether this process may act now. Computed from the clock at each call: right also after the process was stopped. */
  isLeader(): boolean {
    return this.#renewedAt !== undefined && this.#leftMs(this.#renewedAt) > 0;
  }

  /** What keeps this process from standing for the lease or renewing it, as last seen; undefined where nothing does. */
  get trouble(): string | undefined {
    return this.#lastProblem || undefined;
  }

  /** Lets a candidate look now instead of when its period is over: the lease is said to be free. */
  hurry(): void {
    if (this.#renewedAt === undefined) this.#wake.abort();
  }

  /** Gives the lease up if it is held, so that others can take it, and goes on as a candidate. Returns at once. */
  yield(): void {
    this.#isToYield = true;
    this.#wake.abort();
  }

  /**
   * Stands for election until `signal` aborts, as often as it takes: a lost lease makes this process a follower again.
   * Gives the lease up before it returns, so that another candidate need not wait: for `releaseTimeoutMs` at most. Never rejects.
   */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const renewedAt = this.#renewedAt;
      if (this.#isToYield) await this.#giveUp();
      else if (renewedAt) await this.#renewOnce(renewedAt, signal);
      else await this.#tryToAcquire(signal);
      await this.#pause(this.#pauseMs(), signal);
    }
    await this.#giveUp();
  }

  /** Ends early when `yield` is called. Not AbortSignal.any: see `inTime`. */
  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    if (this.#wake.signal.aborted) this.#wake = new AbortController();
    if (ms <= 0 || signal.aborted || this.#isToYield) return;
    const { signal: woken } = this.#wake;
    const wake = () => this.#wake.abort();
    signal.addEventListener("abort", wake, { once: true });
    await sleep(ms, undefined, { signal: woken }).catch(() => undefined);
    signal.removeEventListener("abort", wake);
  }

  #leftMs(since: Moment): number {
    return this.#renewDeadlineMs - elapsedMs(since, this.#clock());
  }

  /** A leader must not sleep past its deadline; candidates spread out so that they do not ask in step. */
  #pauseMs(): number {
    if (this.#renewedAt) return Math.max(0, Math.min(this.#retryPeriodMs, this.#leftMs(this.#renewedAt)));
    const periodMs = this.#standPeriodMs * (1 + Math.random() * 0.2);
    const { leftMs } = this.#sight;
    // The moment at which a holder's time is up is known: no later look is waited for.
    return leftMs > 0 ? Math.min(periodMs, leftMs + 1) : periodMs;
  }

  async #renewOnce(renewedAt: Moment, signal: AbortSignal): Promise<void> {
    const leftMs = this.#leftMs(renewedAt);
    if (leftMs <= 0) {
      this.#lose(`the lease was not renewed within ${Math.round(this.#renewDeadlineMs)} ms`);
      return;
    }
    const sentAt = this.#clock();
    try {
      if (this.#lease === undefined) throw new Error("the held lease is unknown");
      const body = heldLease(this.#lease, this.#holder, new Date());
      this.#claimedAt = sentAt;
      const lease = await this.#put(body, leftMs, signal);
      // An answer that comes after the deadline must not revive a leader that somebody may have replaced.
      if (this.#leftMs(renewedAt) <= 0) return;
      this.#lease = lease;
      this.#renewedAt = sentAt;
      this.#lastProblem = "";
    } catch (error) {
      if (signal.aborted) return;
      if (isKubeError(error, "notFound")) this.#loseForGood("the lease object was deleted");
      else if (isKubeError(error, "conflict")) await this.#afterConflict(renewedAt, signal);
      else this.#tell("the lease could not be renewed; trying again until the deadline", error);
    }
  }

  /** Somebody else wrote the lease: our own write whose answer was lost, a bystander's edit, or a new holder. */
  async #afterConflict(renewedAt: Moment, signal: AbortSignal): Promise<void> {
    try {
      const lease = await this.#get(this.#leftMs(renewedAt), signal);
      if (isWrittenBy(lease, this.#holder)) this.#lease = lease;
      else {
        this.#sight.look(lease);
        this.#loseForGood(`"${holderOf(lease) ?? "nobody"}" holds the lease now`);
      }
    } catch (error) {
      if (signal.aborted) return;
      if (isKubeError(error, "notFound")) this.#loseForGood("the lease object was deleted");
      else this.#tell("the lease could not be read; trying again until the deadline", error);
    }
  }

  async #tryToAcquire(signal: AbortSignal): Promise<void> {
    const { mayStand, mayTake } = this.#options;
    if (mayStand?.() === false) return;
    try {
      const lease = await this.#read(signal);
      const firstLook = this.#isFirstLook;
      this.#isFirstLook = false;
      if (lease === undefined || !isWrittenBy(lease, this.#holder)) this.#claimedAt = undefined;
      if (lease === undefined) {
        // A holder may not have noticed yet that its lease was deleted.
        if (this.#sight.leftMs > 0 || (await mayTake?.(undefined)) === false) return;
        const body = newLease(this.#options.namespace, this.#options.name, this.#holder, new Date());
        const path = collectionPath(LEASE, this.#options.namespace);
        const sentAt = this.#clock();
        this.#claimedAt = sentAt;
        const created = await inTime(this.#renewDeadlineMs, signal, (options) =>
          this.#options.client.create<Lease>(path, body, options),
        );
        this.#win(created, sentAt);
        return;
      }
      if (!this.#isFree(lease, firstLook) || (await mayTake?.(lease)) === false) {
        this.#lastProblem = "";
        return;
      }
      const sentAt = this.#clock();
      this.#claimedAt = sentAt;
      this.#win(await this.#put(heldLease(lease, this.#holder, new Date()), this.#renewDeadlineMs, signal), sentAt);
    } catch (error) {
      if (signal.aborted || isKubeError(error, "conflict", "alreadyExists")) return;
      this.#tell("standing for election failed; this process stays a follower and tries again", error);
    }
  }

  async #read(signal: AbortSignal): Promise<Lease | undefined> {
    try {
      return await this.#get(this.#renewDeadlineMs, signal);
    } catch (error) {
      if (isKubeError(error) && error.code === 404) return undefined;
      throw error;
    }
  }

  #isFree(lease: Lease, firstLook: boolean): boolean {
    const held = holderOf(lease);
    // A restarted process takes its lease over; later a record with our identity is another process that uses it too.
    const resumes = held === this.#holder.identity && (firstLook || isWrittenBy(lease, this.#holder));
    const isHeld = this.#sight.look(lease);
    return resumes || !isHeld;
  }

  #get(timeoutMs: number, signal: AbortSignal): Promise<Lease> {
    return inTime(timeoutMs, signal, (options) => this.#options.client.get<Lease>(this.#path, options));
  }

  #put(lease: Lease, timeoutMs: number, signal: AbortSignal): Promise<Lease> {
    return inTime(timeoutMs, signal, (options) => this.#options.client.replace<Lease>(this.#path, lease, options));
  }

  #win(lease: Lease, sentAt: Moment): void {
    // The answer may have come so late that the deadline it starts is over: then the next round renews or loses it.
    this.#lease = lease;
    this.#renewedAt = sentAt;
    this.#lastProblem = "";
    this.#announce(1);
    this.#logger.info({ lease: this.#label, identity: this.#holder.identity }, "this process leads now");
    this.#call(this.#options.onStarted);
  }

  #lose(why: string): void {
    this.#renewedAt = undefined;
    this.#lease = undefined;
    this.#announce(0);
    this.#logger.error({ lease: this.#label, identity: this.#holder.identity, why }, "this process leads no longer");
    this.#call(this.#options.onStopped);
  }

  /** The lease shows somebody else, or is not there: nothing is left to be given up. */
  #loseForGood(why: string): void {
    this.#claimedAt = undefined;
    this.#lose(why);
  }

  async #giveUp(): Promise<void> {
    this.#isToYield = false;
    const lease = this.#lease;
    if (this.#renewedAt !== undefined) {
      this.#renewedAt = undefined;
      this.#lease = undefined;
      this.#announce(0);
      this.#call(this.#options.onStopped);
    }
    await this.#release(lease);
  }

  /** Also what was lost for want of an answer, or asked for and never answered, may still keep others waiting. */
  async #release(lease: Lease | undefined): Promise<void> {
    const claimedAt = this.#claimedAt;
    if (claimedAt === undefined) return;
    this.#claimedAt = undefined;
    const { client, releaseTimeoutMs = RELEASE_TIMEOUT_MS } = this.#options;
    const begun = this.#clock();
    const leftMs = (): number =>
      Math.min(
        releaseTimeoutMs - elapsedMs(begun, this.#clock()),
        // Whoever waits takes it then.
        this.#leaseDurationMs - elapsedMs(claimedAt, this.#clock()),
      );
    if (leftMs() <= 0) return;
    const pauseMs = Math.min(500, this.#retryPeriodMs);
    try {
      await releaseLease({ client, path: this.#path, holder: this.#holder, lease, leftMs, pauseMs });
      this.#logger.info({ lease: this.#label }, "the lease was given up");
    } catch (error) {
      this.#tell("the lease could not be given up; another candidate takes it when it has run out", error);
    }
  }

  #announce(leads: 0 | 1): void {
    this.#metrics.isLeader.set({ lease: this.#label }, leads);
    this.#metrics.leaseTransitions.inc({ lease: this.#label });
  }

  #call(callback: (() => void) | undefined): void {
    try {
      callback?.();
    } catch (error) {
      this.#logger.error({ lease: this.#label, err: messageOf(error) }, "a callback of the election failed");
    }
  }

  /** The same trouble comes back every retry period; it is told when it changes. */
  #tell(message: string, error: unknown): void {
    const err = messageOf(error);
    const problem = `${message} ${err}`;
    if (problem === this.#lastProblem) return;
    this.#lastProblem = problem;
    this.#logger.warn({ lease: this.#label, err }, message);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
