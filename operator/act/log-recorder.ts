import type { Logger } from "../../kube/logger.ts";
import type { LogArchive } from "../../store/log-archive.ts";
import { StoreProblem } from "../../store/store-problem.ts";
import type { Caches } from "../caches.ts";
import type { CachedPod } from "../kinds/pod-state.ts";
import type { Metrics } from "../metrics.ts";
import type { CoreEvents } from "./core-events.ts";
import { logOwner } from "./log-owner.ts";
import { NEVER_STARTED, POD_GONE, type ReadResult } from "./log-read.ts";
import { LostLogs } from "./lost-logs.ts";
import { hasEnded, type PendingLog } from "./pending-logs.ts";
import { StorePatience } from "./store-patience.ts";

/** Why a log is kept in part that was read while its container went on. */
export const STOPPED = "read just before the container was stopped; the rest is missing";

/** What the recorder needs to know and to have. */
export interface LogRecorderOptions {
  caches: Pick<Caches, "pods" | "runs">;
  archive: LogArchive;
  events: CoreEvents;
  metrics: Metrics;
  logger: Logger;
  /** Whether a run is kept though its object is gone, by its UID: its logs are kept too then. */
  outlives?: (runUid: string) => boolean;
  /** Told of each refusal of the store. */
  onFailure?: (error: unknown) => void;
}

/** Writes into the archive what became of the logs of pods, and knows of which pods that is done. */
export class LogRecorder {
  readonly lost: LostLogs;
  readonly store: StorePatience;
  readonly #options: LogRecorderOptions;
  readonly #stopping: AbortSignal;
  readonly #told: { onLoss: () => void; onSettled: (podUid: string) => void };
  /** Pods of which a part is kept, with what is missing of it. */
  readonly #partial = new Set<string>();
  /** Pods that are still there and for which there is nothing more to do. */
  readonly #settled = new Set<string>();

  /** `stopping`: from its abort on only what was read as a whole is written. `onLoss`: there is a loss to flush; `onSettled`: a pod needs nothing more. */
  constructor(
    options: LogRecorderOptions,
    stopping: AbortSignal,
    told: { onLoss: () => void; onSettled: (podUid: string) => void },
  ) {
    this.#options = options;
    this.#stopping = stopping;
    this.#told = told;
    this.lost = new LostLogs(options);
    this.store = new StorePatience(options.logger, "logs", options.onFailure);
  }

  isSettled(podUid: string): boolean {
    return this.#settled.has(podUid);
  }

  /** The archive has the log of a pod already. */
  known(podUid: string): void {
    this.#settled.add(podUid);
  }

  /** Takes in that a pod is gone; true if there was nothing more to do for it. */
  forget(podUid: string): boolean {
    return this.#settled.delete(podUid);
  }

  /** Logs of runs that are gone, or going, are not kept, unless the run itself is (O-211). */
  hasRun({ run, metadata }: CachedPod): boolean {
    if (run !== undefined && this.#options.outlives?.(run.uid)) return true;
    const known = run && this.#options.caches.runs.get(`${metadata.namespace}/${run.name}`);
    return known?.metadata.uid === run?.uid && known?.metadata.deletionTimestamp === undefined && known !== undefined;
  }

  /** Records that a pod went before its log was read; `cause`: what had kept it from being. */
  lose(pod: CachedPod, cause: string | undefined): void {
    // What is kept of it says that the rest is missing.
    if (this.#partial.delete(pod.metadata.uid) || !this.hasRun(pod)) return;
    const never = !pod.log.started && !hasEnded(pod);
    if (never) this.lost.note(logOwner(pod), NEVER_STARTED);
    else this.lost.add(logOwner(pod), cause === undefined || cause === POD_GONE ? POD_GONE : `${POD_GONE}: ${cause}`);
    this.#told.onLoss();
  }

  /** Records that a log was asked for long enough. */
  giveUp(pod: CachedPod, reason: string): void {
    // What is kept of it says that the rest is missing.
    if (!this.#partial.has(pod.metadata.uid)) this.lost.add(logOwner(pod), reason);
  }

  /** Writes down what a read gave; true if there is nothing more to be done for the pod. `isCut`: its container had not ended when it was read. */
  async record(pod: CachedPod, result: ReadResult, isCut: boolean, pending?: PendingLog): Promise<boolean> {
    if (!this.hasRun(pod)) {
      this.#partial.delete(pod.metadata.uid);
      return true;
    }
    if (result.kind === "later" || (this.#stopping.aborted && result.kind !== "whole")) return false;
    if (result.kind === "none") {
      if (pod.log.started) this.lost.add(logOwner(pod), result.reason);
      else this.lost.note(logOwner(pod), result.reason);
      this.#settle(pod);
      this.#told.onLoss();
      return true;
    }
    try {
      const isWhole = result.kind === "whole" && !isCut;
      const reason = "reason" in result ? result.reason : STOPPED;
      await this.save(pod, result, isWhole ? "whole" : "partial", isWhole ? undefined : reason);
    } catch (error) {
      if (pending === undefined || !(error instanceof StoreProblem) || error.kind !== "internal")
        this.store.failed(error);
      else {
        // What is in the way is this one log, which must not keep the store from taking others.
        pending.refusal = `the store cannot take it: ${error.message}`;
        this.#options.onFailure?.(error);
      }
      return false;
    }
    if (result.kind === "broken" || isCut) return false;
    this.#settle(pod);
    return true;
  }

  /** Stores a log, or the part of it that was had; rejects with what the store says. */
  async save(
    pod: CachedPod,
    { bytes, dropped }: { bytes: Buffer; dropped: number },
    state: "whole" | "partial",
    reason?: string,
  ): Promise<void> {
    const { archive, metrics } = this.#options;
    await archive.save(logOwner(pod), { text: bytes, dropped, ...(reason === undefined ? {} : { reason }) }, state);
    metrics.archivedLogs.inc({ outcome: state });
    if (state === "partial") this.#partial.add(pod.metadata.uid);
    this.store.worked();
  }

  /** Writes down the losses that wait for it. */
  async flushLost(): Promise<void> {
    try {
      await this.lost.flush();
      this.store.worked();
    } catch (error) {
      this.store.failed(error);
    }
  }

  /** Remembers that a pod needs nothing more, for as long as it is there. */
  #settle({ metadata: { namespace, name, uid } }: CachedPod): void {
    this.#partial.delete(uid);
    this.#told.onSettled(uid);
    if (this.#options.caches.pods.get(`${namespace}/${name}`)?.metadata.uid === uid) this.#settled.add(uid);
  }
}
