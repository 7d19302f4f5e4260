import type { KubeClient } from "../kube/client.ts";
import { shardOf } from "../kube/shard.ts";
import type { PlanSource } from "./plan-source.ts";
import type { Reconciler } from "./reconcile.ts";

/** What works on one shard of the runs, with a client that refuses to write once the shard is no longer held. */
export interface ShardWorker {
  client: KubeClient;
  plans: PlanSource;
  reconciler: Reconciler;
}

interface Held extends ShardWorker {
  /** Keys that are being worked on. */
  busy: number;
  onIdle: (() => void) | undefined;
}

/** The shards of the key space that this process acts on. What is remembered of a shard is made when it is taken and dropped when it is given up. */
export class HeldShards {
  readonly count: number;
  readonly #make: (shard: number) => ShardWorker;
  readonly #held = new Map<number, Held>();

  constructor(count: number, make: (shard: number) => ShardWorker) {
    this.count = count;
    this.#make = make;
  }

  /** Whether a key, `namespace/name`, is this process's to act on. */
  has(key: string): boolean {
    return this.#held.has(shardOf(key, this.count));
  }

  /** Those that act now. */
  workers(): Iterable<ShardWorker> {
    return this.#held.values();
  }

  take(shard: number): void {
    this.#held.set(shard, { ...this.#make(shard), busy: 0, onIdle: undefined });
  }

  /** Starts nothing more on a shard and resolves when nothing is being done on it, or after `deadlineMs` with false. */
  async giveUp(shard: number, deadlineMs: number): Promise<boolean> {
    const held = this.#held.get(shard);
    if (held === undefined) return true;
    this.#held.delete(shard);
    if (held.busy === 0) return true;
    return await new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(false), deadlineMs);
      held.onIdle = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
  }

  /** Does something on the shard of a key, if that is held. */
  async work<T>(key: string, action: (worker: ShardWorker) => Promise<T>): Promise<T | undefined> {
    const held = this.#held.get(shardOf(key, this.count));
    if (held === undefined) return undefined;
    held.busy += 1;
    try {
      return await action(held);
    } finally {
      held.busy -= 1;
      if (held.busy === 0) held.onIdle?.();
    }
  }
}
