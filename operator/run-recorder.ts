import type { Pipeline, PipelineStatus } from "../crds/generated/types.ts";
import { PIPELINE } from "../crds/resources.ts";
import { type KubeObject, objectPath } from "../kube/resource.ts";
import { tellNews } from "./act/run-news.ts";
import { type WriteResult, writeStatus, writeTooLarge } from "./act/status.ts";
import { stopAll } from "./act/stop-object.ts";
import { Announcements } from "./announcements.ts";
import { isAnnouncement } from "./decide/announcement.ts";
import { phaseOf, type StatusInput, statusOf } from "./decide/status.ts";
import type { Next } from "./next-look.ts";
import type { ReconcilerOptions } from "./reconciler-options.ts";
import type { RunMemory } from "./run-memory.ts";

/** What the recorder needs to know of the runs that go on. */
export interface RecordedRuns {
  memoryOf(uid: string): RunMemory | undefined;
  /** The run has ended or is gone. */
  forget(key: string, uid: string): void;
}

/** Writes the status of runs: as soon as it matters, as seldom as it may be. */
export class RunRecorder {
  readonly #options: ReconcilerOptions;
  readonly #runs: RecordedRuns;
  readonly #announcements = new Announcements();

  constructor(options: ReconcilerOptions, runs: RecordedRuns) {
    this.#options = options;
    this.#runs = runs;
  }

  /**
   * Writes at once what matters at once, and the rest together with what comes meanwhile. A pass does not wait for the write: what ends while it is
   * under way has its followers started, which need no record of ours (I-2). Where the next pass would do the same again without the record
   * (`awaited`), it is waited for. While objects are being created it waits a moment, so that one write tells of them as well.
   */
  async record(key: string, memory: RunMemory, input: StatusInput, awaited: boolean): Promise<Next> {
    const { run } = input;
    if (memory.writing !== undefined) {
      memory.hasMoreToWrite = true;
      if (awaited) await memory.writing;
      return undefined;
    }
    // The answer to each creation calls for another pass. None takes longer than a request may; but that a run is ending is told before.
    const putOffMs = awaited ? 0 : memory.writePutOffMs(performance.now());
    if (putOffMs > 0) return input.ending === undefined ? undefined : { requeueAfterMs: Math.ceil(putOffMs) };
    const pauseMs = memory.pace.writePauseMs(input.tasks.length, performance.now());
    if (pauseMs > 0 && !awaited && phaseOf(input) === run.status?.phase) return { requeueAfterMs: Math.ceil(pauseMs) };
    const waitMs = awaited ? 0 : this.#announcementWaitMs(memory, input, performance.now());
    if (waitMs > 0) return { requeueAfterMs: Math.ceil(waitMs) };
    // Another process wrote, or a write of ours ended while this pass was acting: that is to be decided on.
    const current = this.#options.caches.runs.get(key)?.metadata.resourceVersion;
    if (current !== run.metadata.resourceVersion) return { requeueAfterMs: 0 };
    memory.writes();
    const status = statusOf(input);
    if (awaited || memory.writeFailed) {
      const next = await this.write(key, run, status);
      memory.writeFailed = false;
      return awaited ? { requeueAfterMs: 0 } : next;
    }
    memory.writing = this.#options.beside(key, () => this.#writeBeside(key, run, status, memory));
    return undefined;
  }

  /** Milliseconds for which the status may wait because it tells no more than that tasks have begun to run; 0 if it is to be written now. */
  #announcementWaitMs(memory: RunMemory, input: StatusInput, nowMs: number): number {
    const mayWait = isAnnouncement(input) && !this.#options.turns.isLimited(input.run, input.plan);
    if (!mayWait) return 0;
    const isRunning = input.tasks.some(({ object }) => object?.phase === "Running");
    memory.announcement = this.#announcements.turn(memory.announcement, isRunning, nowMs);
    return Math.max(0, memory.announcement.dueMs - nowMs);
  }

  #noteWritten(memory: RunMemory | undefined, startedMs: number, nowMs: number): void {
    this.#announcements.wrote(nowMs - startedMs);
    memory?.pace.wrote(startedMs, nowMs);
    if (memory !== undefined) delete memory.announcement;
  }

  async #writeBeside(key: string, run: Pipeline, status: PipelineStatus, memory: RunMemory): Promise<void> {
    try {
      const next = await this.write(key, run, status);
      memory.hasMoreToWrite ||= next !== undefined;
    } catch {
      // The next pass repeats it, and tells the queue what comes of that.
      memory.writeFailed = true;
      memory.hasMoreToWrite = true;
    }
    delete memory.writing;
    if (!memory.hasMoreToWrite) return;
    memory.hasMoreToWrite = false;
    this.#options.again(key);
  }

  /** Writes a status on the version of the run that it was made from, and takes in what became of that. */
  async write(key: string, run: Pipeline, status: PipelineStatus): Promise<Next> {
    const startedAt = performance.now();
    const result = await writeStatus(this.#options.client, run, status);
    if (result.kind === "written")
      this.#noteWritten(this.#runs.memoryOf(run.metadata.uid), startedAt, performance.now());
    return await this.#written(key, run, status, result);
  }

  /** Ends a run whose status is too large to be written. Its pods go first, so that a crash in between leaves none behind. */
  async endTooLarge(key: string, run: Pipeline, memory: RunMemory): Promise<Next> {
    const { client, caches } = this.#options;
    await memory.writing;
    const objects = [...caches.objectsByRun.of(run.metadata)];
    await stopAll(this.#options, run);
    const result = await writeTooLarge(client, run, objects);
    const end = result.kind === "written" ? result.object.status : undefined;
    return await this.#written(key, run, end ?? {}, result);
  }

  /** Takes in what became of the write of `status`. */
  async #written(key: string, run: Pipeline, status: PipelineStatus, result: WriteResult): Promise<Next> {
    const { client, caches, events, metrics, plans, logger } = this.#options;
    switch (result.kind) {
      case "unchanged":
        return undefined;
      case "tooLarge": {
        // Not repeated as it is; the next pass ends the run (F-26). One that is forgotten is gone.
        const memory = this.#runs.memoryOf(run.metadata.uid);
        if (memory !== undefined) memory.isTooLarge = true;
        return { requeueAfterMs: 0 };
      }
      case "gone":
        this.#runs.forget(key, run.metadata.uid);
        return undefined;
      case "stale": {
        const fresh = await client.get<KubeObject>(objectPath(PIPELINE, run.metadata.namespace, run.metadata.name));
        caches.runs.noteWritten(fresh);
        return { requeueAfterMs: 0 };
      }
      case "written": {
        metrics.statusBytes.observe(result.bytes);
        const told = run.status?.eventCount ?? 0;
        const fresh = (status.events ?? []).filter(
          (event) => event.source === "odin" && Number(event.id.slice("odin-".length)) >= told,
        );
        events.tell(run, fresh);
        caches.runs.noteWritten(result.object as unknown as KubeObject);
        if (result.object.status?.snapshot !== undefined) plans.release(run.metadata.uid);
        tellNews(run, status, fresh, this.#runs.memoryOf(run.metadata.uid)?.passes ?? 0, { metrics, logger });
        if (status.completionTime !== undefined) this.#runs.forget(key, run.metadata.uid);
        return undefined;
      }
    }
  }
}
