import { suite } from "uvu";
import * as assert from "uvu/assert";
import { backoffDelayMs } from "../../../kube/backoff.ts";
import { DeadlineHeap, type Timed } from "../../../kube/deadline-heap.ts";
import { KubeError } from "../../../kube/errors.ts";
import { silentLogger } from "../../../kube/logger.ts";
import { type KeyHandler, WorkQueue, type WorkQueueOptions } from "../../../kube/queue.ts";
import { until, within } from "../../support/deadline.ts";

function queueWith(handler: KeyHandler, options: Partial<WorkQueueOptions> = {}): WorkQueue {
  return new WorkQueue({ name: "test", concurrency: 1, handler, logger: silentLogger, ...options });
}

/** A handler whose runs end only when told. */
function gated() {
  const started: string[] = [];
  const ends = new Map<string, () => void>();
  const handler: KeyHandler = (key) => {
    started.push(key);
    return new Promise<void>((resolve) => ends.set(key, resolve));
  };
  return { started, handler, end: (key: string) => ends.get(key)?.() };
}

const order = suite("order and deduplication");

order("a key is queued once however often it is added", async () => {
  const runs: string[] = [];
  const queue = queueWith(async (key) => {
    runs.push(key);
  });
  for (let i = 0; i < 5; i++) queue.add("a");
  queue.add("b");
  assert.is(queue.depth, 2);
  queue.start();
  await until(() => runs.length === 2, 60_000, { describe: "both keys ran" });
  assert.ok(await queue.drain(1_000));
  assert.equal(runs, ["a", "b"]);
});

order("a key touched while it runs runs exactly once more, and never twice at the same time", async () => {
  const { started, handler, end } = gated();
  const queue = queueWith(handler, { concurrency: 4 });
  queue.start();
  queue.add("a");
  await until(() => started.length === 1, 60_000, { describe: "first run" });
  for (let i = 0; i < 3; i++) queue.add("a");
  queue.add("b");
  await until(() => started.includes("b"), 60_000, { describe: "another key runs beside it" });
  assert.equal(started, ["a", "b"]);
  end("a");
  await until(() => started.length === 3, 60_000, { describe: "second run" });
  end("a");
  end("b");
  await queue.drain(1_000);
  assert.equal(started, ["a", "b", "a"]);
});

order("urgent before normal before low, and a queued key can become urgent", async () => {
  const runs: string[] = [];
  const queue = queueWith(async (key) => {
    runs.push(key);
  });
  queue.add("low", { priority: -1 });
  queue.add("n1");
  queue.add("n2");
  queue.add("urgent", { priority: 1 });
  queue.add("n2", { priority: 1 });
  queue.add("urgent", { priority: -1 });
  queue.start();
  await until(() => runs.length === 4, 60_000, { describe: "all ran" });
  await queue.drain(1_000);
  assert.equal(runs, ["urgent", "n2", "n1", "low"]);
});

order("a steady stream of urgent keys does not starve the others", async () => {
  const runs: string[] = [];
  const queue = queueWith(async (key) => {
    runs.push(key);
  });
  for (let i = 0; i < 100; i++) queue.add(`u${i}`, { priority: 1 });
  queue.add("low", { priority: -1 });
  queue.start();
  await until(() => runs.length === 101, 60_000, { describe: "all ran" });
  await queue.drain(1_000);
  assert.ok(runs.indexOf("low") < 10, `low ran as number ${runs.indexOf("low")}`);
});

order("events that come together are all there before the first run", async () => {
  const seen: number[] = [];
  let state = 0;
  const queue = queueWith(async () => {
    seen.push(state);
  });
  queue.start();
  queue.add("a");
  state = 1;
  queue.add("a");
  state = 2;
  await until(() => seen.length === 1, 60_000, { describe: "one run" });
  await queue.drain(1_000);
  assert.equal(seen, [2]);
});

