import { suite } from "uvu";
import * as assert from "uvu/assert";
import { PoolError, type PoolFailure, type PoolOptions, WorkerPool } from "../../../../api/main-file/worker-pool.ts";
import { within } from "../../../support/deadline.ts";
import type { Trial } from "./trying-worker.ts";

const test = suite("worker pool");
const LONG_MS = 60_000;

async function withPool(
  options: Partial<PoolOptions>,
  body: (pool: WorkerPool<Trial, number>) => Promise<void>,
): Promise<void> {
  const script = new URL("./trying-worker.js", import.meta.url);
  const limits = { maxOldGenerationSizeMb: 64 };
  const pool = new WorkerPool<Trial, number>({ script, threads: 1, queue: 3, deadlineMs: LONG_MS, limits, ...options });
  try {
    await within(LONG_MS, () => body(pool));
  } finally {
    await pool.stop();
  }
}

/** Why a promise was rejected; "" if it was not. */
async function failure(work: Promise<number>): Promise<PoolFailure | ""> {
  try {
    await work;
    return "";
  } catch (error) {
    if (error instanceof PoolError) return error.failure;
    throw error;
  }
}

test("O-6: work is done in the order in which it comes, past the threads that there are", () =>
  withPool({}, async (pool) => {
    const order: number[] = [];
    const echoes = [1, 2, 3, 4].map((echo) => pool.run({ echo }).then((value) => order.push(value)));
    await Promise.all(echoes);
    assert.equal(order, [1, 2, 3, 4]);
  }));

test("O-6: more than may wait is refused at once, but not patient callers; what waits is done", () =>
  withPool({}, async (pool) => {
    const taken = [1, 2, 3, 4].map((echo) => pool.run({ echo }));
    const refused = failure(pool.run({ echo: 5 }));
    const patient = pool.run({ echo: 6 }, { patient: true });
    assert.is(await refused, "busy");
    assert.equal(await Promise.all([...taken, patient]), [1, 2, 3, 4, 6]);
    assert.is(await pool.run({ echo: 7 }), 7, "there is room again");
  }));

test("O-6: a thread that takes too long is ended, and what waits behind it is done by another", () =>
  withPool({ deadlineMs: 5_000 }, async (pool) => {
    const [stuck, next] = [failure(pool.run({ do: "spin" })), pool.run({ echo: 1 })];
    assert.is(await stuck, "too long");
    assert.is(await next, 1);
  }));

test("O-6: while one thread is stuck the other one works", () =>
  withPool({ threads: 2 }, async (pool) => {
    const stuck = failure(pool.run({ do: "spin" }));
    assert.equal(await Promise.all([1, 2, 3].map((echo) => pool.run({ echo }))), [1, 2, 3]);
    await pool.stop();
    assert.is(await stuck, "stopped");
  }));

test("O-6: a thread that crashes, leaves or takes too much memory takes nobody along", () =>
  withPool({}, async (pool) => {
    const trials: [Trial, PoolFailure][] = [
      [{ do: "crash" }, "crashed"],
      [{ do: "exit" }, "crashed"],
      [{ do: "hog" }, "too much memory"],
      [{ fail: "x" }, "crashed"],
    ];
    for (const [trial, expected] of trials) {
      const [failed, next] = [failure(pool.run(trial)), pool.run({ echo: 1 })];
      assert.is(await failed, expected, JSON.stringify(trial));
      assert.is(await next, 1, `after ${JSON.stringify(trial)}`);
    }
  }));

test("O-6: what cannot be sent is told, and the thread goes on", () =>
  withPool({}, async (pool) => {
    const odd = { echo: 1, more: () => undefined };
    assert.is(await failure(pool.run(odd)), "crashed");
    assert.is(await pool.run({ echo: 2 }), 2);
  }));

test("a pool that is stopped rejects what it has and what comes", () =>
  withPool({}, async (pool) => {
    const both = [failure(pool.run({ do: "spin" })), failure(pool.run({ echo: 1 }))];
    await pool.stop();
    assert.equal(await Promise.all(both), ["stopped", "stopped"]);
    assert.is(await failure(pool.run({ echo: 2 })), "stopped");
  }));

test.run();
