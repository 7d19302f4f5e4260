import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { inTime } from "../../../kube/in-time.ts";
import { within } from "../../support/deadline.ts";

const test = suite("in time");
setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

/** What never settles by itself: it ends with the signal, which it alone refers to. */
function untilAborted(signal: AbortSignal): Promise<string> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve("aborted"), { once: true }));
}

test("a bound holds though garbage is collected meanwhile and nobody else refers to it", async () => {
  const stopping = new AbortController();
  const timer = setInterval(collectGarbage, 10);
  try {
    const ended = inTime(300, stopping.signal, ({ signal }) => untilAborted(signal));
    assert.is(await within(60_000, () => ended), "aborted");
  } finally {
    clearInterval(timer);
  }
});

test("it ends with the signal that it is given, also with one that has aborted already", async () => {
  const stopping = new AbortController();
  const ended = inTime(3_600_000, stopping.signal, ({ signal }) => untilAborted(signal));
  stopping.abort();
  assert.is(await within(60_000, () => ended), "aborted");
  assert.is(await inTime(3_600_000, stopping.signal, async ({ signal }) => signal.aborted), true);
});

test("what it waits for settles first: the result or the error comes, and no timer stays", async () => {
  const before = process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
  assert.is(await inTime(3_600_000, undefined, async ({ timeoutMs }) => timeoutMs), 3_600_000);
  const failed = inTime(3_600_000, undefined, async () => {
    throw new Error("refused");
  });
  assert.is(await failed.catch((error: Error) => error.message), "refused");
  assert.is(process.getActiveResourcesInfo().filter((name) => name === "Timeout").length, before);
});

test.run();