order("100,000 keys cost the same each as a few", async () => {
  let runs = 0;
  const queue = queueWith(
    async () => {
      runs++;
    },
    { concurrency: 16 },
  );
  for (let i = 0; i < 100_000; i++) queue.add(`k${i}`, { priority: i % 3 === 0 ? 1 : 0 });
  for (let i = 0; i < 100_000; i++) queue.add(`k${i}`, { priority: 1 });
  assert.is(queue.depth, 100_000);
  await within(60_000, async () => {
    queue.start();
    await until(() => runs === 100_000, 60_000, { describe: "all ran" });
  });
  assert.is(queue.depth, 0);
  await queue.drain(1_000);
});

const timing = suite("delays and back-off");

timing("of two delayed additions the earlier counts, in either order", async () => {
  const runs: string[] = [];
  const queue = queueWith(async (key) => {
    runs.push(key);
  });
  queue.start();
  queue.add("a", { afterMs: 40 });
  queue.add("a", { afterMs: 60_000 });
  queue.add("b", { afterMs: 60_000 });
  queue.add("b", { afterMs: 40 });
  await until(() => runs.length === 2, 60_000, { describe: "both early ones" });
  await queue.drain(1_000);
  assert.equal(runs.sort(), ["a", "b"]);
});

timing("a handler asks for a later run, and an event does not lose it", async () => {
  let runs = 0;
  const queue = queueWith(async () => {
    runs++;
    return runs === 1 ? { requeueAfterMs: 60 } : undefined;
  });
  queue.start();
  queue.add("a");
  await until(() => runs === 1, 60_000, { describe: "first" });
  queue.add("a");
  await until(() => runs === 3, 60_000, { describe: "the event's run and the requested one" });
  await queue.drain(1_000);
});

timing("many delayed keys come in the order of their times, moved and removed ones too", () => {
  const heap = new DeadlineHeap<Timed>();
  const elements = Array.from({ length: 200 }, (): Timed => ({ dueAt: 0, heapIndex: -1 }));
  elements.forEach((element, i) => {
    heap.schedule(element, 1_000 + ((i * 7919) % 200));
  });
  for (const [i, element] of elements.entries()) {
    if (i % 5 === 0) heap.remove(element);
    if (i % 7 === 0) heap.schedule(element, 500 + i);
  }
  const times: number[] = [];
  for (let first = heap.peek(); first !== undefined; first = heap.peek()) {
    times.push(first.dueAt);
    heap.remove(first);
  }
  assert.is(times.length, elements.filter((_, i) => i % 5 !== 0 || i % 7 === 0).length);
  assert.equal(
    times,
    [...times].sort((x, y) => x - y),
  );
});

timing("back-off doubles from 5 ms to 5 min, with up to half of it taken off at random", () => {
  const bounds = { baseMs: 5, capMs: 300_000 };
  assert.is(
    backoffDelayMs(1, bounds, () => 0),
    5,
  );
  assert.is(
    backoffDelayMs(4, bounds, () => 0),
    40,
  );
  assert.is(
    backoffDelayMs(4, bounds, () => 1),
    20,
  );
  assert.is(
    backoffDelayMs(17, bounds, () => 0),
    300_000,
  );
  assert.is(
    backoffDelayMs(5_000, bounds, () => 0),
    300_000,
  );
});

timing("a key that fails is put off longer each time and starts anew after a success", async () => {
  const delays: number[] = [];
  let runs = 0;
  const logger = { ...silentLogger, warn: (fields: object) => delays.push((fields as { failures: number }).failures) };
  const queue = queueWith(
    async () => {
      runs++;
      if (runs <= 3 || runs === 5) throw new Error("no");
    },
    { backoff: { baseMs: 1, capMs: 10 }, logger },
  );
  queue.start();
  queue.add("a");
  await until(() => runs === 4, 60_000, { describe: "success after three failures" });
  queue.add("a");
  await until(() => runs === 6, 60_000, { describe: "success after another failure" });
  await queue.drain(1_000);
  assert.equal(delays, [1, 2, 3, 1]);
});

