import type { Pipeline, RunEvent } from "../../crds/generated/types.ts";
import { PIPELINE } from "../../crds/resources.ts";
import { byTime, MAX_KEPT_EVENTS, runDocument } from "../../crds/run-document.ts";
import type { KubeClient } from "../../kube/client.ts";
import { isKubeError } from "../../kube/errors.ts";
import type { Logger } from "../../kube/logger.ts";
import { type KubeObject, objectPath } from "../../kube/resource.ts";
import type { KeptRun, RunArchive } from "../../store/run-archive.ts";
import { StoreProblem } from "../../store/store-problem.ts";
import type { Caches } from "../caches.ts";
import { bounded } from "../decide/message.ts";
import { warningEvent } from "../decide/story.ts";
import type { ArchiveMetrics } from "./archive-metrics.ts";
import type { CoreEvents } from "./core-events.ts";
import { StorePatience } from "./store-patience.ts";

/** Runs that end together are written together. */
const GATHER_MS = 200;
const BATCH = 25;
/** Ended runs are held in memory until they are stored up to so many tasks; of those beyond only the name, and they are read again. */
const MAX_HELD_TASKS = 5_000;
const CONCURRENT_READS = 4;
const RETRY_MS = 10_000;
/** A run that the store cannot take, though it takes others, is given up after so many tries. */
const MAX_TRIES = 5;
/** Runs that were given up and are remembered; of more the deletion waits again until they have been tried. */
const MAX_GIVEN_UP = 10_000;
/** Runs whose object went and that are still remembered, for the logs of pods that go after them. */
const REMEMBERED = 1_000;
/** Deletions that may wait for the store; the sweep finds those beyond. */
const MAX_GONE = 10_000;

/** An ended run that is not in the archive yet. */
interface Waiting {
  namespace: string;
  name: string;
  sinceMs: number;
  tries: number;
  /** As it ended; absent where it has to be read again. */
  run?: Pipeline;
  /** What the cluster had said of its pods by then. */
  warnings?: readonly RunEvent[];
}

export interface RunKeeperOptions {
  client: KubeClient;
  caches: Pick<Caches, "runs" | "snapshots" | "objectsByRun" | "warningsByObject">;
  archive: RunArchive;
  /** Tells of a run that cannot be kept; absent: only the log and the metrics do. */
  events?: CoreEvents;
  metrics: ArchiveMetrics;
  logger: Logger;
  /** Pause before what could not be done is tried again; ten seconds if left out. */
  retryMs?: number;
  /** Whether this process acts on the run at `namespace/name`; by default it acts on all. */
  owns?: (run: string) => boolean;
}

/**
 * Brings ended runs into the archive, so that they can be told of when their objects are gone. Nothing is written to an object for it: what is kept is
 * known from the store, and a run that ended while the store or this process was down is found in the cache of runs.
 */
