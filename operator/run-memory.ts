import type { TaskStatus } from "../crds/generated/types.ts";
import type { Announcement } from "./announcements.ts";
import type { Plan } from "./decide/run.ts";
import { RunPace } from "./run-pace.ts";

/** A task whose pod could not be created for now. */
interface Hold {
  record: TaskStatus;
  /** Monotonic milliseconds after which it is tried again. */
  untilMs: number;
  refusals: number;
  /** Monotonic time of the first refusal. */
  sinceMs: number;
}

/** A creation that has no answer yet. */
interface Start {
  attempt: number;
  /** Monotonic time since when the object could have been created. */
  sinceMs: number;
}

/** A status write waits no longer than that for the creations that are under way, so that it tells of them too. */
const LONGEST_PUT_OFF_MS = 250;
/** For how long the API server's answer to a deletion is enough, though no watch has shown the object going. */
const DELETION_TRUSTED_MS = 60_000;
const FIRST_HOLD_MS = 1_000;
const LONGEST_HOLD_MS = 60_000;

/** What the process remembers of a run that goes on; nothing that is needed after a restart (O-187). */
export class RunMemory {
  plan?: Plan;
  /** How often the run was looked at. */
  passes = 0;
  /** Monotonic time at which the look that goes on was called for. */
  calledMs = 0;
  /** When its passes and its status writes are due. */
  readonly pace = new RunPace();
  /** When it was first acted on, by the API server's clock (ISO); the status says so, even if it is written a moment later. */
  begunAt?: string;
  /** Its status only says that tasks have begun, and waits for its turn. */
  announcement?: Announcement;
  /** A status write that is under way, beside the passes; never rejects. */
  writing?: Promise<void>;
  /** A pass could not write meanwhile: the run is looked at again when that one has ended. */
  hasMoreToWrite = false;
  /** The last status write failed: the next one is made within a pass, so that the queue puts the run off if that fails too. */
  writeFailed = false;
  /** Its status is too large to be written: it is to end. */
  isTooLarge = false;
  /** UIDs of the objects that were asked to go. */
  readonly askedToGo = new Set<string>();
  /** When a trouble of an object was first seen, for what is judged by how long it lasts. */
  readonly troubledSince = new Map<string, string>();
  readonly key: string;
  readonly namespace: string | undefined;
  /** Creations that the last pass left to later ones. */
  left = 0;
  /** Whether the run was ending at the last pass. */
  isEnding = false;
  /** Since when tasks with a timeout could start. */
  readonly readyTimes = new Map<string, string>();
  /** What a creation failed with that is no answer of the API server: thrown by the next pass, for the queue to put the run off. */
  failure: { error: unknown } | undefined;
  readonly #holds = new Map<string, Hold>();
  readonly #starts = new Map<string, Start>();
  /** Monotonic time at which the API server took the deletion of an object, by its UID. */
  readonly #deletedAt = new Map<string, number>();
  readonly #refused = new Map<string, TaskStatus>();
  /** Monotonic time at which a status write was first put off; undefined: none was since the last. */
  #putOffAt: number | undefined;
  readonly #holding: Set<RunMemory>;
  #hasEnded = false;

  /** `holding`: the runs that have held tasks, which this one enters and leaves by itself. */
  constructor(key: string, namespace: string | undefined, holding: Set<RunMemory>) {
    this.key = key;
    this.namespace = namespace;
    this.#holding = holding;
  }

  /** An object is being created from now on: until it is known what became of that no other is created for the task (I-1), and the run does not end. */
  begin(task: string, attempt: number): void {
    this.#starts.set(task, { attempt, sinceMs: this.#holds.get(task)?.sinceMs ?? this.calledMs });
  }

