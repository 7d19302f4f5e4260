import { suite } from "uvu";
import * as assert from "uvu/assert";
import { describePublicReads, needsCredential, PUBLIC_READS } from "../../../../api/auth/access.ts";
import { parseAuthorization } from "../../../../api/auth/authorization.ts";

const test = suite("api authorization header and access");
const basic = (text: string): string => `Basic ${Buffer.from(text).toString("base64")}`;

test("O-24: a token as Bearer, or as the password of Basic", () => {
  assert.equal(parseAuthorization("Bearer a.b.c"), { kind: "token", token: "a.b.c" });
  assert.equal(parseAuthorization("bearer  a.b.c "), { kind: "token", token: "a.b.c" });
  assert.equal(parseAuthorization(basic("me:a.b.c")), { kind: "token", token: "a.b.c", username: "me" });
});

test("O-241: the newline at the end of a token file is no part of the token", () => {
  assert.equal(parseAuthorization(basic("me:a.b.c\n")), { kind: "token", token: "a.b.c", username: "me" });
  assert.equal(parseAuthorization(basic("me:pass word ")), {
    kind: "password",
    username: "me",
    password: "pass word ",
  });
});

test("O-24: user and password; a password may hold colons", () => {
  assert.equal(parseAuthorization(basic("me:p:w")), { kind: "password", username: "me", password: "p:w" });
  assert.equal(parseAuthorization(basic("me:")), { kind: "password", username: "me", password: "" });
});

test("O-26: what is no credential", () => {
  for (const header of [
    "Bearer None",
    "Bearer",
    "Bearer x",
    "Bearer a.b",
    "Bearer a.b.c d",
    "Token a.b.c",
    "",
    "Basic",
    "Basic ===",
    basic("nocolon"),
    basic(":pw"),
    "Bearer a.b.c.d",
  ]) {
    assert.is(parseAuthorization(header), undefined, header);
  }
});

test("O-26, O-27: what needs a credential under each setting", () => {
  const needs = (setting: (typeof PUBLIC_READS)[number]): boolean[] =>
    (["open", "status", "read", "write"] as const).map((access) => needsCredential(access, setting));
  assert.equal(needs("none"), [false, true, true, true]);
  assert.equal(needs("status"), [false, false, true, true]);
  assert.equal(needs("all"), [false, false, false, true]);
});

test("O-27: each setting is described for the log", () => {
  assert.is(new Set(PUBLIC_READS.map(describePublicReads)).size, 3);
});

test.run();
