import { suite } from "uvu";
import * as assert from "uvu/assert";
import { groupIsAlive } from "../../runner/process-group.ts";
import { until } from "../../support/deadline.ts";
import { runFixture } from "./sandbox.ts";

const verdicts = suite("what a test file can do");
/** For a file to be loaded and begin, however busy the machine is. */
const LONG_ENOUGH = ["--timeout", "10"];

/** Fixture, expected last line, and what must be said about it. */
const ROWS: [string, string, RegExp][] = [
  ["passes", "2 passed, 0 failed", /✓ unit\/file +2 passed/],
  ["fails", "1 passed, 1 failed", /a message that a reader needs/],
  ["before-throws", "0 passed, 1 failed", /1 of 1 failed in a hook whose error uvu hides/],
  ["after-each-throws", "0 passed, 2 failed", /2 of 2 failed in a hook/],
  ["after-throws", "0 passed, 1 failed", /crashed before its summary \(exit code 1\)/],
  ["run-forgotten", "0 passed, 1 failed", /the suite `forgotten` is never run/],
  ["one-run-forgotten", "1 passed, 1 failed", /the suite `second` is never run: call second\.run\(\)/],
  ["empty", "0 passed, 1 failed", /no test was run \(Total: 0\)/],
  ["never-settles", "0 passed, 1 failed", /a test never settled/],
  ["exits-with-one", "1 passed, 1 failed", /all tests passed, but it ended with exit code 1/],
  ["killed", "0 passed, 1 failed", /ended by SIGKILL before its summary/],
  ["prints-a-total", "1 passed, 0 failed", /✓ unit\/file +1 passed/],
  ["leaks", "1 passed, 1 failed", /still there long after its summary; open: TCPServerWrap/],
  ["leaves-a-process", "1 passed, 1 failed", /it left processes behind, which were killed/],
  ["rejects-later", "1 passed, 1 failed", /ended with exit code 1[\s\S]*nobody waits for this/],
  ["runs-twice", "1 passed, 1 failed", /uvu ran its queue twice/],
  ["skips", "1 passed, 0 failed, 1 skipped", /unit\/file: needs a moon: there is none here/],
  ["skips-silently", "1 passed, 1 failed", /1 left out \(\.only or \.skip\) without a reason/],
  ["only", "1 passed, 1 failed", /1 left out \(\.only or \.skip\) without a reason/],
  ["floods", "1 passed, 0 failed", /✓ unit\/file +1 passed/],
];

/** One that stays for ever need not be waited for. */
const optionsOf = (fixture: string): { lingerMs?: number } => (fixture === "leaks" ? { lingerMs: 500 } : {});

for (const [fixture, lastLine, said] of ROWS) {
  verdicts(fixture, async () => {
    const printed = await runFixture(fixture, [], "unit", optionsOf(fixture));
    assert.is(printed.lastLine, lastLine, printed.text);
    assert.match(printed.text, said);
    assert.is(printed.exitCode, / 0 failed/.test(lastLine) ? 0 : 1);
  });
}

verdicts("nothing but skips is no success", async () => {
  const printed = await runFixture("skips-all");
  assert.is(printed.lastLine, "0 passed, 0 failed, 1 skipped");
  assert.match(printed.text, /unit\/file: file: no tape drive/);
  assert.is(printed.exitCode, 1);
});

verdicts("a leak is a warning outside unit tests", async () => {
  for (const [fixture, said] of [
    ["leaks", /Warnings:\n {2}integration\/file: still there long after its summary; open: TCPServerWrap/],
    ["leaves-a-process", /Warnings:\n {2}integration\/file: it left processes behind/],
  ] as const) {
    const printed = await runFixture(fixture, [], "integration", optionsOf(fixture));
    assert.is(printed.lastLine, "1 passed, 0 failed", printed.text);
    assert.match(printed.text, said);
  }
});

verdicts("a file that hangs is ended at its time limit, and what it holds open is named", async () => {
  const printed = await runFixture("hangs", LONG_ENOUGH);
  assert.is(printed.lastLine, "0 passed, 1 failed");
  assert.match(printed.text, /no end after 10 s; open: Timeout/);
});

verdicts("a file that ignores SIGTERM is killed with all of its group", async () => {
  const printed = await runFixture("ignores-signals", LONG_ENOUGH);
  assert.is(printed.lastLine, "0 passed, 1 failed");
  await isGone(printed.text);
});

verdicts("a process that a file left is killed", async () => {
  await isGone((await runFixture("leaves-a-process")).text);
});

verdicts("of a flood only the ends are kept", async () => {
  const printed = await runFixture("floods");
  assert.ok(printed.text.length < 1_000_000);
});

async function isGone(text: string): Promise<void> {
  const pid = Number(/^child (\d+)$/m.exec(text)?.[1]);
  assert.ok(pid > 1, text);
  await until(() => !isRunning(pid), 60_000, { describe: `end of process ${pid}` });
  assert.not(groupIsAlive(pid));
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

verdicts.run();
