import { suite } from "uvu";
import * as assert from "uvu/assert";
import { isFileName } from "../../../../api/git/file-name.ts";
import { mirrorNames } from "../../../../api/git/mirror-names.ts";
import { SharedPass } from "../../../../api/git/shared-pass.ts";
import { jobObjectName } from "../../../../crds/names.ts";

const test = suite("names in the jobs repository");

test("O-11: names of files", () => {
  for (const good of ["main.yml", "a", "naïve file.json", "a'b", "a".repeat(255), "x..y", "a%b", "$HOME", "a&b"]) {
    assert.ok(isFileName(good), good);
  }
  for (const bad of [
    "",
    ".",
    "..",
    ".hidden",
    "-x",
    "a/b",
    "a\\b",
    "a:b",
    "a<b",
    "a|b",
    'a"b',
    "a*b",
    "a?b",
    "a;b",
    "a,b",
  ]) {
    assert.not.ok(isFileName(bad), bad);
  }
  for (const bad of ["a\nb", "a\0b", "a\x7f", "a".repeat(256), "é".repeat(128)]) assert.not.ok(isFileName(bad), bad);
});

test("O-14: two ids never share an object", () => {
  const slug = jobObjectName("team/one");
  const names = mirrorNames(["team/one", slug, "plain", "Team.One", "a/b"]);
  assert.is(names.get(slug), slug);
  assert.is(names.get("plain"), "plain");
  assert.is(names.get("a/b"), jobObjectName("a/b"));
  assert.not.equal(names.get("team/one"), slug);
  assert.is(new Set(names.values()).size, 5);
  for (const name of names.values()) assert.match(name, /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/);
});

test("a pass is shared by those who ask before it begins, and begins after they asked", async () => {
  let runs = 0;
  let release: () => void = () => undefined;
  const pass = new SharedPass(async () => {
    runs += 1;
    if (runs === 1) await new Promise<void>((done) => (release = done));
    if (runs === 2) throw new Error("of the second");
    return runs;
  });
  const first = pass.run();
  await new Promise((done) => setImmediate(done));
  const [second, third] = [pass.run(), pass.run()];
  assert.is(second, third);
  assert.is.not(first, second);
  release();
  assert.is(await first, 1);
  assert.match(String(await second.catch(String)), "of the second");
  assert.is(await pass.run(), 3);
});

test.run();
