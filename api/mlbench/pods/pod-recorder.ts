import { setTimeout as delay } from "node:timers/promises";
import { backoffDelayMs } from "../../../kube/backoff.ts";
import type { Informer } from "../../../kube/informer.ts";
import type { Logger } from "../../../kube/logger.ts";
import type { MlbenchPods } from "../../../store/mlbench-pods.ts";
import { recordOfWorker, type WorkerObject } from "./worker-object.ts";

/** Between two tries of a store that does not answer. */
const BACKOFF = { baseMs: 500, capMs: 15_000 };

interface RecorderParts {
  pods: Pick<Informer<WorkerObject>, "list" | "onChange" | "synced">;
  records: MlbenchPods;
  logger: Logger;
}

/**
 * Writes every worker pod into the store as soon as it is seen, again when it changes, and when it goes. What could not be written is tried again; what
 * happened while nobody looked is made up for after the first list.
 */
export class PodRecorder {
  readonly #parts: RecorderParts;
  readonly #stopping = new AbortController();
  #seen = new Map<string, WorkerObject>();
  #gone = new Map<string, number>();
  #wake: () => void = () => undefined;
  #running: Promise<void> | undefined;

  constructor(parts: RecorderParts) {
    this.#parts = parts;
    parts.pods.onChange(({ type, object }) => {
      const { uid } = object.metadata;
      // One that has gone is not written anew: with its run it may have been forgotten already.
      if (type === "deleted") this.#gone.set(uid, Date.now());
      else this.#seen.set(uid, object);
      this.#wake();
    });
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Tries once more to write what is not written yet, and ends. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    const isSynced = await this.#parts.pods.synced.then(
      () => true,
      () => false,
    );
    if (!isSynced) return;
    let failures = 0;
    let compared = false;
    for (;;) {
      const isLast = signal.aborted;
      try {
        if (!compared) await this.#compare();
        compared = true;
        await this.#write();
        failures = 0;
      } catch (error) {
        failures += 1;
        if (failures === 1) this.#parts.logger.warn({ err: String(error) }, "worker pods could not be recorded yet");
        await delay(backoffDelayMs(failures, BACKOFF), undefined, { signal }).catch(() => undefined);
      }
      if (isLast) return;
      if (failures === 0 && this.#isEmpty() && !signal.aborted) await this.#woken();
    }
  }

  /** Pods that went while nobody looked are gone since now. */
  async #compare(): Promise<void> {
    const there = new Set<string>();
    for (const pod of this.#parts.pods.list()) there.add(pod.metadata.uid);
    const gone = (await this.#parts.records.present()).filter((uid) => !there.has(uid));
    await this.#parts.records.markGone(gone, Date.now());
  }

  async #write(): Promise<void> {
    const [seen, gone] = [this.#seen, this.#gone];
    [this.#seen, this.#gone] = [new Map(), new Map()];
    try {
      // All processes write in the same order, so that none waits for another that waits for it.
      const uids = [...seen.keys()].sort();
      await this.#parts.records.upsert(uids.flatMap((uid) => seen.get(uid) ?? []).map(recordOfWorker));
      const byTime = new Map<number, string[]>();
      for (const [uid, at] of gone) byTime.set(at, [...(byTime.get(at) ?? []), uid]);
      for (const [at, those] of byTime) await this.#parts.records.markGone(those, at);
    } catch (error) {
      // What has come in meanwhile is newer.
      this.#seen = new Map([...seen, ...this.#seen]);
      this.#gone = new Map([...this.#gone, ...gone]);
      throw error;
    }
  }

  #isEmpty(): boolean {
    return this.#seen.size === 0 && this.#gone.size === 0;
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
