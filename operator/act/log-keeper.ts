import { setTimeout as delay } from "node:timers/promises";
import type { KubeClient } from "../../kube/client.ts";
import { inTime } from "../../kube/in-time.ts";
import type { LogOwner } from "../../store/log-archive.ts";
import type { ObservedObject } from "../decide/run.ts";
import type { CachedPod } from "../kinds/pod-state.ts";
import { FollowedLog } from "./log-follow.ts";
import { NEVER_STARTED, type ReadResult, readEndedLog } from "./log-read.ts";
import { LogRecorder, type LogRecorderOptions, STOPPED } from "./log-recorder.ts";
import { hasEnded, newPendingLog, type PendingLog, PendingLogs } from "./pending-logs.ts";

/** Longest that the engine waits for the log of a pod that it is about to stop, where nobody says. */
const GRACE_MS = 2_000;
/** Logs of ended pods read at once, and logs of stopping pods followed at once; each may hold 5 MiB. */
const CONCURRENT_READS = 8;
const CONCURRENT_FOLLOWS = 16;
const STORE_DOWN = "the store could not take it";
const FIRST_PAUSE_MS = 1_000;
/** While a node does not answer it is tried again this often at last. */
const LONGEST_PAUSE_MS = 60_000;
/** How long a log is asked for before it is recorded as lost, where nobody says; and how often it is asked for after that. */
const PATIENCE_MS = 5 * 60_000;
const GIVEN_UP_PAUSE_MS = 10 * 60_000;
/** It is asked for so often at least before that. */
const LEAST_TRIES = 3;
/** Pause before a log is followed again that could not be. */
const FOLLOW_AGAIN_MS = 1_000;

export interface LogKeeperOptions extends LogRecorderOptions {
  client: KubeClient;
  /** Whether this process keeps the logs of a run, `namespace/name`; by default it keeps all. */
  owns?: (run: string) => boolean;
  /** How long a log may hold up the deletion of its run while its node does not give it; 0: for ever, left out: five minutes. */
  patienceMs?: number;
  /** Longest that the stop of a pod waits for what its container has written; left out: two seconds. */
  graceMs?: number;
}

/**
 * Brings the logs of ended pods into the archive (O-225): one read for each pod that ends, a followed one for each that is being stopped, whoever
 * stops it. A log that cannot be had is recorded as lost, with the reason. Pods stay until their log is read, for nothing but a user's clean-up
 * removes them, so the cache of pods is the queue, and a store that does not work only delays (F-36).
 */
