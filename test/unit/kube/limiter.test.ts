import { getEventListeners } from "node:events";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { isKubeError } from "../../../kube/errors.ts";
import { LANES, type Lane, Limiter } from "../../../kube/limiter.ts";
import { until } from "../../support/deadline.ts";

const OK = { succeeded: true, throttled: false };
const TOO_MANY = { succeeded: false, throttled: true };

/** Puts a request into a lane and notes when it gets its slot. */
function ask(limiter: Limiter, lane: Lane, granted: Lane[], signal?: AbortSignal): Promise<void> | undefined {
  const slot = limiter.acquire(lane, signal);
  if (slot === undefined) granted.push(lane);
  return slot?.then(() => {
    granted.push(lane);
  });
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

const lanes = suite("lanes");

lanes("a free slot is taken at once, without a promise", () => {
  const limiter = new Limiter({ max: 2, min: 1 });
  assert.is(limiter.acquire("create"), undefined);
  assert.is(limiter.acquire("other"), undefined);
  assert.is.not(limiter.acquire("create"), undefined);
  assert.is(limiter.inFlight, 2);
});

lanes("waiting requests are served by priority", async () => {
  const limiter = new Limiter({ max: 1, min: 1 });
  const granted: Lane[] = [];
  ask(limiter, "other", granted);
  for (const lane of [...LANES].reverse()) ask(limiter, lane, granted);
  for (const lane of ["other", "create", "status", "delete", "event"] as const) {
    limiter.release(lane, OK);
    await settle();
  }
  assert.equal(granted, ["other", "create", "status", "delete", "event", "other"]);
});

lanes("every lane gets its share while creates flood", async () => {
  const limiter = new Limiter({ max: 20 });
  const granted: Lane[] = [];
  for (let i = 0; i < 200; i++) ask(limiter, "create", granted);
  for (const lane of LANES) for (let i = 0; i < 20; i++) if (lane !== "create") ask(limiter, lane, granted);
  const running: Lane[] = granted.splice(0);
  const counts = new Map<Lane, number>();
  for (let i = 0; i < 20; i++) {
    limiter.release(running[i] ?? "create", OK);
    await settle();
  }
  for (const lane of granted) counts.set(lane, (counts.get(lane) ?? 0) + 1);
  assert.equal(Object.fromEntries(counts), { create: 10, status: 4, delete: 2, event: 2, other: 2 });
});

lanes("a signal that many wait with has one listener, and none when nobody waits any more", async () => {
  const limiter = new Limiter({ max: 5 });
  for (let taken = 0; taken < 5; taken++) assert.is(limiter.acquire("create"), undefined);
  const abort = new AbortController();
  const waiting = Array.from({ length: 50 }, () => limiter.acquire("create", abort.signal));
  assert.is(getEventListeners(abort.signal, "abort").length, 1);
  for (let freed = 0; freed < 50; freed++) limiter.release("create", { throttled: false, succeeded: true });
  await Promise.all(waiting);
  assert.is(getEventListeners(abort.signal, "abort").length, 0);
  const cut = [limiter.acquire("create", abort.signal), limiter.acquire("status", abort.signal)];
  abort.abort();
  for (const refused of cut) assert.ok(isKubeError(await refused?.catch((error: unknown) => error), "aborted"));
  assert.is(limiter.waiting("create") + limiter.waiting("status"), 0);
});

lanes("what is aborted while it waits takes no slot", async () => {
  const limiter = new Limiter({ max: 1, min: 1 });
  const granted: Lane[] = [];
  ask(limiter, "create", granted);
  const abort = new AbortController();
  const refused = ask(limiter, "create", granted, abort.signal)?.catch((error) => error);
  abort.abort();
  assert.ok(isKubeError(await refused, "aborted"));
  assert.ok(isKubeError(await limiter.acquire("create", abort.signal)?.catch((error) => error), "aborted"));
  limiter.release("create", OK);
  assert.is(limiter.inFlight, 0);
  assert.is(limiter.acquire("create"), undefined);
});

lanes("events are dropped when too many wait", async () => {
  const limiter = new Limiter({ max: 1, min: 1, maxWaitingEvents: 2 });
  const granted: Lane[] = [];
  for (let i = 0; i < 3; i++) ask(limiter, "event", granted);
  const error = await limiter.acquire("event")?.catch((caught) => caught);
  assert.ok(isKubeError(error, "throttled"));
});

lanes("order is kept over thousands of waiting requests", async () => {
  const limiter = new Limiter({ max: 1, min: 1 });
  const order: number[] = [];
  limiter.acquire("create");
  for (let i = 0; i < 5_000; i++) limiter.acquire("create")?.then(() => order.push(i));
  for (let i = 0; i < 5_000; i++) limiter.release("create", OK);
  await settle();
  assert.equal(
    order,
    Array.from({ length: 5_000 }, (_, i) => i),
  );
});

const limits = suite("limit (F-16)");

limits("halves on 429, once for all answers of one overload, and not below one slot per lane", () => {
  let now = 0;
  const limiter = new Limiter({ max: 64, now: () => now });
  const overload = () => {
    limiter.acquire("create");
    limiter.release("create", TOO_MANY);
  };
  overload();
  overload();
  assert.is(limiter.limit, 32);
  for (let i = 0; i < 10; i++) {
    now += 1_000;
    overload();
  }
  assert.is(limiter.limit, LANES.length);
});

limits("grows by one with each full round of successes, and only while it is used up", () => {
  let now = 0;
  const limiter = new Limiter({ max: 64, now: () => now });
  for (let i = 0; i < 4; i++) {
    now += 1_000;
    limiter.acquire("create");
    limiter.release("create", TOO_MANY);
  }
  assert.is(limiter.limit, 5);
  for (let i = 0; i < 100; i++) {
    limiter.acquire("create");
    limiter.release("create", OK);
  }
  assert.is(limiter.limit, 5, "one at a time says nothing about more");
  for (let round = 0; round < 3; round++) {
    const slots = limiter.limit;
    for (let i = 0; i < slots; i++) limiter.acquire("create");
    for (let i = 0; i < slots; i++) {
      limiter.release("create", OK);
      limiter.acquire("create");
    }
    for (let i = 0; i < slots; i++) limiter.release("create", OK);
  }
  assert.ok(limiter.limit >= 7 && limiter.limit <= 9, String(limiter.limit));
});

limits("halves when latency rises to a multiple of the usual, to a quarter at worst, and ignores that of lists", () => {
  let now = 0;
  const limiter = new Limiter({ max: 64, now: () => now });
  const answer = (lane: Lane, latencyMs: number) => {
    limiter.acquire(lane);
    limiter.release(lane, { ...OK, latencyMs });
  };
  for (let i = 0; i < 50; i++) answer("create", 10);
  for (let i = 0; i < 50; i++) answer("other", 5_000);
  assert.is(limiter.limit, 64);
  for (let i = 0; i < 20; i++) answer("create", 200);
  assert.is(limiter.limit, 64, "below a quarter of a second nothing is slow");
  now = 10_000;
  for (let i = 0; i < 20; i++) answer("create", 2_000);
  assert.is(limiter.limit, 32);
  for (let i = 0; i < 20; i++) {
    now += 1_000;
    answer("create", 2_000);
  }
  assert.is(limiter.limit, 16);
});

limits("Retry-After holds back every request to that server until it is over", async () => {
  const limiter = new Limiter({ max: 64 });
  const startedAt = performance.now();
  limiter.acquire("create");
  limiter.release("create", { ...TOO_MANY, retryAfterMs: 80 });
  const granted: Lane[] = [];
  ask(limiter, "create", granted);
  ask(limiter, "other", granted);
  assert.equal(granted, []);
  await until(() => granted.length === 2, 60_000, { describe: "both go on after the pause" });
  assert.ok(performance.now() - startedAt >= 79);
});

limits("a pause that ends just as a request begins to wait for it does not hold that request for ever", async () => {
  let now = 0;
  const limiter = new Limiter({
    max: 64,
    now: () => {
      now += 60;
      return now;
    },
  });
  limiter.acquire("create");
  limiter.release("create", { ...TOO_MANY, retryAfterMs: 150 });
  const granted: Lane[] = [];
  ask(limiter, "create", granted);
  await until(() => granted.length === 1, 60_000, { describe: "the request goes on" });
});

limits("a pause without anybody waiting keeps no timer", () => {
  const limiter = new Limiter({ max: 64 });
  limiter.acquire("create");
  limiter.release("create", { ...TOO_MANY, retryAfterMs: 600_000 });
});

lanes.run();
limits.run();
