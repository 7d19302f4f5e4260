import { suite } from "uvu";
import * as assert from "uvu/assert";
import { startWhenAllowed } from "../../../kube/allowed.ts";
import { errorFromAnswer } from "../../../kube/errors.ts";
import { within } from "../../support/deadline.ts";

const test = suite("collections that may not be read");

/** A client that is refused as often as asked for, and what happens meanwhile. */
function refusedTimes(times: number, status = 403) {
  const happened: string[] = [];
  let calls = 0;
  const client = {
    listPage: async () => {
      if (calls++ < times) throw errorFromAnswer("GET /api/v1/nodes", status, undefined, "{}");
      return { items: [], metadata: { resourceVersion: "1" } };
    },
  };
  const guarded = {
    informer: { start: () => void happened.push("started") },
    path: "/api/v1/nodes",
    onForbidden: () => void happened.push("forbidden"),
    onAllowed: () => void happened.push("allowed"),
  };
  const run = (signal = new AbortController().signal) =>
    within(20_000, () => startWhenAllowed(client as never, guarded as never, signal, 1));
  return { happened, run, calls: () => calls };
}

test("G-30: what may be read is read at once", async () => {
  const { happened, run, calls } = refusedTimes(0);
  await run();
  assert.equal([happened, calls()], [["started"], 1]);
});

test("G-30: a missing right is told once, and noticed when it is there", async () => {
  const { happened, run } = refusedTimes(5);
  await run();
  assert.equal(happened, ["forbidden", "allowed", "started"]);
});

test("G-30: any other failure is left to the informer", async () => {
  const { happened, run, calls } = refusedTimes(1, 500);
  await run();
  assert.equal([happened, calls()], [["started"], 1]);
});

test("G-30: a stop ends the waiting, and nothing is started", async () => {
  const { happened, run } = refusedTimes(Number.POSITIVE_INFINITY);
  const stop = new AbortController();
  const running = run(stop.signal);
  setTimeout(() => stop.abort(), 20);
  await running;
  assert.equal(happened, ["forbidden"]);
});

test.run();
