import type { KubeClient } from "../../kube/client.ts";
import type { Logger } from "../../kube/logger.ts";
import type { LogArchive, LogOwner } from "../../store/log-archive.ts";
import type { Caches } from "../caches.ts";
import type { ObservedObject } from "../decide/run.ts";
import type { CachedPod } from "../kinds/pod-state.ts";
import type { Metrics } from "../metrics.ts";
import type { CoreEvents } from "./core-events.ts";
import { FollowedLog } from "./log-follow.ts";
import { logOwner } from "./log-owner.ts";
import { NEVER_STARTED, POD_GONE, type ReadResult, readEndedLog } from "./log-read.ts";
import { LostLogs } from "./lost-logs.ts";
import { hasEnded, newPendingLog, type PendingLog, PendingLogs } from "./pending-logs.ts";
import { StorePatience } from "./store-patience.ts";

/** Longest that the engine waits for the log of a pod that it is about to stop. */
const GRACE_MS = 2_000;
/** Logs of ended pods read at once, and logs of stopping pods followed at once; each may hold 5 MiB. */
const CONCURRENT_READS = 8;
const CONCURRENT_FOLLOWS = 16;
const STOPPED = "read just before the container was stopped; the rest is missing";
const STORE_DOWN = "the store could not take it";
const FIRST_PAUSE_MS = 1_000;
/** While a node does not answer it is tried again this often at last. */
const LONGEST_PAUSE_MS = 60_000;

export interface LogKeeperOptions {
  client: KubeClient;
  caches: Pick<Caches, "pods" | "runs">;
  archive: LogArchive;
  events: CoreEvents;
  metrics: Metrics;
  logger: Logger;
  /** Whether this process keeps the logs of a run, `namespace/name`; by default it keeps all. */
  owns?: (run: string) => boolean;
  /** Whether a run is kept though its object is gone, by its UID: its logs are kept too then. */
  outlives?: (runUid: string) => boolean;
  /** Told of each refusal of the store. */
  onFailure?: (error: unknown) => void;
}

/**
 * Brings the logs of ended pods into the archive (O-225): one read for each pod that ends, a followed one for each that is being stopped, whoever
 * stops it. A log that cannot be had is recorded as lost, with the reason. Pods stay until their log is read, for nothing but a user's clean-up
 * removes them, so the cache of pods is the queue, and a store that does not work only delays (F-36).
 */
