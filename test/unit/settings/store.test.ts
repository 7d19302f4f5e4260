import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readSettings, SettingProblem } from "../../../settings/settings.ts";
import { STORE_SETTINGS } from "../../../settings/shared.ts";
import { storeOf } from "../../../settings/store-setting.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const test = suite("setting of the store");

const read = (ODIN_STORE: string, env: NodeJS.ProcessEnv = {}) =>
  storeOf(readSettings(STORE_SETTINGS, [], { ODIN_STORE, ...env }));
const problem = (text: string, env: NodeJS.ProcessEnv = {}): string => {
  try {
    read(text, env);
  } catch (error) {
    if (error instanceof SettingProblem) return error.message;
    throw error;
  }
  throw new Error(`${text} is taken`);
};

test("a file, nothing, a database", () => {
  assert.equal(read(""), { kind: "file", path: "/var/lib/odin/store.db" });
  assert.equal(read("/a/b.db"), { kind: "file", path: "/a/b.db" });
  assert.is(read("none"), undefined);
  assert.equal(read("postgres://odin@localhost/runs"), {
    kind: "postgres",
    host: "localhost",
    port: 5432,
    user: "odin",
    database: "runs",
  });
  assert.equal(read("postgresql://o:p%2F%40@[::1]:6000/runs"), {
    kind: "postgres",
    host: "::1",
    port: 6000,
    user: "o",
    database: "runs",
    password: "p/@",
  });
  assert.equal(read("postgres://odin@localhost/runs?host=/var/run/postgresql"), {
    kind: "postgres",
    host: "/var/run/postgresql",
    port: 5432,
    user: "odin",
    database: "runs",
  });
});

test("what leaves the machine is encrypted and the server checked, unless it is said that it is not to be", async () => {
  const place = await temporaryDirectory();
  try {
    const tlsOf = (text: string): unknown => {
      const store = read(text);
      return store?.kind === "postgres" ? store.tls : "no database";
    };
    assert.equal(tlsOf("postgres://o@db/r"), {});
    assert.equal(tlsOf("postgres://o@db/r?sslmode=verify-full"), {});
    assert.is(tlsOf("postgres://o@db/r?sslmode=disable"), undefined);
    const file = join(place.path, "ca.pem");
    assert.match(problem(`postgres://o@db/r?sslrootcert=${file}`), "ENOENT");
    await writeFile(file, "nothing");
    assert.match(problem(`postgres://o@db/r?sslrootcert=${file}`), "without a certificate");
    await writeFile(file, "-----BEGIN CERTIFICATE-----\n");
    assert.equal(tlsOf(`postgres://o@db/r?sslrootcert=${file}`), { ca: "-----BEGIN CERTIFICATE-----\n" });
    assert.match(problem(`postgres://o@db/r?sslmode=disable&sslrootcert=${file}`), "means nothing");
    for (const mode of ["require", "prefer", "no-verify"])
      assert.match(problem(`postgres://o@db/r?sslmode=${mode}`), "sslmode=verify-full");
  } finally {
    await place.remove();
  }
});

test("what is no store is refused in one line, and no password is shown", () => {
  for (const text of [
    "store.db",
    "/a/../b",
    "/a/",
    "mysql://o@h/d",
    "postgres://h/d",
    "postgres://o@h",
    "postgres://o@h/a/b",
  ])
    assert.match(problem(text), /must be/, text);
  assert.match(problem("postgres://o@h/d?ssl=true"), "no parameter ssl");
  assert.match(problem("postgres://o:%zz@h/d"), "%25");
  for (const text of ["postgres://o:s3/cr@t@h/d?x=1", "postgres://o:s3/cr@t@h", "x postgres://o:s3/cr@t@h"]) {
    const message = problem(text);
    assert.not.match(message, /s3|cr@t/);
    assert.not.match(message, "\n");
  }
});

test("the password may lie in a file", () => {
  const env = { ODIN_STORE_PASSWORD_FILE: "/etc/odin/password" };
  const store = read("postgres://o@localhost/d", env);
  assert.is(store?.kind === "postgres" && store.passwordFile, "/etc/odin/password");
  assert.is(read("none", env), undefined);
  assert.match(problem("/a/b.db", env), "has no password");
  assert.match(problem("postgres://o:p@localhost/d", env), "has a password already");
});

test.run();
