import type { TaskStatus } from "../crds/generated/types.ts";
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
  /** A status write that is under way, beside the passes; never rejects. */
  writing?: Promise<void>;
  /** A pass could not write meanwhile: the run is looked at again when that one has ended. */
  hasMoreToWrite = false;
  /** The last status write failed: the next one is made within a pass, so that the queue puts the run off if that fails too. */
  writeFailed = false;
  /** UIDs of the objects that were asked to go. */
  readonly askedToGo = new Set<string>();
  /** When a trouble of an object was first seen, for what is judged by how long it lasts. */
  readonly troubledSince = new Map<string, string>();
  readonly key: string;
  readonly namespace: string | undefined;
  readonly #holds = new Map<string, Hold>();

  constructor(key: string, namespace: string | undefined) {
    this.key = key;
    this.namespace = namespace;
  }

  /** Puts a task off after a refusal for now, each time for longer (F-12: 1 s to 60 s). */
  hold(task: string, record: TaskStatus, nowMs: number, retryAfterMs: number | undefined): void {
    const before = this.#holds.get(task);
    const refusals = (before?.refusals ?? 0) + 1;
    const pause = retryAfterMs ?? Math.min(FIRST_HOLD_MS * 2 ** (refusals - 1), LONGEST_HOLD_MS);
    this.#holds.set(task, { record, untilMs: nowMs + pause, refusals, sinceMs: before?.sinceMs ?? this.calledMs });
  }

  /** A task was created; returns the monotonic time since when it could have been. */
  unhold(task: string): number {
    const sinceMs = this.#holds.get(task)?.sinceMs ?? this.calledMs;
    this.#holds.delete(task);
    return sinceMs;
  }

  /** Lets every held task try again at once: something was freed. The pauses keep growing if that was not enough. */
  wake(): boolean {
    for (const hold of this.#holds.values()) hold.untilMs = Number.NEGATIVE_INFINITY;
    return this.#holds.size > 0;
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
