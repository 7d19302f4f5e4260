import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Pipeline } from "../../../crds/generated/types.ts";
import { Stage, task } from "./stage.ts";

const RealDate = Date;
const MINUTE = 60_000;
/** Seconds: long enough for a busy machine to get as far as that the task runs. */
const TIMEOUT = 15;
/** Seconds that a run may take here at most, and less than a clock is off. */
const LONGEST = 300;
let offMs = 10 * MINUTE;

/** The clock of this machine as the operator sees it; the API server keeps the right time. */
class SkewedDate extends RealDate {
  constructor(...given: [] | [number | string]) {
    if (given.length === 0) super(RealDate.now() + offMs);
    else super(given[0]);
  }
  static override now(): number {
    return RealDate.now() + offMs;
  }
}

const skewed = suite("an operator whose clock is wrong");
let stage: Stage;
skewed.before(async () => {
  globalThis.Date = SkewedDate as DateConstructor;
  stage = await Stage.open();
});
skewed.after(async () => {
  await stage?.close();
  globalThis.Date = RealDate;
});

/** Seconds from the creation of the run, which the server dates, to what the operator recorded. */
function seconds(run: Pipeline, time: string | undefined): number {
  return (RealDate.parse(time ?? "") - RealDate.parse(run.metadata.creationTimestamp ?? "")) / 1000;
}

for (const [what, from, to] of [
  ["is ten minutes ahead", 10, 10],
  ["is ten minutes behind", -10, -10],
  ["is set back by ten minutes", 10, 0],
  ["is set forward by ten minutes", 0, 10],
] as const) {
  skewed(`F-25: nothing ends early and all times are the server's where the clock ${what}`, async () => {
    offMs = from * MINUTE;
    await stage.stopOperator();
    await stage.startOperator();
    const name = `skew-${from}-to-${to}`.replaceAll("-10", "m10");
    await stage.create(name, {
      timeout: LONGEST,
      tasks: [task("a", { timeout: 200, pendingTimeout: 100, retries: 1 })],
    });
    await stage.pod(name, "a");
    await stage.untilRun(name, "a executes", ({ status }) => status?.tasks?.a?.state === "executing");
    offMs = to * MINUTE;
    // What is seen now is judged by the clock as it is now.
    await stage.annotatePod(name, "a", 1, { touched: "yes" });
    await stage.startPod(name, "a");
    await stage.control(name, { suspend: true });
    await stage.untilRun(
      name,
      "is suspended",
      ({ status }) => status?.conditions?.some(({ type }) => type === "Suspended") ?? false,
    );
    await stage.control(name, { suspend: false });
    await stage.fail(name, "a", 1);
    await stage.succeed(name, "a", undefined, 2);
    const run = await stage.untilPhase(name, "DONE");
    for (const time of [run.status?.startTime, run.status?.tasks?.a?.readyTime, run.status?.completionTime])
      assert.ok(
        seconds(run, time) > -3 && seconds(run, time) < LONGEST,
        `${time} after ${run.metadata.creationTimestamp}`,
      );
  });
}

skewed("F-25: a timeout is as long as it says, whatever the clock", async () => {
  offMs = -10 * MINUTE;
  await stage.stopOperator();
  await stage.startOperator();
  await stage.create("bounded", { tasks: [task("a", { timeout: TIMEOUT })] });
  await stage.startPod("bounded", "a");
  const run = await stage.untilPhase("bounded", "TERMINATED");
  assert.is(run.status?.tasks?.a?.reason, "Timeout");
  assert.ok(seconds(run, run.status?.completionTime) >= TIMEOUT - 0.1, run.status?.completionTime);
});
skewed.run();
