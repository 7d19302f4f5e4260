import { existsSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { assertOurs, clusterIds, createDirectories, layoutOf, removeDirectories } from "../../../local/layout.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";

const test = suite<{ temporary: TemporaryDirectory; dir: string }>("layout of a cluster's directory");
test.before.each(async (context) => {
  context.temporary = await temporaryDirectory();
  context.dir = join(context.temporary.path, "cluster");
});
test.after.each(({ temporary }) => temporary.remove());

test("one directory has one id, by whatever path it is named", ({ temporary, dir }) => {
  symlinkSync(temporary.path, `${temporary.path}-link`);
  try {
    assert.is(layoutOf(join(`${temporary.path}-link`, "cluster")).id, layoutOf(dir).id);
    assert.is(layoutOf(`${dir}/../cluster/`).id, layoutOf(dir).id);
    assert.is.not(layoutOf(`${dir}2`).id, layoutOf(dir).id);
    assert.match(layoutOf(dir).id, /^[0-9a-f]{8}$/);
  } finally {
    renameSync(`${temporary.path}-link`, join(temporary.path, "link"));
  }
});

test("a renamed directory keeps its first id, until a new cluster takes the old place", async ({ dir }) => {
  const old = layoutOf(dir);
  await createDirectories(old);
  renameSync(dir, `${dir}-moved`);
  const moved = layoutOf(`${dir}-moved`);
  assert.equal(await clusterIds(moved), new Set([moved.id, old.id]));
  await createDirectories(old);
  assert.equal(await clusterIds(moved), new Set([moved.id]));
});

test("an absent, an empty and a cluster's directory are ours; a file and a directory with other things are not", async ({
  dir,
}) => {
  await assertOurs(layoutOf(dir));
  mkdirSync(dir);
  await assertOurs(layoutOf(dir));
  await createDirectories(layoutOf(dir));
  await assertOurs(layoutOf(dir));
  mkdirSync(`${dir}2`);
  writeFileSync(join(`${dir}2`, "thesis.txt"), "");
  for (const [path, message] of [
    [`${dir}2`, /holds other files \(thesis.txt\)/],
    [join(`${dir}2`, "thesis.txt"), /is a file/],
  ] as const) {
    try {
      await assertOurs(layoutOf(path));
      assert.unreachable(path);
    } catch (error) {
      assert.match(String(error), message);
    }
  }
});

test("a cluster's directory is removed whole, and a rubbish id file names no other cluster", async ({ dir }) => {
  const layout = layoutOf(dir);
  await createDirectories(layout);
  writeFileSync(layout.idFile, "../../etc /\n");
  assert.equal(await clusterIds(layout), new Set([layout.id]));
  await removeDirectories(layout);
  assert.not(existsSync(dir));
});

test.run();
