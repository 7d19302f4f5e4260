import { suite } from "uvu";
import * as assert from "uvu/assert";
import { until, within } from "../../support/deadline.ts";

const deadlines = suite("within and until");

async function messageOf(action: () => Promise<unknown>): Promise<string> {
  try {
    await action();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return "nothing was thrown";
}

deadlines("within passes the result and the error on", async () => {
  assert.is(await within(1_000, () => 4), 4);
  assert.is(await messageOf(() => within(1_000, () => Promise.reject(new Error("own")))), "own");
});

deadlines("within rejects what does not settle, and tells it", async () => {
  let told = false;
  const message = await messageOf(() =>
    within(20, (signal) => {
      signal.addEventListener("abort", () => {
        told = true;
      });
      return new Promise(() => undefined);
    }),
  );
  assert.is(message, "not finished within 20 ms");
  assert.ok(told);
});

deadlines("until returns the first value that is accepted", async () => {
  let looks = 0;
  const value = await until(() => ++looks, 60_000, { describe: "three", accept: (n) => n === 3, everyMs: 1 });
  assert.is(value, 3);
});

deadlines("until names what it waited for and what it saw last", async () => {
  const seen = await messageOf(() =>
    until(() => ({ phase: "RUNNING" }), 30, { describe: "DONE", accept: () => false, everyMs: 1 }),
  );
  assert.is(seen, "not within 30 ms: DONE; last seen: { phase: 'RUNNING' }");
  const failed = await messageOf(() =>
    until(() => Promise.reject(new Error("refused")), 30, { describe: "x", everyMs: 1 }),
  );
  assert.is(failed, "not within 30 ms: x; last seen: error: refused");
});

deadlines("until does not hang on a look that hangs", async () => {
  const message = await messageOf(() => until(() => new Promise(() => undefined), 30, { describe: "x" }));
  assert.match(message, /^not within 30 ms: x; last seen: nothing/);
});

deadlines.run();