export class LogKeeper {
  readonly #options: LogKeeperOptions;
  readonly #lost: LostLogs;
  readonly #store: StorePatience;
  readonly #pending = new PendingLogs();
  readonly #following = new Map<string, FollowedLog>();
  /** Pods that are being stopped and of which what they had written by then is kept. */
  readonly #begun = new Set<string>();
  /** Pods of which a part is kept, with what is missing of it. */
  readonly #partial = new Set<string>();
  /** Pods that are still there and for which there is nothing more to do. */
  readonly #settled = new Set<string>();
  readonly #stopping = new AbortController();
  readonly #work = new Set<Promise<void>>();
  #running = false;
  /** Looks for pods that ended while nobody looked, under way. */
  #catchingUp = 0;
  #reads = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LogKeeperOptions) {
    this.#options = options;
    this.#lost = new LostLogs(options);
    this.#store = new StorePatience(options.logger, "logs", options.onFailure);
  }

  /** Starts to read, with the pods that ended while nobody looked; again when there are more runs to keep logs of. Returns at once. */
  begin(): void {
    this.#running = true;
    this.#catchingUp += 1;
    this.#spawn(
      this.#catchUp().finally(() => {
        this.#catchingUp -= 1;
      }),
    );
  }

  /** Ends all reading; what was not read yet is read by whoever begins next. */
  async stop(): Promise<void> {
    this.#running = false;
    clearTimeout(this.#timer);
    this.#stopping.abort();
    await Promise.all(this.#work);
  }

  /** Pods whose log is to be read or stored. */
  get waiting(): number {
    return this.#pending.size + this.#lost.waiting;
  }

  /** Age in seconds of the oldest log that is not stored yet, of a pod that has ended. */
  get lagSeconds(): number {
    return this.#pending.lagSeconds;
  }

  /** Whether logs of a run are still to be read or stored. */
  owes(runUid: string): boolean {
    // What ended while nobody looked is not known yet.
    if (this.#catchingUp > 0) return true;
    if (this.#pending.owes(runUid)) return true;
    for (const { pod } of this.#following.values()) if (pod.run?.uid === runUid) return true;
    return this.#lost.owes(runUid);
  }

  /** Takes in a change of a pod. */
  podChanged(type: "added" | "modified" | "deleted", pod: CachedPod): void {
    if (!this.#running || pod.run === undefined) return;
    if (type === "deleted") this.#podGone(pod);
    else this.#consider(pod);
  }

  /** Saves what a pod that is about to be deleted has written; takes no longer than two seconds and never throws. */
  async beforeStop(namespace: string | undefined, { name, uid }: ObservedObject): Promise<void> {
    const pod = this.#options.caches.pods.get(`${namespace}/${name}`);
    if (!this.#running || pod === undefined || pod.metadata.uid !== uid) return;
    if (!pod.log.started || this.#settled.has(uid) || hasEnded(pod)) return;
    const followed = this.#follow(pod);
    // What cannot be saved now is not waited for.
    if (this.#store.rests) return;
    const signal = AbortSignal.any([AbortSignal.timeout(GRACE_MS), this.#stopping.signal]);
    const saved = followed === undefined ? this.#snapshot(pod) : this.#saveBegun(pod, followed, signal);
    await Promise.race([saved, aborted(signal)]);
  }

  async #saveBegun(pod: CachedPod, followed: FollowedLog, signal: AbortSignal): Promise<void> {
    const text = await followed.untilNow(signal);
    if (text === undefined) return;
    try {
      await this.#save(pod, text, "partial", STOPPED);
    } catch (error) {
      this.#store.failed(error);
    }
  }

  /** Has what a pod has written by now read, in its turn; resolves when that was tried. */
  #snapshot(pod: CachedPod): Promise<void> {
    const { uid } = pod.metadata;
    if (this.#begun.has(uid)) return Promise.resolve();
    this.#begun.add(uid);
    const pending = this.#pending.get(uid) ?? newPendingLog(pod);
    this.#pending.set(uid, pending);
    const tried = new Promise<void>((resolve) => pending.onTried.push(resolve));
    this.#pump();
    return tried;
  }

  /** Records that a pod which nobody saw end is gone, log and all; it is known by its name only. */
  vanished(owner: Omit<LogOwner, "podUid" | "container" | "createdAt">): void {
    if (!this.#running) return;
    const reason = "the pod was deleted while nobody watched";
    this.#lost.add({ ...owner, podUid: `${owner.runUid}/${owner.pod}`, container: "", createdAt: "" }, reason);
    this.#pump();
  }

  async #catchUp(): Promise<void> {
    const ended = [...this.#options.caches.pods.list()].filter((pod) => hasEnded(pod) && this.#owns(pod));
    try {
      for (const uid of await this.#options.archive.settled(ended.map((pod) => pod.metadata.uid)))
        this.#settled.add(uid);
    } catch (error) {
      // Reading a log a second time does no harm.
      this.#store.failed(error);
    }
    for (const pod of this.#options.caches.pods.list()) this.#consider(pod);
  }

  #consider(pod: CachedPod): void {
    const { uid } = pod.metadata;
    if (this.#settled.has(uid) || this.#following.has(uid) || !this.#owns(pod) || !this.#hasRun(pod)) return;
    if (hasEnded(pod)) {
      const known = this.#pending.get(uid);
      if (known === undefined) this.#pending.set(uid, newPendingLog(pod));
      else known.pod = pod;
      this.#pump();
    } else if (pod.state.deleting && pod.log.started) {
      if (this.#follow(pod) === undefined) void this.#snapshot(pod);
    }
  }

  #owns({ run, metadata }: CachedPod): boolean {
    return run !== undefined && this.#options.owns?.(`${metadata.namespace}/${run.name}`) !== false;
  }

  /** Logs of runs that are gone, or going, are not kept, unless the run itself is (O-211). */
  #hasRun({ run, metadata }: CachedPod): boolean {
    if (run !== undefined && this.#options.outlives?.(run.uid)) return true;
    const known = run && this.#options.caches.runs.get(`${metadata.namespace}/${run.name}`);
    return known?.metadata.uid === run?.uid && known?.metadata.deletionTimestamp === undefined && known !== undefined;
  }

  #podGone(pod: CachedPod): void {
    const { uid } = pod.metadata;
    this.#begun.delete(uid);
    if (this.#settled.delete(uid)) return;
    const pending = this.#pending.get(uid);
    if (pending?.reading || this.#following.has(uid)) {
      // It may still succeed: the answer was under way.
      if (pending) pending.gone = true;
      return;
    }
    this.#pending.delete(uid);
    this.#lose(pod, pending?.reason);
  }

  #lose(pod: CachedPod, cause: string | undefined): void {
    // What is kept of it says that the rest is missing.
    if (this.#partial.delete(pod.metadata.uid) || !this.#hasRun(pod)) return;
    const never = !pod.log.started && !hasEnded(pod);
    if (never) this.#lost.note(logOwner(pod), NEVER_STARTED);
    else this.#lost.add(logOwner(pod), cause === undefined || cause === POD_GONE ? POD_GONE : `${POD_GONE}: ${cause}`);
    this.#pump();
  }

  #follow(pod: CachedPod): FollowedLog | undefined {
    const { uid } = pod.metadata;
    const known = this.#following.get(uid);
    if (known !== undefined || this.#following.size >= CONCURRENT_FOLLOWS) return known;
    const followed = new FollowedLog(this.#options.client, pod, this.#stopping.signal);
    this.#following.set(uid, followed);
    this.#spawn(
      followed.result.then(async (result) => {
        const settled = await this.#record(pod, result, false);
        this.#following.delete(uid);
        if (settled || this.#stopping.signal.aborted) return;
        const now = this.#options.caches.pods.get(`${pod.metadata.namespace}/${pod.metadata.name}`);
        if (now?.metadata.uid === uid) this.#consider(now);
        else this.#lose(pod, result.kind === "whole" ? STORE_DOWN : result.reason);
      }),
    );
    return followed;
  }

  /** Starts what may be read now, and wakes up for what may be read later. */
  #pump(): void {
    if (!this.#running) return;
    clearTimeout(this.#timer);
    const now = performance.now();
    let wakeMs = Number.POSITIVE_INFINITY;
    if (this.#store.rests) {
      if (this.#pending.size > 0 || this.#lost.waiting > 0) wakeMs = this.#store.restUntilMs;
    } else {
      if (this.#lost.waiting > 0) this.#spawn(this.#flushLost());
      for (const [uid, pending] of this.#pending) {
        if (this.#reads >= CONCURRENT_READS) break;
        if (pending.reading) continue;
        if (pending.notBeforeMs > now) wakeMs = Math.min(wakeMs, pending.notBeforeMs);
        else this.#spawn(this.#read(uid, pending));
      }
    }
    if (wakeMs === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(() => this.#pump(), Math.max(10, wakeMs - now));
    this.#timer.unref();
  }

  async #read(uid: string, pending: PendingLog): Promise<void> {
    pending.reading = true;
    this.#reads += 1;
    const { pod } = pending;
    // A pod that never had a node has no kubelet that could be asked.
    const result: ReadResult = pod.log.scheduled
      ? await readEndedLog(this.#options.client, pod, this.#stopping.signal)
      : { kind: "none", reason: NEVER_STARTED };
    const settled = await this.#record(pod, result, !hasEnded(pod));
    this.#reads -= 1;
    pending.reading = false;
    for (const tell of pending.onTried.splice(0)) tell();
    if (this.#stopping.signal.aborted) return;
    if ("reason" in result) pending.reason = result.reason;
    if (settled || (!hasEnded(pending.pod) && !pending.gone)) {
      // Of a pod that goes on the rest is read when it has ended.
      this.#pending.delete(uid);
    } else if (pending.gone) {
      this.#pending.delete(uid);
      this.#lose(pod, pending.reason ?? STORE_DOWN);
    } else {
      const pause = Math.min(FIRST_PAUSE_MS * 2 ** pending.tries, LONGEST_PAUSE_MS);
      pending.tries += 1;
      pending.notBeforeMs = performance.now() + ((result.kind === "later" && result.retryAfterMs) || pause);
    }
    this.#pump();
  }

  /** Writes down what a read gave; true if there is nothing more to be done for the pod. `isCut`: its container had not ended when it was read. */
  async #record(pod: CachedPod, result: ReadResult, isCut: boolean): Promise<boolean> {
    if (!this.#hasRun(pod)) {
      this.#partial.delete(pod.metadata.uid);
      return true;
    }
    if (result.kind === "later" || (this.#stopping.signal.aborted && result.kind !== "whole")) return false;
    if (result.kind === "none") {
      if (pod.log.started) this.#lost.add(logOwner(pod), result.reason);
      else this.#lost.note(logOwner(pod), result.reason);
      this.#settle(pod);
      this.#pump();
      return true;
    }
    try {
      const isWhole = result.kind === "whole" && !isCut;
      const reason = "reason" in result ? result.reason : STOPPED;
      await this.#save(pod, result, isWhole ? "whole" : "partial", isWhole ? undefined : reason);
    } catch (error) {
      this.#store.failed(error);
      return false;
    }
    if (result.kind === "broken" || isCut) return false;
    this.#settle(pod);
    return true;
  }

  /** Remembers that a pod needs nothing more, for as long as it is there. */
  #settle({ metadata: { namespace, name, uid } }: CachedPod): void {
    this.#partial.delete(uid);
    if (this.#options.caches.pods.get(`${namespace}/${name}`)?.metadata.uid === uid) this.#settled.add(uid);
  }

  async #save(
    pod: CachedPod,
    { bytes, dropped }: { bytes: Buffer; dropped: number },
    state: "whole" | "partial",
    reason?: string,
  ): Promise<void> {
    const { archive, metrics } = this.#options;
    await archive.save(logOwner(pod), { text: bytes, dropped, ...(reason === undefined ? {} : { reason }) }, state);
    metrics.archivedLogs.inc({ outcome: state });
    if (state === "partial") this.#partial.add(pod.metadata.uid);
    this.#store.worked();
  }

  /** Writes down the losses that wait for it. */
  async #flushLost(): Promise<void> {
    try {
      await this.#lost.flush();
      this.#store.worked();
    } catch (error) {
      this.#store.failed(error);
    }
  }

  #spawn(work: Promise<void>): void {
    const watched = work
      .catch((error: unknown) => this.#options.logger.error({ err: error }, "keeping logs failed"))
      .finally(() => this.#work.delete(watched));
    this.#work.add(watched);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