timing("a poison key does not slow the others (F-38)", async () => {
  let poison = 0;
  const good: string[] = [];
  const queue = queueWith(async (key) => {
    if (key === "poison") {
      poison++;
      throw new Error("poison");
    }
    good.push(key);
  });
  queue.start();
  queue.add("poison");
  await until(() => poison >= 3, 60_000, { describe: "poison fails" });
  const before = poison;
  for (let i = 0; i < 1_000; i++) {
    queue.add("poison");
    queue.add(`g${i}`);
  }
  await until(() => good.length === 1_000, 60_000, { describe: "the good ones ran" });
  await queue.drain(1_000);
  assert.ok(poison - before < 10, `poison ran ${poison - before} times among 1,000 events`);
});

timing("an event brings a key that backs off forward without resetting its count", async () => {
  const failures: number[] = [];
  const logger = {
    ...silentLogger,
    warn: (fields: object) => failures.push((fields as { failures: number }).failures),
  };
  const queue = queueWith(
    async () => {
      throw new Error("no");
    },
    { backoff: { baseMs: 60_000, capMs: 60_000 }, logger },
  );
  queue.start();
  queue.add("a");
  await until(() => failures.length === 1, 60_000, { describe: "first failure" });
  queue.add("a");
  await until(() => failures.length === 2, 30_000, { describe: "the event ran it within its short pause" });
  await queue.drain(1_000);
  assert.equal(failures, [1, 2]);
});

timing("Retry-After wins over the back-off and over events (F-16)", async () => {
  const at: number[] = [];
  const throttled = new KubeError({
    code: 429,
    reason: "TooManyRequests",
    category: "throttled",
    message: "slow down",
    retryAfterMs: 150,
  });
  const queue = queueWith(async () => {
    at.push(performance.now());
    if (at.length === 1) throw throttled;
  });
  queue.start();
  queue.add("a");
  await until(() => at.length === 1, 60_000, { describe: "first run" });
  queue.add("a");
  await until(() => at.length === 2, 60_000, { describe: "second run" });
  await queue.drain(1_000);
  assert.ok((at[1] ?? 0) - (at[0] ?? 0) >= 149, `${at}`);
});

timing("a key that failed while it was touched still waits its turn", async () => {
  let runs = 0;
  const queue = queueWith(
    async (key) => {
      runs++;
      queue.add(key);
      throw new Error("no");
    },
    { backoff: { baseMs: 60_000, capMs: 60_000 } },
  );
  queue.start();
  queue.add("a");
  await until(() => runs === 1, 60_000, { describe: "first run" });
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.is(runs, 1);
  await queue.drain(1_000);
});

const draining = suite("drain (F-41)");

draining("waits for what runs, drops what waits, accepts nothing", async () => {
  const { started, handler, end } = gated();
  const queue = queueWith(handler);
  queue.start();
  queue.add("a");
  queue.add("b");
  queue.add("c", { afterMs: 5 });
  await until(() => started.length === 1, 60_000, { describe: "a runs" });
  const drained = queue.drain(5_000);
  queue.add("d");
  end("a");
  assert.is(await drained, true);
  assert.equal(started, ["a"]);
  assert.is(queue.depth, 0);
  assert.is(await queue.drain(1), true, "a second call is harmless");
});

draining("gives up at the deadline and aborts the handlers' signal", async () => {
  let aborted = false;
  const queue = queueWith(
    (_key, { signal }) =>
      new Promise<void>((resolve) => {
        signal.addEventListener("abort", () => {
          aborted = true;
          resolve();
        });
      }),
  );
  queue.start();
  queue.add("a");
  await new Promise((resolve) => setImmediate(resolve));
  assert.is(await queue.drain(30), false);
  assert.ok(aborted);
});

draining("of a queue that never started ends at once", async () => {
  const queue = queueWith(async () => undefined);
  queue.add("a", { afterMs: 60_000 });
  assert.is(await queue.drain(1_000), true);
});

order.run();
timing.run();
draining.run();
