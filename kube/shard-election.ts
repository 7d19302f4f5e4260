import { createHash } from "node:crypto";
import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { Registry } from "prom-client";
import type { KubeClient } from "./client.ts";
import { isKubeError } from "./errors.ts";
import { LEASE, LeaderElection } from "./lease.ts";
import { holderOf, type Lease } from "./lease-record.ts";
import { LeaseSight } from "./lease-sight.ts";
import type { Logger } from "./logger.ts";
import { collectionPath, objectPath } from "./resource.ts";
import { fairShare } from "./shard.ts";

/** Construction options of `ShardElection`. */
export interface ShardElectionOptions {
  /** Must be one without a write guard that asks this election. */
  client: KubeClient;
  namespace: string;
  /** Name of the lease of shard 0; the others are `<name>-1`, `<name>-2`, … */
  name: string;
  shards: number;
  /** Unique among the candidates. */
  identity: string;
  leaseDurationMs?: number;
  renewDeadlineMs?: number;
  retryPeriodMs?: number;
  logger: Logger;
  registry?: Registry;
  /** A shard is held now and may be acted on. */
  onTaken: (shard: number) => void;
  /** A shard is to be given to another process: resolves when nothing is being done on it any more. It is still held until then. */
  onYield: (shard: number) => Promise<void>;
  /** A shard was lost against our will, or another number of shards is in use: this process must end. */
  onLost: (why: string) => void;
}

/** What is known of a lease besides what the election itself does. */
interface Known {
  lease: Lease;
  sight: LeaseSight;
  isHeld: boolean;
}

/** The number of shards that a holder works with; leases of one shard alone need not say so. */
const COUNT = "shard-count";
/** Selects all leases of one election. */
const SET = "lease-set";
/** A process that comes or goes is believed in after this many looks in a row, so that a slow look moves nothing. */
const STEADY_LOOKS = 2;
/** Presence of a process that has not renewed it for so long is removed. */
const FORGET_MEMBER_MS = 10 * 60_000;
/** How long the end of a process waits for that at most. */
const WITHDRAW_TIMEOUT_MS = 2_000;

/**
 * Divides a number of shards, one lease each, among the processes that stand for them, evenly: a process that holds more than its share gives the
 * surplus up in order, one that holds less takes what is free. How many processes there are is told by a lease of its own for
 * each. With one shard there is no such lease, and nothing is listed.
 *
 * All processes must agree on the number of shards, or two would act on the same key. The lease of shard 0 records it: the other shards are taken only
 * while that one is held under the same number, and it is taken under another number only when none of the recorded number is
 * held. Both sides look again after they have taken a lease and before they act, so that of two that did so at once at least one gives way.
 */
export class ShardElection {
  readonly #options: ShardElectionOptions;
  readonly #elections: LeaderElection[];
  readonly #presence: LeaderElection | undefined;
  readonly #retryPeriodMs: number;
  readonly #durationMs: number;
  /** Shards that may be acted on: held, and looked at again after they were taken. */
  readonly #taken = new Set<number>();
  readonly #yielding = new Set<number>();
  /** Shards that are being asked for: what comes of it is not known yet. */
  readonly #asking = new Set<number>();
  /** By name; leases of this election that exist. */
  readonly #known = new Map<string, Known>();
  #members: string[] = [];
  #share: number;
  #nextMembers = "";
  #looksAlike = 0;
  #hasLooked: boolean;
  #trouble: string | undefined;
  #mismatch: string | undefined;
  /** The number of shards that was in use before this process took shard 0. */
  #replaced = 1;
  #retired = false;
  readonly #otherSights = new Map<string, LeaseSight>();

  constructor(options: ShardElectionOptions) {
    const { shards, identity, retryPeriodMs = 2_000, leaseDurationMs = 15_000 } = options;
    if (!(Number.isInteger(shards) && shards >= 1))
      throw new Error(`shards must be a whole number from 1, got ${shards}`);
    this.#options = options;
    this.#retryPeriodMs = retryPeriodMs;
    this.#durationMs = leaseDurationMs;
    this.#share = shards;
    this.#hasLooked = shards === 1;
    this.#elections = Array.from({ length: shards }, (_, shard) => this.#electionOf(shard));
    if (shards > 1) {
      this.#members = [identity];
      // Not counted: a series for each process that ever was would never end.
      this.#presence = this.#election(`${options.name}-member-${fingerprint(identity)}`, { registry: new Registry() });
    }
  }

