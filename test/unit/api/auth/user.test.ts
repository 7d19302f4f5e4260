import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  isUserName,
  readUserSecret,
  USER_SECRET_TYPE,
  userSecret,
  userSecretName,
  validFromAfter,
} from "../../../../api/auth/user.ts";
import { cachedUsers } from "../../../../api/auth/users.ts";
import type { KubeObject } from "../../../../kube/resource.ts";

const test = suite("api users");

function stored(username: string, change: (secret: Record<string, unknown>) => void = () => {}): KubeObject {
  const secret = userSecret("ns", { username, passwordHash: "h", validFrom: 5 }) as Record<string, unknown> &
    KubeObject;
  const texts = secret.stringData as Record<string, string>;
  const data = Object.fromEntries(
    Object.entries(texts).map(([key, text]) => [key, Buffer.from(text).toString("base64")]),
  );
  const result = {
    ...secret,
    stringData: undefined,
    data,
    metadata: { ...secret.metadata, uid: "u", resourceVersion: "1" },
  };
  change(result);
  return result as unknown as KubeObject;
}

test("O-30: names of users", () => {
  for (const good of ["a", "dpressel", "D.Press-el_1@x.org", "0", "a".repeat(64)]) assert.ok(isUserName(good), good);
  for (const bad of ["", "-a", ".a", "a b", "a/b", "ä", "a".repeat(65), "a\n"]) assert.not.ok(isUserName(bad), bad);
});

test("every user name has a Secret name of its own that Kubernetes accepts", () => {
  const names = ["a", "A", "a-41", "a.b", "a-b", "a_b", "a@b", "A".repeat(64), "a.-", "_".repeat(3), "a-2d"];
  const secrets = names.map(userSecretName);
  assert.is(new Set(secrets).size, names.length);
  for (const name of secrets) assert.match(name, /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?$/);
});

test("a user is read back as stored", () => {
  const user = readUserSecret(stored("Me.2"));
  assert.is(user.username, "Me.2");
  assert.is(user.passwordHash, "h");
  assert.is(user.validFrom, 5);
});

test("a Secret of another type, or under another name, is nobody", () => {
  assert.is(readUserSecret(stored("me", (secret) => (secret.type = "Opaque"))).username, "");
  const misplaced = readUserSecret(
    stored("me", (secret) => ((secret.metadata as { name: string }).name = "odin-user-root")),
  );
  assert.is(misplaced.username, "");
  assert.is(misplaced.passwordHash, "");
  assert.is(readUserSecret({ metadata: { name: "x", uid: "u", resourceVersion: "1" } }).username, "");
});

test("a user is found by the exact name only", () => {
  const user = readUserSecret(stored("me"));
  const users = cachedUsers(
    { get: (key) => (key === "ns/odin-user-me" ? user : undefined), list: () => [user].values() },
    "ns",
  );
  assert.is(users.find("me"), user);
  for (const name of ["Me", "", "you", "../me", "__proto__"]) assert.is(users.find(name), undefined, name);
  assert.is(USER_SECRET_TYPE, "odin.io/user");
});

test("O-23: a password change is later than every token before it", () => {
  assert.is(validFromAfter(10_900), 11);
  assert.is(validFromAfter(11_000), 12);
  assert.is(validFromAfter(10_900, 11), 12);
});

test.run();