export class LogKeeper {
  readonly #options: LogKeeperOptions;
  readonly #recorder: LogRecorder;
  readonly #pending = new PendingLogs();
  readonly #following = new Map<string, FollowedLog>();
  /** By pod: until when the log of one that is being stopped may hold up anything; monotonic. */
  readonly #followUntilMs = new Map<string, number>();
  /** Pods that are being stopped and of which what they had written by then is kept. */
  readonly #begun = new Set<string>();
  readonly #stopping = new AbortController();
  readonly #work = new Set<Promise<void>>();
  #running = false;
  /** Looks for pods that ended while nobody looked, under way. */
  #catchingUp = 0;
  #reads = 0;
  /** Until when losses are left that could not be written down, whatever kept them from it; monotonic. */
  #flushNotBeforeMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LogKeeperOptions) {
    this.#options = options;
    this.#recorder = new LogRecorder(options, this.#stopping.signal, {
      onLoss: () => this.#pump(),
      onSettled: (uid) => void this.#followUntilMs.delete(uid),
    });
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
    return this.#pending.size + this.#recorder.lost.waiting;
  }

  /** Age in seconds of the oldest log that is not stored yet, of a pod that has ended. */
  get lagSeconds(): number {
    return this.#pending.lagSeconds;
  }

  /** Whether logs of a run are still to be read or stored, those left out that could not be had for too long. */
  owes(runUid: string): boolean {
    // What ended while nobody looked is not known yet.
    if (this.#catchingUp > 0) return true;
    if (this.#pending.owes(runUid)) return true;
    const now = performance.now();
    for (const [uid, { pod }] of this.#following)
      if (pod.run?.uid === runUid && now < (this.#followUntilMs.get(uid) ?? 0)) return true;
    return this.#recorder.lost.owes(runUid);
  }

  /** Takes in a change of a pod. */
  podChanged(type: "added" | "modified" | "deleted", pod: CachedPod): void {
    if (!this.#running || pod.run === undefined) return;
    if (type === "deleted") this.#podGone(pod);
    else this.#consider(pod);
  }

  /** Saves what a pod that is about to be deleted has written; takes no longer than the grace and never throws. */
  async beforeStop(namespace: string | undefined, { name, uid }: ObservedObject): Promise<void> {
    const pod = this.#options.caches.pods.get(`${namespace}/${name}`);
    if (!this.#running || pod === undefined || pod.metadata.uid !== uid) return;
    if (!pod.log.started || this.#recorder.isSettled(uid) || hasEnded(pod)) return;
    const followed = this.#follow(pod);
    // What cannot be saved now is not waited for.
    if (this.#recorder.store.rests) return;
    await inTime(this.#options.graceMs ?? GRACE_MS, this.#stopping.signal, ({ signal }) => {
      const saved = followed === undefined ? this.#snapshot(pod) : this.#saveBegun(pod, followed, signal);
      return Promise.race([saved, aborted(signal)]);
    });
  }

  async #saveBegun(pod: CachedPod, followed: FollowedLog, signal: AbortSignal): Promise<void> {
    const text = await followed.untilNow(signal);
    if (text === undefined) return;
    try {
      await this.#recorder.save(pod, text, "partial", STOPPED);
    } catch (error) {
      this.#recorder.store.failed(error);
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
    this.#recorder.lost.add({ ...owner, podUid: `${owner.runUid}/${owner.pod}`, container: "", createdAt: "" }, reason);
    this.#pump();
  }

  async #catchUp(): Promise<void> {
    const ended = [...this.#options.caches.pods.list()].filter((pod) => hasEnded(pod) && this.#owns(pod));
    try {
      for (const uid of await this.#options.archive.settled(ended.map((pod) => pod.metadata.uid)))
        this.#recorder.known(uid);
    } catch (error) {
      // Reading a log a second time does no harm.
      this.#recorder.store.failed(error);
    }
    for (const pod of this.#options.caches.pods.list()) this.#consider(pod);
  }

  #consider(pod: CachedPod): void {
    const { uid } = pod.metadata;
    if (this.#recorder.isSettled(uid) || this.#following.has(uid) || !this.#owns(pod) || !this.#recorder.hasRun(pod))
      return;
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

  #podGone(pod: CachedPod): void {
    const { uid } = pod.metadata;
    this.#begun.delete(uid);
    this.#followUntilMs.delete(uid);
    if (this.#recorder.forget(uid)) return;
    const pending = this.#pending.get(uid);
    if (pending?.reading || this.#following.has(uid)) {
      // It may still succeed: the answer was under way.
      if (pending) pending.gone = true;
      return;
    }
    this.#pending.delete(uid);
    if (pending?.givenUp !== true) this.#recorder.lose(pod, pending?.reason);
  }

  #follow(pod: CachedPod): FollowedLog | undefined {
    const { uid } = pod.metadata;
    const known = this.#following.get(uid);
    if (known !== undefined || this.#following.size >= CONCURRENT_FOLLOWS) return known;
    const followed = new FollowedLog(this.#options.client, pod, this.#stopping.signal);
    this.#following.set(uid, followed);
    if (!this.#followUntilMs.has(uid)) this.#followUntilMs.set(uid, this.#patienceEndsMs(pod));
    this.#spawn(
      followed.result.then(async (result) => {
        const settled = await this.#recorder.record(pod, result, false);
        // A node that does not answer is not asked without end.
        if (!settled && result.kind === "later")
          await delay(FOLLOW_AGAIN_MS, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
        this.#following.delete(uid);
        if (settled || this.#stopping.signal.aborted) return;
        const now = this.#options.caches.pods.get(`${pod.metadata.namespace}/${pod.metadata.name}`);
        if (now?.metadata.uid === uid) this.#consider(now);
        else this.#recorder.lose(pod, result.kind === "whole" ? STORE_DOWN : result.reason);
      }),
    );
    return followed;
  }

  /** Until when the log of a pod that is being stopped is waited for: the time that its containers have to end does not count. */
  #patienceEndsMs({ state: { goneBy } }: CachedPod): number {
    const { patienceMs = PATIENCE_MS } = this.#options;
    if (patienceMs === 0) return Number.POSITIVE_INFINITY;
    const endsInMs = goneBy === undefined ? 0 : Math.max(0, Date.parse(goneBy) - Date.now());
    return performance.now() + endsInMs + patienceMs;
  }

  /** Starts what may be read now, and wakes up for what may be read later. */
  #pump(): void {
    if (!this.#running) return;
    clearTimeout(this.#timer);
    const now = performance.now();
    let wakeMs = Number.POSITIVE_INFINITY;
    if (this.#recorder.store.rests) {
      if (this.#pending.size > 0 || this.#recorder.lost.waiting > 0) wakeMs = this.#recorder.store.restUntilMs;
    } else {
      if (this.#recorder.lost.waiting > 0) {
        if (this.#flushNotBeforeMs > now) wakeMs = this.#flushNotBeforeMs;
        else this.#spawn(this.#flushLost());
      }
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

  async #flushLost(): Promise<void> {
    await this.#recorder.flushLost();
    if (this.#recorder.lost.waiting === 0) return;
    // Nothing else may happen that would have it tried again.
    this.#flushNotBeforeMs = performance.now() + FIRST_PAUSE_MS;
    this.#pump();
  }

  async #read(uid: string, pending: PendingLog): Promise<void> {
    pending.reading = true;
    delete pending.refusal;
    this.#reads += 1;
    const { pod } = pending;
    // A pod that never had a node has no kubelet that could be asked.
    const result: ReadResult = pod.log.scheduled
      ? await readEndedLog(this.#options.client, pod, this.#stopping.signal)
      : { kind: "none", reason: NEVER_STARTED };
    const settled = await this.#recorder.record(pod, result, !hasEnded(pod), pending);
    this.#reads -= 1;
    pending.reading = false;
    for (const tell of pending.onTried.splice(0)) tell();
    if (this.#stopping.signal.aborted) return;
    if (pending.refusal !== undefined) pending.reason = pending.refusal;
    else if ("reason" in result) pending.reason = result.reason;
    if (settled || (!hasEnded(pending.pod) && !pending.gone)) {
      // Of a pod that goes on the rest is read when it has ended.
      this.#pending.delete(uid);
    } else if (pending.gone) {
      this.#pending.delete(uid);
      if (!pending.givenUp) this.#recorder.lose(pod, pending.reason ?? STORE_DOWN);
    } else {
      if (pending.refusal !== undefined) this.#giveUpIfDue(pending, pending.refusal);
      else if (result.kind === "later" || result.kind === "broken")
        this.#giveUpIfDue(pending, `its node does not give it: ${result.reason}`);
      const pause = Math.min(FIRST_PAUSE_MS * 2 ** pending.tries, LONGEST_PAUSE_MS);
      const asked = (result.kind === "later" && result.retryAfterMs) || pause;
      pending.tries += 1;
      pending.notBeforeMs = performance.now() + (pending.givenUp ? GIVEN_UP_PAUSE_MS : asked);
    }
    this.#pump();
  }

  /** Records a log as lost that could not be had for too long: nothing waits for it any more. It is asked for again, but seldom. */
  #giveUpIfDue(pending: PendingLog, reason: string): void {
    const { patienceMs = PATIENCE_MS } = this.#options;
    const forMs = performance.now() - pending.sinceMs;
    if (pending.givenUp || patienceMs === 0 || forMs < patienceMs || pending.tries < LEAST_TRIES) return;
    pending.givenUp = true;
    this.#recorder.giveUp(pending.pod, `given up after ${Math.round(forMs / 1000)} s: ${reason}`);
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
