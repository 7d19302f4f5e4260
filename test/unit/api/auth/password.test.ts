import { suite } from "uvu";
import * as assert from "uvu/assert";
import { hashPassword, passwordMatches, passwordProblem, unmatchableHash } from "../../../../api/auth/password.ts";

const test = suite("api passwords");

test("O-30: a hash carries its parameters, has its own salt, and matches only its password", async () => {
  const [one, two] = await Promise.all([hashPassword("pässword!"), hashPassword("pässword!")]);
  assert.match(one, /^\$scrypt\$ln=15,r=8,p=1\$/);
  assert.is.not(one, two);
  assert.is(await passwordMatches("pässword!", one), true);
  assert.is(await passwordMatches("passwort!", one), false);
  assert.is(await passwordMatches("", one), false);
});

test("a hash made with other parameters is still checked", async () => {
  const { scryptSync } = await import("node:crypto");
  const salt = Buffer.alloc(16, 1);
  const key = scryptSync("old password", salt, 32, { N: 1024, r: 4, p: 2 });
  const stored = `$scrypt$ln=10,r=4,p=2$${salt.toString("base64")}$${key.toString("base64")}`;
  assert.is(await passwordMatches("old password", stored), true);
  assert.is(await passwordMatches("new password", stored), false);
});

test("a damaged or greedy hash matches nothing and costs nothing", async () => {
  for (const stored of [
    "",
    "plain",
    "$scrypt$ln=15$x$y",
    "$scrypt$ln=99,r=8,p=1$AAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "$scrypt$ln=15,r=8,p=1$AAAA$",
  ]) {
    assert.is(await passwordMatches("", stored), false, stored);
  }
});

test("O-21: the dummy hash has the same cost and no password", async () => {
  const dummy = unmatchableHash();
  assert.match(dummy, /^\$scrypt\$ln=15,r=8,p=1\$/);
  assert.is(await passwordMatches("", dummy), false);
});

test("O-30: 8 to 256 bytes, counted in bytes", () => {
  assert.is(passwordProblem("12345678"), undefined);
  assert.is(passwordProblem("ä".repeat(4)), undefined);
  assert.ok(passwordProblem("1234567"));
  assert.ok(passwordProblem("ä".repeat(129)));
});

test.run();