export class RunKeeper {
  readonly #options: RunKeeperOptions;
  readonly #store: StorePatience;
  readonly #waiting = new Map<string, Waiting>();
  #heldTasks = 0;
  /** UIDs of runs that are in the archive. */
  readonly #kept = new Set<string>();
  /** UIDs of runs that the store cannot take. */
  readonly #givenUp = new Set<string>();
  /** Runs whose object is gone, and for which that is not in the archive yet. */
  readonly #gone = new Set<string>();
  readonly #departed: string[] = [];
  readonly #stopping = new AbortController();
  #running = false;
  #caughtUp = false;
  #working: Promise<void> | undefined;
  /** Something came while it worked, too late to be seen. */
  #again = false;
  #dueMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: RunKeeperOptions) {
    this.#options = options;
    this.#store = new StorePatience(options.logger, "ended runs", options.metrics.failed);
  }

  /** Starts, or takes in that this process acts on more runs than before. Returns at once. */
  begin(): void {
    this.#running = true;
    this.#caughtUp = false;
    this.#schedule(0);
  }

  /** Ends all work; what was not stored yet is found by whoever begins next. */
  async stop(): Promise<void> {
    this.#running = false;
    clearTimeout(this.#timer);
    this.#stopping.abort();
    await this.#working;
  }

  /** Whether a run is in the archive: its object may be deleted without its history being lost. */
  holds(uid: string): boolean {
    return this.#kept.has(uid);
  }

  /** Whether nothing is to be waited for: a run is in the archive, or will never be, which was told then. */
  isDone(uid: string): boolean {
    return this.#kept.has(uid) || this.#givenUp.has(uid);
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  get lagSeconds(): number {
    const [oldest] = this.#waiting.values();
    return oldest === undefined ? 0 : (performance.now() - oldest.sinceMs) / 1000;
  }

  /** Takes in a version of a run as the API server gave it; one that has not ended is nothing to it. Must be quick. */
  offer(raw: KubeObject): void {
    const run = raw as KubeObject & Pipeline;
    const { phase, tasks } = run.status ?? {};
    if (!this.#running || (phase !== "DONE" && phase !== "TERMINATED")) return;
    const { uid, name, namespace = "" } = run.metadata;
    if (this.isDone(uid) || !this.#owns(namespace, name)) return;
    const known = this.#waiting.get(uid);
    if (known?.run !== undefined) return;
    const weight = Object.keys(tasks ?? {}).length + 1;
    const fits = this.#heldTasks + weight <= MAX_HELD_TASKS || this.#heldTasks === 0;
    if (fits) this.#heldTasks += weight;
    this.#waiting.set(uid, {
      ...(known ?? { namespace, name, sinceMs: performance.now(), tries: 0 }),
      ...(fits ? { run, warnings: this.#warningsOf(run) } : {}),
    });
    this.#schedule(GATHER_MS);
  }

  /** Takes in that a run's object is gone. False: it is not in the archive and will not be, for it had not ended. */
  runGone(uid: string): boolean {
    if (!this.#running) return true;
    if (this.#givenUp.delete(uid)) return false;
    const waiting = this.#waiting.get(uid);
    if (waiting !== undefined && waiting.run === undefined) this.#lose(uid, waiting);
    else if (waiting === undefined && !this.#kept.has(uid) && this.#caughtUp) return false;
    if (this.#gone.size < MAX_GONE) this.#gone.add(uid);
    this.#schedule(GATHER_MS);
    return true;
  }

  /** Asked for at once: what is known of its objects is forgotten when it has ended. */
  #warningsOf({ metadata }: Pipeline): RunEvent[] {
    const { objectsByRun, warningsByObject } = this.#options.caches;
    const all = objectsByRun
      .of(metadata)
      .flatMap((object) => [object, ...objectsByRun.membersOf(metadata, object.name)])
      .flatMap(({ uid, task }) => warningsByObject.of(uid, task));
    return all.map(warningEvent).sort(byTime).slice(-MAX_KEPT_EVENTS);
  }

  #owns(namespace: string, name: string): boolean {
    return this.#options.owns?.(`${namespace}/${name}`) ?? true;
  }

  /** Works in so many milliseconds at the latest, but not before the store has had its rest. */
  #schedule(ms: number): void {
    if (!this.#running) return;
    if (this.#working !== undefined) {
      this.#again = true;
      return;
    }
    const now = performance.now();
    const dueMs = Math.max(now + ms, this.#store.restUntilMs);
    if (this.#timer !== undefined && this.#dueMs <= dueMs) return;
    clearTimeout(this.#timer);
    this.#dueMs = dueMs;
    this.#timer = setTimeout(() => this.#begin(), dueMs - now);
    this.#timer.unref();
  }

  #begin(): void {
    this.#timer = undefined;
    this.#again = false;
    this.#working = this.#work()
      .catch((error: unknown) => this.#options.logger.error({ err: error }, "keeping ended runs failed"))
      .finally(() => {
        this.#working = undefined;
        if (this.#again) this.#schedule(GATHER_MS);
        else if (this.#store.rests) this.#schedule(0);
        else if (!this.#caughtUp || this.#waiting.size > 0 || this.#gone.size > 0)
          this.#schedule(this.#options.retryMs ?? RETRY_MS);
      });
  }

  /** Stores what can be stored now. Anything that is refused by the store ends it until the store has had its rest. */
  async #work(): Promise<void> {
    try {
      if (!this.#caughtUp) await this.#catchUp();
      const tried = new Set<string>();
      while (this.#running) {
        const uids = [...this.#waiting.keys()].filter((uid) => !tried.has(uid)).slice(0, BATCH);
        if (uids.length === 0) break;
        for (const uid of uids) tried.add(uid);
        await this.#storeAll(uids);
        this.#store.worked();
      }
      await this.#tellGone();
    } catch (error) {
      this.#store.failed(error);
    }
  }

  /** Finds the ended runs of which the archive does not know. */
  async #catchUp(): Promise<void> {
    const ended = new Map<string, Waiting>();
    // Runs whose end nobody here was told of, while another process acted on them.
    const stale = new Set(this.#kept);
    for (const uid of [...this.#departed, ...this.#gone]) stale.delete(uid);
    for (const { metadata, active } of this.#options.caches.runs.list()) {
      const { uid, name, namespace = "", deletionTimestamp } = metadata;
      stale.delete(uid);
      if (active !== undefined || deletionTimestamp !== undefined || this.isDone(uid)) continue;
      if (this.#owns(namespace, name)) ended.set(uid, { namespace, name, sinceMs: performance.now(), tries: 0 });
    }
    for (const uid of stale) this.#kept.delete(uid);
    for (const uid of await this.#options.archive.known([...ended.keys()])) {
      this.#kept.add(uid);
      this.#release(uid);
      ended.delete(uid);
    }
    for (const [uid, waiting] of ended) if (!this.#waiting.has(uid)) this.#waiting.set(uid, waiting);
    this.#caughtUp = true;
  }

  async #storeAll(uids: readonly string[]): Promise<void> {
    const runs: KeptRun[] = [];
    const work = [...uids];
    const readers = Array.from({ length: CONCURRENT_READS }, async () => {
      for (let uid = work.pop(); uid !== undefined; uid = work.pop()) {
        const run = await this.#runOf(uid);
        if (run !== undefined) runs.push(this.#keptRun(run));
      }
    });
    await Promise.all(readers);
    if (runs.length === 0 || !this.#running) return;
    try {
      await this.#options.archive.save(runs);
      for (const { uid } of runs) this.#stored(uid);
    } catch (error) {
      if (!(error instanceof StoreProblem) || error.kind !== "internal") throw error;
      for (const run of runs) await this.#storeAlone(run, error);
    }
  }

  /** One run that the store cannot take must not keep it from taking the others. */
  async #storeAlone(run: KeptRun, cause: StoreProblem): Promise<void> {
    try {
      await this.#options.archive.save([run]);
      this.#stored(run.uid);
    } catch (error) {
      if (!(error instanceof StoreProblem) || error.kind !== "internal") throw error;
      const waiting = this.#waiting.get(run.uid);
      if (waiting === undefined) return;
      waiting.tries += 1;
      if (waiting.tries >= MAX_TRIES) this.#giveUp(run.uid, waiting, cause.message);
    }
  }

  #stored(uid: string): void {
    this.#kept.add(uid);
    this.#release(uid);
    this.#options.metrics.archivedRuns.inc({ outcome: "stored" });
  }

  #release(uid: string): void {
    const run = this.#waiting.get(uid)?.run;
    if (run !== undefined) this.#heldTasks -= Object.keys(run.status?.tasks ?? {}).length + 1;
    this.#waiting.delete(uid);
  }

  /** The store will never take it: that is told, and nothing waits for it any more. */
  #giveUp(uid: string, waiting: Waiting, cause: string): void {
    const { namespace, name } = waiting;
    this.#lose(uid, waiting, `the store refused it ${MAX_TRIES} times: ${cause}`);
    this.#givenUp.add(uid);
    const [oldest] = this.#givenUp;
    if (this.#givenUp.size > MAX_GIVEN_UP && oldest !== undefined) this.#givenUp.delete(oldest);
    const known = this.#options.caches.runs.get(`${namespace}/${name}`);
    if (known?.metadata.uid !== uid) return;
    const message = `the run's history could not be kept and goes with its object: ${bounded(cause)}`;
    const event = { id: `history-${uid}`, type: "Warning", reason: "HistoryLost", message } as const;
    const time = new Date().toISOString();
    this.#options.events?.tell({ metadata: known.metadata }, [{ ...event, source: "odin", time }]);
  }

  #lose(uid: string, { namespace, name }: Waiting, cause = "its object was deleted before it could be stored"): void {
    this.#release(uid);
    this.#options.metrics.archivedRuns.inc({ outcome: "lost" });
    this.#options.logger.warn({ namespace, run: name, cause }, "ended run not kept in the store");
  }

  /** The run as it ended; undefined if it cannot be had now, or is gone. */
  async #runOf(uid: string): Promise<Pipeline | undefined> {
    const waiting = this.#waiting.get(uid);
    if (waiting === undefined || waiting.run !== undefined) return waiting?.run;
    const { namespace, name } = waiting;
    try {
      const run = await this.#options.client.get<KubeObject & Pipeline>(objectPath(PIPELINE, namespace, name), {
        signal: this.#stopping.signal,
        lane: "other",
      });
      if (run.metadata.uid === uid) return run;
    } catch (error) {
      if (!isKubeError(error, "notFound")) return undefined;
    }
    this.#lose(uid, waiting);
    return undefined;
  }

  #keptRun(run: Pipeline): KeptRun {
    const { uid, name, namespace = "", creationTimestamp = "" } = run.metadata;
    const { spec, status } = run;
    const snapshot = status?.snapshot ?? spec.snapshot;
    const definition = this.#options.caches.snapshots.get(`${namespace}/${snapshot}`)?.definition;
    return {
      uid,
      namespace,
      name,
      job: status?.job ?? spec.job ?? "",
      version: status?.version ?? spec.version ?? "",
      user: spec.user ?? "",
      phase: status?.phase ?? "",
      createdAt: Date.parse(creationTimestamp) || 0,
      endedAt: Date.parse(status?.completionTime ?? "") || Date.now(),
      document: runDocument(run, definition, this.#waiting.get(uid)?.warnings),
    };
  }

  async #tellGone(): Promise<void> {
    const uids = [...this.#gone].filter((uid) => !this.#waiting.has(uid));
    if (uids.length === 0) return;
    await this.#options.archive.gone(uids);
    this.#store.worked();
    for (const uid of uids) {
      this.#gone.delete(uid);
      this.#departed.push(uid);
    }
    for (const uid of this.#departed.splice(0, Math.max(0, this.#departed.length - REMEMBERED))) this.#kept.delete(uid);
  }
}