  /** What is being created: attempts by task. */
  get starting(): ReadonlyMap<string, number> {
    return new Map([...this.#starts].map(([task, { attempt }]) => [task, attempt]));
  }

  isStarting(task: string, attempt: number): boolean {
    return this.#starts.get(task)?.attempt === attempt;
  }

  /** How many creations are under way. */
  get starts(): number {
    return this.#starts.size;
  }

  /** It was created; returns the monotonic time since when it could have been. */
  created(task: string): number {
    this.#unhold(task);
    return this.#answered(task);
  }

  /** It will never be created. The record is kept until the run has ended, for it may take a while until it is written. */
  refuse(task: string, record: TaskStatus): void {
    this.#unhold(task);
    this.#answered(task);
    this.#refused.set(task, record);
  }

  /** It cannot be created for now: puts the task off, each time for longer (F-12: 1 s to 60 s). */
  hold(task: string, record: TaskStatus, nowMs: number, retryAfterMs: number | undefined): void {
    const before = this.#holds.get(task);
    const refusals = (before?.refusals ?? 0) + 1;
    const pause = retryAfterMs ?? Math.min(FIRST_HOLD_MS * 2 ** (refusals - 1), LONGEST_HOLD_MS);
    this.#holds.set(task, { record, untilMs: nowMs + pause, refusals, sinceMs: this.#answered(task) });
    if (!this.#hasEnded) this.#holding.add(this);
  }

  /** It is not known what became of it. */
  fail(task: string, error: unknown): void {
    this.#answered(task);
    this.failure = { error };
  }

  /** The API server has taken the deletion of an object: what is decided before a watch shows that need not ask again. */
  deleted(uid: string, nowMs: number): void {
    this.#deletedAt.set(uid, nowMs);
  }

  /** Whether an object is known to go, whatever the cache has of it. */
  isDeleted(uid: string, nowMs: number): boolean {
    return nowMs - (this.#deletedAt.get(uid) ?? Number.NEGATIVE_INFINITY) < DELETION_TRUSTED_MS;
  }

  /** Records of the tasks that will never have an object. */
  get refused(): ReadonlyMap<string, TaskStatus> {
    return this.#refused;
  }

  #unhold(task: string): void {
    if (this.#holds.delete(task) && this.#holds.size === 0) this.#holding.delete(this);
  }

  #answered(task: string): number {
    const sinceMs = this.#starts.get(task)?.sinceMs ?? this.calledMs;
    this.#starts.delete(task);
    return sinceMs;
  }

  /** For how many milliseconds a status write should wait for the creations under way, the answer to each of which has the run looked at again; 0: it should not. */
  writePutOffMs(nowMs: number): number {
    if (this.#starts.size === 0) return 0;
    this.#putOffAt ??= nowMs;
    return Math.max(0, this.#putOffAt + LONGEST_PUT_OFF_MS - nowMs);
  }

  /**
   * Whether the run is to be looked at because a creation has succeeded. That lets nothing else start, so mostly it is enough to do so when all have
   * been answered; yet there may be more to create, something to be stopped, or a status that has waited long enough.
   */
  isToLook(nowMs: number, most: number): boolean {
    const { size } = this.#starts;
    return size === 0 || this.isEnding || (this.left > 0 && size * 2 <= most) || this.writePutOffMs(nowMs) === 0;
  }

  /** The status is being written. */
  writes(): void {
    this.#putOffAt = undefined;
  }

  /** Nothing is remembered any more: what an attempt that is still under way has to say is of no interest. */
  end(): void {
    this.#hasEnded = true;
    this.#holding.delete(this);
  }

  /** Lets every held task try again at once: something was freed. The pauses keep growing if that was not enough. */
  wake(): void {
    for (const hold of this.#holds.values()) hold.untilMs = Number.NEGATIVE_INFINITY;
  }

  /** Records of the tasks that are to be left alone for now. */
  held(nowMs: number): Map<string, TaskStatus> {
    return new Map(
      [...this.#holds].filter(([, hold]) => hold.untilMs > nowMs).map(([task, hold]) => [task, hold.record]),
    );
  }

  /** Milliseconds until the first held task may try again; undefined if none is held. */
  nextTryMs(nowMs: number): number | undefined {
    const times = [...this.#holds.values()].map((hold) => hold.untilMs - nowMs).filter((ms) => ms > 0);
    return times.length > 0 ? Math.min(...times) : undefined;
  }
}
