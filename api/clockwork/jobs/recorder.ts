import { createHash } from "node:crypto";
import { backoffDelayMs } from "../../../kube/backoff.ts";
import type { Logger } from "../../../kube/logger.ts";
import { keyOf } from "../../../kube/resource.ts";
import type { JobRecord, JobRecords } from "../../../store/job-records.ts";
import { isWatched, type JobCaches } from "./job-caches.ts";
import { jobRecordOf } from "./job-record.ts";
import type { PodFacts } from "./pod-facts.ts";
import type { Recorded, SeenPod, Surroundings } from "./surroundings.ts";

/** How the recorder is made. */
export interface RecorderOptions {
  caches: Pick<JobCaches, "pods" | "namespaces" | "batchJobs" | "runs">;
  surroundings: Surroundings;
  records: Pick<JobRecords, "upsert" | "known">;
  /** Namespaces whose pods are jobs; undefined: all but those of Kubernetes itself (C-70). */
  namespaces: readonly string[] | undefined;
  logger: Logger;
  /** For how many milliseconds it is waited for what would change a record; the default is what production uses. */
  awaitMs?: typeof AWAIT_MS;
}

/** Changes are collected for so long; they show in replies within 2 s (C-80). */
const COLLECT_MS = 100;
/** Jobs in one write. */
const AT_ONCE = 200;
/**
 * How long it is waited for what would change a record. A Pipeline's status follows its pods, at the latest when the next operator has taken over from one
 * that was killed. A job that was written as nobody's stays so, with another id; one that was written without the reason is corrected when that is known.
 */
const AWAIT_MS = { belonging: 5_000, listing: 60_000, reason: 10_000, batchJob: 1_000 };
const LOOK_AGAIN_MS = 250;
const BACKOFF = { baseMs: 500, capMs: 10_000 };
/** Pods that went while the store was away; of more than these the oldest are left to be closed as unfinished ones (C-82). */
const MOST_GONE = 20_000;

/** What is remembered of a pod that is there. */
interface Remembered extends Recorded {
  /** Short hash of what was written last. */
  print: string;
  /** What was written last waits for the reason of the pod's end. */
  isUnexplained: boolean;
}

/**
 * Writes the jobs of the watched pods to the store: when a pod is first seen, on each change of what its job shows, and when it is gone (C-80). What
 * cannot be written is kept and tried again, as it is by then. Any number of replicas may do the same at once (C-81).
 */
export class Recorder {
  readonly #options: RecorderOptions;
  /** Keys of pods to look at, by UID. */
  readonly #dirty = new Map<string, string>();
  /** Pods that are gone and not recorded as such yet. */
  readonly #gone = new Map<string, SeenPod>();
  readonly #remembered = new Map<string, Remembered>();
  /** Pods whose record waits for something, and since when (monotonic milliseconds). */
  readonly #awaiting = new Map<string, number>();
  /** Keys of pods whose records were written without the reason of their end, by the UID of the run that may still say it, and their own. */
  readonly #unexplained = new Map<string, Map<string, string>>();
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | undefined;
  #failures = 0;
  #isStarted = false;
  #isStopped = false;

