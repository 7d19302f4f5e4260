import type * as crypto from "node:crypto";
import type * as http from "node:http";
import { createRequire, syncBuiltinESMExports } from "node:module";
import type { Planned, VirtualTime } from "./virtual-time.ts";

/** What a program in the simulation has instead of the machine. */
export interface Surroundings {
  time: VirtualTime;
  /** Numbers from 0 to 1 for everything that programs leave to chance. */
  random: () => number;
  /** Sends a request; a stand-in for `http.request`. */
  request: (options: http.RequestOptions) => http.ClientRequest;
}

const require = createRequire(import.meta.url);
const mutableCrypto = require("node:crypto") as { -readonly [K in keyof typeof crypto]: (typeof crypto)[K] };
const mutableHttp = require("node:http") as { -readonly [K in keyof typeof http]: (typeof http)[K] };
const mutableTimers = require("node:timers/promises") as { setTimeout: unknown };

/** A timer of the virtual clock, with what programs ask of one of Node's. */
class VirtualTimer {
  #planned: Planned;
  readonly #time: VirtualTime;
  readonly #delayMs: number;
  readonly #every: boolean;
  readonly #process;
  readonly #callback: () => void;

  constructor(time: VirtualTime, delayMs: number, callback: () => void, every: boolean) {
    this.#time = time;
    this.#delayMs = Math.max(1, Number(delayMs) || 0);
    this.#callback = callback;
    this.#every = every;
    this.#process = time.current;
    this.#planned = this.#plan();
  }

  #plan(): Planned {
    return this.#time.after(
      this.#delayMs,
      () => {
        if (this.#every) this.#planned = this.#plan();
        this.#callback();
      },
      this.#process,
    );
  }

  clear(): void {
    this.#planned.cancelled = true;
  }

  refresh(): this {
    this.clear();
    this.#planned = this.#plan();
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  hasRef(): boolean {
    return true;
  }
}

function clear(timer: unknown): void {
  if (timer instanceof VirtualTimer) timer.clear();
}

/**
 * Puts virtual clocks, timers, chance and network in the place of this process's own, for code that knows nothing of it; returns the function that
 * puts everything back. Files, worker threads and other real things stay out of the simulation: waiting for them would not be repeatable.
 */
export function replaceGlobals({ time, random, request }: Surroundings): () => void {
  const RealDate = Date;
  const realRandom = Math.random;
  const realTimers = { setTimeout, clearTimeout, setInterval, clearInterval, setImmediate, clearImmediate };
  const realSleep = mutableTimers.setTimeout;
  const realCrypto = { randomUUID: mutableCrypto.randomUUID, randomBytes: mutableCrypto.randomBytes };
  const realRequest = mutableHttp.request;
  const realTimeout = AbortSignal.timeout;

  class VirtualDate extends RealDate {
    constructor(...values: unknown[]) {
      if (values.length === 0) super(time.wallMs(time.current));
      else super(...(values as [number]));
    }
    static override now(): number {
      return time.wallMs(time.current);
    }
  }

  const bytes = (size: number): Buffer => Buffer.from(Array.from({ length: size }, () => Math.floor(random() * 256)));
  const uuid = (): string => {
    const hex = bytes(16).toString("hex");
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`;
  };
  const later =
    (every: boolean) =>
    (callback: (...values: unknown[]) => void, delayMs = 0, ...values: unknown[]): VirtualTimer =>
      new VirtualTimer(time, delayMs, () => callback(...values), every);
  const sleep = (delayMs?: number, value?: unknown, { signal }: { signal?: AbortSignal } = {}): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const stop = (): void => {
        timer.clear();
        reject(signal?.reason ?? new Error("aborted"));
      };
      const timer = new VirtualTimer(
        time,
        delayMs ?? 0,
        () => {
          signal?.removeEventListener("abort", stop);
          resolve(value);
        },
        false,
      );
      if (signal?.aborted) stop();
      else signal?.addEventListener("abort", stop, { once: true });
    });

  Object.assign(globalThis, {
    Date: VirtualDate,
    setTimeout: later(false),
    setInterval: later(true),
    clearTimeout: clear,
    clearInterval: clear,
    setImmediate: (callback: (...values: unknown[]) => void, ...values: unknown[]) =>
      new VirtualTimer(time, 0, () => callback(...values), false),
    clearImmediate: clear,
  });
  Math.random = random;
  Object.defineProperty(performance, "now", { value: () => time.nowMs, configurable: true, writable: true });
  AbortSignal.timeout = (delayMs: number): AbortSignal => {
    const controller = new AbortController();
    new VirtualTimer(time, delayMs, () => controller.abort(new DOMException("timed out", "TimeoutError")), false);
    return controller.signal;
  };
  mutableTimers.setTimeout = sleep;
  mutableCrypto.randomUUID = uuid as typeof crypto.randomUUID;
  mutableCrypto.randomBytes = bytes as typeof crypto.randomBytes;
  mutableHttp.request = request as typeof http.request;
  syncBuiltinESMExports();

  return () => {
    Object.assign(globalThis, realTimers, { Date: RealDate });
    Math.random = realRandom;
    Reflect.deleteProperty(performance, "now");
    AbortSignal.timeout = realTimeout;
    mutableTimers.setTimeout = realSleep;
    Object.assign(mutableCrypto, realCrypto);
    mutableHttp.request = realRequest;
    syncBuiltinESMExports();
  };
}