  get shards(): number {
    return this.#options.shards;
  }

  /** Whether this process may act on a shard now; computed from the clock at each call. */
  holds(shard: number): boolean {
    return this.#taken.has(shard) && this.#elections[shard]?.isLeader() === true;
  }

  /** Whether this process may act on anything now. */
  holdsAny(): boolean {
    for (const shard of this.#taken) if (this.#elections[shard]?.isLeader()) return true;
    return false;
  }

  /** What keeps this process from taking its share or keeping it; undefined where nothing does. Waiting while others hold all is no trouble, and `mismatch` is told apart. */
  get trouble(): string | undefined {
    if (this.#trouble !== undefined) return this.#trouble;
    for (const election of this.#elections) if (election.trouble !== undefined) return election.trouble;
    return this.#presence?.trouble;
  }

  /** Takes nothing more: this process is about to end. What is held stays held. */
  retire(): void {
    this.#retired = true;
  }

  /** Who works with another number of shards, which keeps this process from taking any; undefined where nobody does. */
  get mismatch(): string | undefined {
    return this.#mismatch;
  }

  /** Stands for shards until `signal` aborts; gives all up before it returns. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    setMaxListeners(0, signal);
    const running = [...this.#elections, ...(this.#presence ? [this.#presence] : [])].map((one) => one.run(signal));
    signal.addEventListener("abort", () => this.retire(), { once: true });
    if (this.#presence !== undefined) {
      while (!signal.aborted) {
        await this.#look(signal);
        await sleep(this.#retryPeriodMs / 2, undefined, { signal }).catch(() => undefined);
      }
    }
    await Promise.all(running);
    if (this.#presence !== undefined) await this.#withdraw();
  }

  #election(name: string, callbacks: Partial<ConstructorParameters<typeof LeaderElection>[0]>): LeaderElection {
    const { client, namespace, identity, shards, logger, registry, leaseDurationMs, renewDeadlineMs } = this.#options;
    return new LeaderElection({
      client,
      namespace,
      name,
      identity,
      logger,
      retryPeriodMs: this.#retryPeriodMs,
      labels: { [SET]: this.#options.name },
      annotations: { [COUNT]: String(shards) },
      ...(registry === undefined ? {} : { registry }),
      ...(leaseDurationMs === undefined ? {} : { leaseDurationMs }),
      ...(renewDeadlineMs === undefined ? {} : { renewDeadlineMs }),
      ...callbacks,
    });
  }

  #electionOf(shard: number): LeaderElection {
    return this.#election(this.#nameOf(shard), {
      mayStand: () => this.#mayStand(shard),
      mayTake: (lease) => this.#mayTake(shard, lease),
      onStarted: () => void this.#confirm(shard),
      onStopped: () => this.#stopped(shard),
    });
  }

  #nameOf(shard: number): string {
    return shard === 0 ? this.#options.name : `${this.#options.name}-${shard}`;
  }

  /** Below its share, and the shard free as far as the last look says: no request is spent on what others hold. */
  #mayStand(shard: number): boolean {
    this.#asking.delete(shard);
    if (this.#retired) return false;
    if (this.#options.shards === 1) return true;
    if (!this.#hasLooked || this.#yielding.has(shard) || !this.#isFree(shard)) return false;
    return this.#held() < this.#share;
  }

  #isFree(shard: number): boolean {
    const known = this.#known.get(this.#nameOf(shard));
    return known === undefined || !known.isHeld || holderOf(known.lease) === this.#options.identity;
  }

  #held(): number {
    return this.#elections.filter((election) => election.isLeader()).length;
  }

  async #mayTake(shard: number, lease: Lease | undefined): Promise<boolean> {
    if (this.#options.shards > 1) {
      // All elections run side by side; together they must not take more than the share.
      if (this.#held() + this.#asking.size >= this.#share) return false;
      this.#asking.add(shard);
    }
    return shard === 0 ? await this.#mayTakeFirst(lease) : await this.#isNumberInUse();
  }

  /** Whether shard 0 may be taken: under the number that it records, or when nothing is held under that number. */
  async #mayTakeFirst(lease: Lease | undefined): Promise<boolean> {
    const recorded = countOf(lease);
    const foreign = recorded === this.#options.shards ? undefined : await this.#foreignHolder(recorded);
    this.#tellMismatch(foreign, recorded, "still works");
    this.#replaced = recorded;
    return foreign === undefined;
  }

  #tellMismatch(holder: string | undefined, count: number, works: string): void {
    const before = this.#mismatch;
    this.#mismatch =
      holder && `${holder} ${works} with ${count} shards and this process is set to ${this.#options.shards}`;
    if (this.#mismatch !== undefined && this.#mismatch !== before)
      this.#options.logger.warn({ shards: this.#options.shards, cause: this.#mismatch }, "no shard is taken meanwhile");
  }

  /** Who holds one of the further shards of a number that is not ours. */
  async #foreignHolder(count: number): Promise<string | undefined> {
    for (let shard = 1; shard < count; shard++) {
      const name = this.#nameOf(shard);
      const lease = await this.#read(name);
      if (lease === undefined || countOf(lease) === this.#options.shards) continue;
      if (this.#sightOf(name).look(lease)) return holderOf(lease);
    }
    return undefined;
  }

  /** Whether shard 0 is held under our number: only then may the others be. */
  async #isNumberInUse(): Promise<boolean> {
    const lease = await this.#read(this.#options.name);
    if (lease === undefined || !this.#sightOf(this.#options.name).look(lease)) return false;
    const count = countOf(lease);
    this.#tellMismatch(count === this.#options.shards ? undefined : holderOf(lease), count, "works");
    return count === this.#options.shards;
  }

  /** Looks again after a shard was taken and before it is acted on. */
  async #confirm(shard: number): Promise<void> {
    this.#asking.delete(shard);
    const { shards, onTaken, logger } = this.#options;
    try {
      const fits = shard > 0 ? await this.#isNumberInUse() : (await this.#foreignHolder(this.#replaced)) === undefined;
      if (!this.#elections[shard]?.isLeader() || this.#retired) return;
      if (!fits) {
        this.#elections[shard]?.yield();
        return;
      }
    } catch (error) {
      logger.warn(
        { shard, err: messageOf(error) },
        "a shard that was taken could not be looked at again and is given up",
      );
      this.#elections[shard]?.yield();
      return;
    }
    this.#mismatch = undefined;
    this.#taken.add(shard);
    if (shards > 1) logger.info({ shard, shards }, "a shard was taken");
    onTaken(shard);
  }

  #stopped(shard: number): void {
    const wasTaken = this.#taken.delete(shard);
    const wasAsked = this.#yielding.delete(shard) || this.#retired;
    if (wasTaken && !wasAsked) this.#options.onLost(`the lease ${this.#nameOf(shard)} was lost`);
  }

  /** One look at all leases of the election: who is there, what is free, what is too much. Never rejects. */
  async #look(signal: AbortSignal): Promise<void> {
    const { client, namespace, name, logger } = this.#options;
    try {
      const { items } = await client.listAll<Lease>(collectionPath(LEASE, namespace), {
        labelSelector: `${SET}=${name}`,
        timeoutMs: this.#retryPeriodMs * 2,
        signal,
      });
      this.#takeIn(items);
      this.#hasLooked = true;
      this.#trouble = undefined;
      this.#noteConflict();
      this.#count();
      if (this.#held() < this.#share)
        for (const [shard, election] of this.#elections.entries()) if (this.#isFree(shard)) election.hurry();
      await this.#removeForgotten();
    } catch (error) {
      if (signal.aborted) return;
      const trouble = `the leases of the shards cannot be listed: ${messageOf(error)}`;
      if (trouble !== this.#trouble)
        logger.warn({ err: messageOf(error) }, "the leases of the shards cannot be listed");
      this.#trouble = trouble;
    }
  }

  #takeIn(leases: readonly Lease[]): void {
    const there = new Set<string>();
    for (const lease of leases) {
      const { name } = lease.metadata;
      there.add(name);
      const sight = this.#sightOf(name);
      this.#known.set(name, { lease, sight, isHeld: sight.look(lease) });
    }
    for (const name of this.#known.keys()) if (!there.has(name)) this.#known.delete(name);
  }

  /** Looks whether somebody works with another number of shards; then nothing of ours may go on. */
  #noteConflict(): void {
    const first = this.#known.get(this.#options.name);
    if (first === undefined || !first.isHeld) return;
    const count = countOf(first.lease);
    this.#tellMismatch(count === this.#options.shards ? undefined : holderOf(first.lease), count, "works");
    if (this.#mismatch !== undefined && this.#taken.size > 0) this.#options.onLost(this.#mismatch);
  }

  /** Works the share out from who is there; gives up what is too much once it has stayed the same for a while. */
  #count(): void {
    const { shards, identity, logger } = this.#options;
    const members = [...this.#known]
      .filter(([name, { lease, isHeld }]) => isHeld && this.#memberNameOf(name) && countOf(lease) === shards)
      .map(([, { lease }]) => holderOf(lease) ?? "");
    const next = [...new Set([...members, identity])].sort();
    const words = JSON.stringify(next);
    this.#looksAlike = words === this.#nextMembers ? this.#looksAlike + 1 : 1;
    this.#nextMembers = words;
    if (this.#looksAlike < STEADY_LOOKS) return;
    if (words !== JSON.stringify(this.#members))
      logger.info({ members: next, shards }, "the processes that share the shards");
    this.#members = next;
    this.#share = fairShare(shards, next, identity);
    const surplus = [...this.#taken].filter((shard) => !this.#yielding.has(shard)).sort((a, b) => b - a);
    for (const shard of surplus.slice(0, Math.max(0, surplus.length - this.#share))) void this.#giveAway(shard);
  }

  async #giveAway(shard: number): Promise<void> {
    const { onYield, logger } = this.#options;
    this.#yielding.add(shard);
    try {
      await onYield(shard);
    } catch (error) {
      logger.error({ shard, err: messageOf(error) }, "what is done on a shard that is given up did not end well");
    }
    logger.info({ shard }, "a shard is given to another process");
    this.#elections[shard]?.yield();
  }

  /** Presence of processes that are long gone, so that none is left behind for ever (I-5). */
  async #removeForgotten(): Promise<void> {
    const { client, namespace } = this.#options;
    for (const [name, { lease, isHeld }] of this.#known) {
      const renewed = Date.parse(lease.spec?.renewTime ?? "");
      if (isHeld || !this.#memberNameOf(name) || Date.now() - renewed < FORGET_MEMBER_MS) continue;
      const { uid, resourceVersion } = lease.metadata;
      try {
        await client.delete(objectPath(LEASE, namespace, name), { uid, resourceVersion });
      } catch (error) {
        if (!isKubeError(error, "notFound", "conflict", "forbidden")) throw error;
      }
    }
  }

  /** Takes the presence of this process away as it ends; what fails is left to the others. */
  async #withdraw(): Promise<void> {
    const { client, namespace, name, identity } = this.#options;
    const path = objectPath(LEASE, namespace, `${name}-member-${fingerprint(identity)}`);
    await client.delete(path, { timeoutMs: WITHDRAW_TIMEOUT_MS }).catch(() => undefined);
  }

  #memberNameOf(name: string): boolean {
    return name.startsWith(`${this.#options.name}-member-`);
  }

  #sightOf(name: string): LeaseSight {
    return this.#known.get(name)?.sight ?? this.#sights(name);
  }

  /** What was seen of a lease that the list did not have yet. */
  #sights(name: string): LeaseSight {
    let sight = this.#otherSights.get(name);
    if (sight === undefined) {
      sight = new LeaseSight(this.#durationMs);
      this.#otherSights.set(name, sight);
    }
    return sight;
  }

  async #read(name: string): Promise<Lease | undefined> {
    const { client, namespace } = this.#options;
    try {
      return await client.get<Lease>(objectPath(LEASE, namespace, name), { timeoutMs: this.#retryPeriodMs * 2 });
    } catch (error) {
      if (isKubeError(error, "notFound")) return undefined;
      throw error;
    }
  }
}

/** The number of shards that a lease records; leases from before there were shards are of one. */
function countOf(lease: Lease | undefined): number {
  const count = Number(lease?.metadata.annotations?.[COUNT] ?? 1);
  return Number.isInteger(count) && count >= 1 && count <= 1_000 ? count : 1;
}

/** An identity may hold what a name may not. */
function fingerprint(identity: string): string {
  return createHash("sha256").update(identity).digest("hex").slice(0, 16);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