  /** To be made before the caches start. */
  constructor(options: RecorderOptions) {
    this.#options = options;
    const { pods, namespaces, runs } = options.caches;
    pods.onChange(({ type, object }) => {
      if (type === "deleted") this.#noteGone(object);
      else this.#note(object);
    });
    runs.onChange(({ object }) => {
      for (const [uid, key] of this.#unexplained.get(object.metadata.uid) ?? []) this.#dirty.set(uid, key);
      if (this.#unexplained.delete(object.metadata.uid)) this.#wake(COLLECT_MS);
    });
    namespaces.onChange(({ type, object, previous }) => {
      if (type !== "modified" || previous === undefined || isSame(object, previous)) return;
      for (const pod of pods.list()) if (pod.metadata.namespace === object.metadata.name) this.#note(pod);
    });
  }

  /** Begins to write; to be called when the caches are filled, so that no record is made from half of what is known. */
  start(): void {
    this.#isStarted = true;
    this.#wake(0);
  }

  /** Whether everything that was seen is in the store, but what waits for news. */
  get isIdle(): boolean {
    return this.#isStarted && this.#dirty.size === this.#awaiting.size && this.#writing === undefined;
  }

  /** Whether something of the pod is still to be written. */
  isPending(podUid: string): boolean {
    return this.#dirty.has(podUid);
  }

  /** Looks at all pods again: who they belong to may be known now. */
  lookAgain(): void {
    for (const pod of this.#options.caches.pods.list()) this.#note(pod);
  }

  /** Writes what was seen, if the store works, and stops. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#writing;
    if (this.#isStarted && this.#failures === 0) await this.#write(true);
  }

  #note(pod: PodFacts): void {
    const { metadata, isSystem } = pod;
    if (isSystem || !isWatched(metadata.namespace ?? "", this.#options.namespaces)) return;
    this.#dirty.set(metadata.uid, keyOf(metadata));
    this.#wake(COLLECT_MS);
  }

  #noteGone(pod: PodFacts): void {
    const { metadata, isSystem } = pod;
    if (isSystem || !isWatched(metadata.namespace ?? "", this.#options.namespaces)) return;
    this.#gone.set(metadata.uid, { pod, gone: true, foundGoneAt: Math.floor(Date.now() / 1000) });
    this.#note(pod);
    if (this.#gone.size <= MOST_GONE) return;
    const [oldest] = this.#gone.keys();
    if (oldest !== undefined) this.#forget(oldest);
  }

  #wake(inMs: number): void {
    if (!this.#isStarted || this.#isStopped || this.#timer !== undefined || this.#writing !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#writing = this.#write(false).finally(() => {
        this.#writing = undefined;
        if (this.#dirty.size === 0) return;
        if (this.#failures > 0) this.#wake(backoffDelayMs(this.#failures, BACKOFF));
        else this.#wake(this.#dirty.size > this.#awaiting.size ? COLLECT_MS : LOOK_AGAIN_MS);
      });
    }, inMs);
  }

  /** Writes everything that was noted, batch by batch. Never rejects. */
  async #write(isLast: boolean): Promise<void> {
    const all = [...this.#dirty];
    for (let at = 0; at < all.length; at += AT_ONCE) {
      if (!(await this.#writeSome(all.slice(at, at + AT_ONCE), isLast))) return;
    }
  }

  /** False if the store does not work. */
  async #writeSome(some: readonly (readonly [uid: string, key: string])[], isLast: boolean): Promise<boolean> {
    const { records, logger } = this.#options;
    try {
      await this.#recall(some.map(([uid]) => uid));
      const made = some.flatMap(([uid, key]) => this.#make(uid, key, isLast));
      await records.upsert(made.filter(({ isNews }) => isNews).map(({ record }) => record));
      for (const one of made) this.#done(one);
      if (this.#failures > 0) logger.info({}, "Clockwork's jobs are recorded again");
      this.#failures = 0;
      return true;
    } catch (error) {
      // What was taken is still noted.
      this.#failures += 1;
      if (this.#failures === 1)
        logger.warn(
          { err: String(error) },
          "Clockwork's jobs cannot be recorded now; it is tried again until they are",
        );
      return false;
    }
  }

  /** What the store knows of pods that were recorded before this process was there: their ids stay. */
  async #recall(uids: readonly string[]): Promise<void> {
    const strangers = uids.filter((uid) => !this.#remembered.has(uid));
    if (strangers.length === 0) return;
    for (const [uid, { jobId, runUid, owner, arrayTaskId }] of await this.#options.records.known(strangers)) {
      const run = {
        uid: runUid,
        taskIndex: arrayTaskId,
        timeLimit: null,
        ...(owner === "" ? {} : { user: owner }),
      };
      this.#remembered.set(uid, { jobId, print: "", isUnexplained: false, ...(runUid === "" ? {} : { run }) });
    }
  }

  #make(uid: string, key: string, isLast: boolean): Made[] {
    const { caches, surroundings } = this.#options;
    const live = caches.pods.get(key);
    const seen = this.#gone.get(uid) ?? (live?.metadata.uid === uid ? { pod: live, gone: false } : undefined);
    if (seen === undefined) {
      this.#forget(uid);
      return [];
    }
    const { sources, awaits } = surroundings.gather(seen, this.#remembered.get(uid));
    if (awaits !== undefined && (isLast || this.#isToWait(uid, awaits, sources.run === undefined))) return [];
    this.#awaiting.delete(uid);
    const lateRun = awaits === "reason" ? sources.run?.uid : undefined;
    if (lateRun !== undefined) {
      const late = this.#unexplained.get(lateRun) ?? new Map<string, string>();
      this.#unexplained.set(lateRun, late.set(uid, key));
    }
    const record = jobRecordOf(lateRun === undefined ? sources : { ...sources, isUnexplained: true });
    const { observed: _, ...shown } = record;
    const print = createHash("sha1").update(JSON.stringify(shown)).digest("base64").slice(0, 12);
    const remembered = {
      jobId: record.jobId,
      print,
      isUnexplained: lateRun !== undefined,
      ...(sources.run === undefined ? {} : { run: sources.run }),
    };
    return [{ seen, record, remembered, lateRun, isNews: print !== this.#remembered.get(uid)?.print }];
  }

  #isToWait(uid: string, what: "belonging" | "listing" | "reason", isAlone: boolean): boolean {
    const now = performance.now();
    const since = this.#awaiting.get(uid) ?? now;
    this.#awaiting.set(uid, since);
    // What was written without the reason waits for its run to change.
    if (what === "reason" && this.#isUnexplained(uid)) return false;
    // A batch Job's word is there before its pods are stopped, and only may come later on its way here.
    const awaitMs = this.#options.awaitMs ?? AWAIT_MS;
    const patience = what === "reason" && isAlone ? awaitMs.batchJob : awaitMs[what];
    return now - since < patience;
  }

  /** What was written need not be written again, unless more has happened meanwhile. */
  #done({ seen: { pod, gone }, remembered, lateRun }: Made): void {
    const { uid } = pod.metadata;
    if (gone && lateRun === undefined) {
      this.#forget(uid);
      return;
    }
    this.#remembered.set(uid, remembered);
    // The run has changed while this was written.
    if (lateRun !== undefined && !this.#unexplained.get(lateRun)?.has(uid)) return;
    if (gone) this.#dirty.delete(uid);
    const now = this.#options.caches.pods.get(keyOf(pod.metadata));
    if (now === pod && !this.#gone.has(uid)) this.#dirty.delete(uid);
  }

  #isUnexplained(uid: string): boolean {
    return this.#remembered.get(uid)?.isUnexplained === true;
  }

  #forget(uid: string): void {
    const runUid = this.#remembered.get(uid)?.run?.uid ?? "";
    const late = this.#unexplained.get(runUid);
    if (late?.delete(uid) && late.size === 0) this.#unexplained.delete(runUid);
    this.#dirty.delete(uid);
    this.#gone.delete(uid);
    this.#awaiting.delete(uid);
    this.#remembered.delete(uid);
  }
}

interface Made {
  seen: SeenPod;
  record: JobRecord;
  remembered: Remembered;
  /** UID of the run that has not said yet why the pod was stopped. */
  lateRun: string | undefined;
  isNews: boolean;
}

function isSame(a: object, b: object): boolean {
  return JSON.stringify({ ...a, metadata: null }) === JSON.stringify({ ...b, metadata: null });
}
