import { realpath } from "node:fs/promises";
import { Worker } from "node:worker_threads";
import type { HashReply, HashRequest } from "./hash-worker.ts";

/** Longest that one path may take; a volume that hangs must not keep a task waiting for ever. */
const DEADLINE_MS = 15 * 60_000;
/** Paths that are read at once. */
const SLOTS = 2;

interface Pending {
  resolve(hash: string): void;
  reject(error: Error): void;
  timer: NodeJS.Timeout;
}

/** Hashes what lies on the volume in a thread of its own, a few paths at a time, in the order in which they are asked for. */
export class Hasher {
  readonly #volume: string;
  readonly #pending = new Map<number, Pending>();
  #worker: Worker | undefined;
  #asked = 0;
  #busy = 0;
  #isStopped = false;
  readonly #waiting: (() => void)[] = [];

  constructor(volume: string) {
    this.#volume = volume;
  }

  /** SHA-256 of the content of a path on the volume; rejects if it cannot be known. */
  async hash(path: string): Promise<string> {
    await this.#slot();
    try {
      return await this.#ask(path);
    } finally {
      this.#busy -= 1;
      this.#waiting.shift()?.();
    }
  }

  /** Waits for room: each file that is read takes a buffer, and files of a network volume are read one after another anyway. */
  async #slot(): Promise<void> {
    while (this.#busy >= SLOTS) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#busy += 1;
  }

  async #ask(path: string): Promise<string> {
    if (this.#isStopped) throw new Error("stopped");
    const volume = await realpath(this.#volume);
    const worker = this.#running();
    this.#asked += 1;
    const id = this.#asked;
    return await new Promise<string>((resolve, reject) => {
      const timer = setTimeout(() => this.#fail(new Error(`${path}: not hashed within 15 minutes`)), DEADLINE_MS);
      timer.unref();
      this.#pending.set(id, { resolve, reject, timer });
      worker.postMessage({ id, path, volume } satisfies HashRequest);
    });
  }

  /** Ends the thread; what is still asked for is rejected. */
  async stop(): Promise<void> {
    const worker = this.#worker;
    this.#isStopped = true;
    this.#fail(new Error("stopped"));
    await worker?.terminate();
  }

  #running(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const worker = new Worker(new URL("./hash-worker.js", import.meta.url));
    // It alone must not keep the process alive.
    worker.unref();
    worker.on("message", (reply: HashReply) => {
      const pending = this.#pending.get(reply.id);
      if (pending === undefined) return;
      this.#pending.delete(reply.id);
      clearTimeout(pending.timer);
      if ("hash" in reply) pending.resolve(reply.hash);
      else pending.reject(new Error(reply.error));
    });
    const ended = (error: unknown): void => {
      if (this.#worker === worker) this.#fail(error instanceof Error ? error : new Error("the hashing thread ended"));
    };
    worker.on("error", ended);
    worker.on("exit", ended);
    this.#worker = worker;
    return worker;
  }

  /** Gives up on everything asked for; the next question starts a new thread. */
  #fail(error: Error): void {
    const worker = this.#worker;
    this.#worker = undefined;
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer);
      reject(error);
    }
    this.#pending.clear();
    void worker?.terminate();
  }
}
