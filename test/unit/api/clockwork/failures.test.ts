import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Failures, MAX_FAILURES_PER_MINUTE } from "../../../../api/clockwork/failures.ts";

const test = suite("failed credentials");
const MINUTE_MS = 60_000;

function made(): { failures: Failures; pass(ms: number): void } {
  let now = 1_000;
  return {
    failures: new Failures(() => now),
    pass: (ms) => {
      now += ms;
    },
  };
}

function fail(failures: Failures, times: number, peer: string, email?: string): number {
  let over = 0;
  for (let n = 0; n < times; n++) over = failures.note(peer, email);
  return over;
}

test("C-16: thirty failures a minute are answered like one, then the pair is refused until that minute is over", () => {
  const { failures, pass } = made();
  assert.is(fail(failures, 1, "peer", "ada"), 0);
  pass(20_000);
  assert.is(fail(failures, MAX_FAILURES_PER_MINUTE - 1, "peer", "ada"), 0);
  assert.is(failures.refusedMs("peer", "ada"), 0);
  assert.is(failures.note("peer", "ada"), 40_000);
  for (const [peer, email] of [
    ["peer", "bob"],
    ["peer", "ADA"],
    ["other", "ada"],
    ["", "ada"],
  ] as const)
    assert.is(failures.refusedMs(peer, email), 0, `${peer} ${email}`);
  pass(39_999);
  assert.is(failures.refusedMs("peer", "ada"), 1);
  pass(1);
  assert.is(failures.refusedMs("peer", "ada"), 0);
  assert.is(failures.note("peer", "ada"), 0);
  pass(MINUTE_MS);
  failures.note("peer");
  assert.is(failures.size, 1);
});

test("C-16: e-mails that are made up fill no memory, and shut out nobody who was not counted for himself", () => {
  const { failures, pass } = made();
  fail(failures, MAX_FAILURES_PER_MINUTE + 1, "peer", "ada");
  for (let n = 0; n < 5_000; n++) failures.note("peer", `${"x".repeat(1_000)}${n}`);
  assert.ok(failures.size <= 1_001, String(failures.size));
  // Beyond what is remembered they count together: too many of them, and none of them refused before its key is looked at.
  assert.ok(failures.note("peer", "one more") > 0);
  assert.is(failures.refusedMs("peer", "one more"), 0);
  assert.is(failures.refusedMs("peer", `${"x".repeat(1_000)}4999`), 0);
  assert.is(failures.refusedMs("peer", "bob"), 0);
  assert.ok(failures.refusedMs("peer", "ada") > 0);
  assert.is(failures.note("other", "bob"), 0);
  for (let peer = 0; peer < 500; peer++) for (let n = 0; n < 200; n++) failures.note(`2001:db8::${peer}`, `e${n}`);
  for (let n = 0; n < 100_000; n++) failures.note(`2001:db8:1::${n}`, "eve");
  assert.ok(failures.size <= 50_001, String(failures.size));
  assert.is(failures.refusedMs("2001:db8:1::99999", "eve"), 0);
  assert.ok(failures.refusedMs("peer", "ada") > 0);
  pass(MINUTE_MS);
  assert.is(failures.note("peer", "bob"), 0);
  assert.is(failures.size, 1);
});

test("C-16: failures that name no e-mail are counted by address", () => {
  const { failures } = made();
  assert.is(fail(failures, MAX_FAILURES_PER_MINUTE, "peer"), 0);
  assert.ok(failures.note("peer") > 0);
  assert.is(failures.note("other"), 0);
  assert.is(failures.note("peer", "ada"), 0);
});

test.run();
