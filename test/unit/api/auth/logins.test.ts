import { monitorEventLoopDelay } from "node:perf_hooks";
import { Registry } from "prom-client";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { hashGate } from "../../../../api/auth/hash-gate.ts";
import { Logins } from "../../../../api/auth/logins.ts";
import { hashPassword } from "../../../../api/auth/password.ts";
import type { StoredUser } from "../../../../api/auth/user.ts";
import { ApiError } from "../../../../api/errors.ts";
import { PASSWORD, user } from "../served.ts";

const test = suite("api logins");
const me = await user("me");
const you = await user("you");

/** Logins of two users, and how often a password was hashed for them. */
function logins(users: StoredUser[] = [me, you]): { logins: Logins; hashed: () => number } {
  const gate = hashGate();
  let count = 0;
  const run = gate.run.bind(gate);
  gate.run = (work, refuse) =>
    run(() => {
      count += 1;
      return work();
    }, refuse);
  const find = (name: string): StoredUser | undefined => users.find(({ username }) => username === name);
  return { logins: new Logins({ find }, new Registry(), gate), hashed: () => count };
}

/** `in`, `wrong`, or the code of what was thrown. */
async function outcome(attempt: Promise<StoredUser | undefined>): Promise<string> {
  try {
    return (await attempt) === undefined ? "wrong" : "in";
  } catch (error) {
    if (error instanceof ApiError) return error.code;
    throw error;
  }
}

const times = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));
const count = (outcomes: string[], wanted: string): number => outcomes.filter((one) => one === wanted).length;

test("O-24: one client that opens many connections at once is hashed once, and is let in on all", async () => {
  const { logins: one, hashed } = logins();
  const outcomes = await Promise.all(times(50, () => outcome(one.checkRepeated("me", PASSWORD, "peer"))));
  assert.is(count(outcomes, "in"), 50);
  assert.is(hashed(), 1);
  assert.is(await outcome(one.checkRepeated("me", PASSWORD, "peer")), "in");
  assert.is(hashed(), 1);
});

test("O-22: the same wrong password many times at once counts as many failures", async () => {
  const { logins: one, hashed } = logins();
  const outcomes = await Promise.all(times(30, () => outcome(one.check("me", "wrong password", "peer"))));
  assert.equal([count(outcomes, "wrong"), count(outcomes, "TooManyLogins")], [10, 20]);
  assert.is(hashed(), 1);
  assert.is(await outcome(one.check("me", PASSWORD, "peer")), "TooManyLogins");
  assert.is(await outcome(one.check("me", PASSWORD, "another peer")), "in");
});

test("O-22: who is shut out cannot find the password of a user who is at work", async () => {
  const { logins: one } = logins();
  assert.is(await outcome(one.checkRepeated("me", PASSWORD, "home")), "in");
  const guesses = await Promise.all(times(12, (i) => outcome(one.checkRepeated("me", `guess ${i}`, "attacker"))));
  assert.ok(count(guesses, "TooManyLogins") > 0);
  // The right guess looks like the wrong ones.
  assert.is(await outcome(one.checkRepeated("me", PASSWORD, "attacker")), "TooManyLogins");
  assert.is(await outcome(one.checkRepeated("me", PASSWORD, "home")), "in");
});

test("O-24: two names with the same password at the same time are two questions", async () => {
  const { logins: one, hashed } = logins();
  const long = "m".repeat(64);
  const [mine, yours, other, longer] = await Promise.all([
    one.check("me", PASSWORD, "peer"),
    one.check("you", PASSWORD, "peer"),
    one.check(long, PASSWORD, "peer"),
    one.check(`${long}m`, PASSWORD, "peer"),
  ]);
  assert.equal([mine?.username, yours?.username, other, longer], ["me", "you", undefined, undefined]);
  assert.is(hashed(), 4);
});

test("O-22: a thousand logins at once are refused at little cost, and a user from elsewhere gets in meanwhile", async () => {
  const { logins: one, hashed } = logins();
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  const before = process.memoryUsage().rss;
  const flood = times(1_000, (i) => outcome(one.check(`name-${i}`, "wrong password", "attacker")));
  const elsewhere = outcome(one.check("me", PASSWORD, "home"));
  assert.is(await elsewhere, "in");
  const outcomes = await Promise.all(flood);
  delay.disable();
  assert.equal([count(outcomes, "wrong"), count(outcomes, "TooManyLogins")], [32, 968]);
  assert.is(hashed(), 33);
  assert.ok(delay.percentile(99) < 2e9, `the event loop waited ${delay.percentile(99) / 1e6} ms`);
  assert.ok(process.memoryUsage().rss - before < 512 * 1024 * 1024, "memory");
  assert.is(await outcome(one.check("you", PASSWORD, "attacker")), "in");
});

test("O-30: a stored hash that asks for too much work is no password", async () => {
  const passwordHash = (await hashPassword(PASSWORD)).replace("ln=15", "ln=31");
  const { logins: one } = logins([{ ...me, passwordHash }]);
  assert.is(await outcome(one.check("me", PASSWORD, "peer")), "wrong");
});

test.run();
