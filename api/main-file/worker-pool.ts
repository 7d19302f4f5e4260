import { type ResourceLimits, Worker } from "node:worker_threads";

/** Why a piece of work has no result; `crashed` is a fault of ours, the others are those of the work or of the moment. */
export type PoolFailure = "busy" | "too long" | "too much memory" | "crashed" | "stopped";

/** Thrown for work without a result. */
export class PoolError extends Error {
  readonly failure: PoolFailure;

  constructor(failure: PoolFailure, detail: string) {
    super(detail);
    this.name = "PoolError";
    this.failure = failure;
  }
}

/** What a thread answers to each message: the result, or what was thrown. */
export type WorkReply<R> = { result: R } | { thrown: string };

export interface PoolOptions {
  /** The module that a thread runs: it answers each message with one `WorkReply`, in their order. */
  script: URL;
  /** Most threads; they are started when they are needed. */
  threads: number;
  /** Most pieces of work that wait for a thread. */
  queue: number;
  /** Longest that one piece of work may take, without the time that it waits. */
  deadlineMs: number;
  /** Memory of each thread. */
  limits: ResourceLimits;
}

interface Work<Q, R> {
  request: Q;
  resolve(result: R): void;
  reject(error: PoolError): void;
}

interface Thread<Q, R> {
  worker: Worker;
  doing?: { work: Work<Q, R>; timer: NodeJS.Timeout };
}

/**
 * What a thread may use for young objects. Node allows a thread that reaches its limit little more in which to end it. Node 24 makes that room so
 * large by default that what survives of it at once can be more than is allowed, and then the whole process is aborted.
 */
const YOUNG_MB = 16;

/**
 * Does work that would keep the event loop busy in threads of their own, in the order in which it comes, one piece at a time in each. A thread
 * that takes too long is ended, and so is one that needs too much memory; whoever gave it the work is told, and the next work gets a new thread.
 */
export class WorkerPool<Q, R> {
  readonly #options: PoolOptions;
  readonly #threads = new Set<Thread<Q, R>>();
  readonly #waiting: Work<Q, R>[] = [];
  #isStopped = false;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /**
   * The result for a request, which must be something that a message can hold. Rejects with a `PoolError`; with `patient`, never because too much
   * waits already: for callers that ask for one thing after the other.
   */
  run(request: Q, { patient = false } = {}): Promise<R> {
    return new Promise((resolve, reject) => {
      if (this.#isStopped) return reject(new PoolError("stopped", "the server stops"));
      if (!patient && !this.#hasRoom()) return reject(new PoolError("busy", `${this.#waiting.length} wait already`));
      this.#waiting.push({ request, resolve, reject });
      this.#next();
    });
  }

  /** Ends the threads; what is still asked for is rejected. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const { reject } of this.#waiting.splice(0)) reject(new PoolError("stopped", "the server stops"));
    const workers = [...this.#threads].map((thread) => {
      this.#end(thread, new PoolError("stopped", "the server stops"));
      return thread.worker;
    });
    await Promise.all(workers.map((worker) => worker.terminate()));
  }

  #hasRoom(): boolean {
    return this.#idle() !== undefined || this.#canStart() || this.#waiting.length < this.#options.queue;
  }

  #idle(): Thread<Q, R> | undefined {
    return [...this.#threads].find(({ doing }) => doing === undefined);
  }

  #canStart(): boolean {
    return this.#threads.size < this.#options.threads;
  }

  #next(): void {
    if (this.#waiting.length === 0 || this.#isStopped) return;
    const thread = this.#idle() ?? (this.#canStart() ? this.#start() : undefined);
    const work = thread && this.#waiting.shift();
    if (thread === undefined || work === undefined) return;
    const { deadlineMs } = this.#options;
    const timer = setTimeout(() => {
      this.#end(thread, new PoolError("too long", `not done within ${deadlineMs / 1000} s`));
    }, deadlineMs);
    thread.doing = { work, timer };
    thread.worker.ref();
    try {
      thread.worker.postMessage(work.request);
    } catch (error) {
      this.#done(thread)?.reject(new PoolError("crashed", reason(error)));
    }
  }

  #start(): Thread<Q, R> {
    const resourceLimits = { maxYoungGenerationSizeMb: YOUNG_MB, ...this.#options.limits };
    const worker = new Worker(this.#options.script, { resourceLimits });
    const thread: Thread<Q, R> = { worker };
    this.#threads.add(thread);
    worker.on("message", (reply: WorkReply<R>) => {
      const work = this.#done(thread);
      if ("result" in reply) work?.resolve(reply.result);
      else work?.reject(new PoolError("crashed", reply.thrown));
    });
    worker.on("error", (error) => {
      const isMemory = "code" in error && error.code === "ERR_WORKER_OUT_OF_MEMORY";
      this.#end(thread, new PoolError(isMemory ? "too much memory" : "crashed", reason(error)));
    });
    worker.on("exit", (code) => this.#end(thread, new PoolError("crashed", `the thread ended with ${code}`)));
    return thread;
  }

  /** Takes a thread's work from it; it can take the next. */
  #done(thread: Thread<Q, R>): Work<Q, R> | undefined {
    const { doing } = thread;
    if (doing === undefined) return undefined;
    clearTimeout(doing.timer);
    delete thread.doing;
    // A thread without work must not keep the process alive.
    thread.worker.unref();
    queueMicrotask(() => this.#next());
    return doing.work;
  }

  #end(thread: Thread<Q, R>, error: PoolError): void {
    if (!this.#threads.delete(thread)) return;
    this.#done(thread)?.reject(error);
    void thread.worker.terminate();
    this.#next();
  }
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
