import { readdir, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Task } from "../../../../crds/generated/types.ts";
import { DEFAULT_PATHS } from "../../../../crds/run-paths.ts";
import { readEntry, writeEntry } from "../../../../operator/cache/entry.ts";
import { seesVolumeAt } from "../../../../operator/cache/volume-view.ts";
import { planOf } from "../../../../operator/decide/plan.ts";
import { temporaryDirectory } from "../../../support/temporary-directory.ts";

const entries = suite("entries of the cache");
const KEY = "0".repeat(64);
const ENTRY = { outputs: { model: { "/data/model": "abc" } }, result: '{"x":1}', run: "r", task: "t" };

entries(
  "O-200: one entry for each key, written whole: a reader beside many writers never sees half of one",
  async () => {
    const { path, remove } = await temporaryDirectory();
    try {
      await writeEntry(path, KEY, ENTRY);
      let writing = true;
      const writers = Promise.all(
        Array.from({ length: 8 }, async (_, n) => {
          for (let i = 0; i < 20; i++) await writeEntry(path, KEY, { ...ENTRY, run: `${n}-`.repeat(2000) });
        }),
      ).finally(() => {
        writing = false;
      });
      let reads = 0;
      while (writing) {
        assert.ok(await readEntry(path, KEY), `read ${reads}`);
        reads += 1;
      }
      await writers;
      assert.ok(reads > 0);
      assert.equal(await readdir(join(path, ".cache")), [`${KEY}.json`]);
    } finally {
      await remove();
    }
  },
);

entries("O-202: a damaged, forged or oversized entry is as good as none", async () => {
  const { path, remove } = await temporaryDirectory();
  try {
    const file = join(path, ".cache", `${KEY}.json`);
    assert.is(await readEntry(path, KEY), undefined);
    await writeEntry(path, KEY, ENTRY);
    assert.equal(await readEntry(path, KEY), ENTRY);
    for (const text of [
      "",
      "{",
      "null",
      "[]",
      "{}",
      JSON.stringify({ ...ENTRY, outputs: [] }),
      JSON.stringify({ ...ENTRY, outputs: { model: "abc" } }),
      JSON.stringify({ ...ENTRY, outputs: { model: { x: 5 } } }),
      JSON.stringify({ ...ENTRY, result: "not json" }),
      JSON.stringify({ ...ENTRY, result: "[1]" }),
      JSON.stringify({ ...ENTRY, result: JSON.stringify({ x: "x".repeat(5000) }) }),
    ]) {
      await writeFile(file, text);
      assert.is(await readEntry(path, KEY), undefined, text.slice(0, 80));
    }
    await truncate(file, 1024 ** 3);
    assert.is(await readEntry(path, KEY), undefined);
    for (const key of ["../../etc/passwd", "", "A".repeat(64), `${KEY}0`]) {
      assert.is(await readEntry(path, key), undefined);
      assert.match(String(await writeEntry(path, key, ENTRY).catch(String)), "is no cache key");
    }
    await symlink("/nowhere", join(path, ".cache", `${"1".repeat(64)}.json`));
    assert.is(await readEntry(path, "1".repeat(64)), undefined);
  } finally {
    await remove();
  }
});

entries("O-202: only what the task sees on the shared volume itself counts", () => {
  const shared = { claim: "c", path: "/data" };
  const sees = (path: string, more: Partial<Task> = {}, files: string[] = []): boolean => {
    const task: Task = { name: "t", image: "i", command: ["c"], ...more };
    const plan = planOf({ job: "sst2", tasks: [task], files, failFast: false }, { snapshot: "s" });
    return seesVolumeAt(path, { task, run: "r", plan, paths: DEFAULT_PATHS, shared });
  };
  for (const path of ["/data/x", "/data/odin/r/t/model", "/data/pipelines/sst2/x"]) assert.ok(sees(path), path);
  for (const path of [
    "/data",
    "/data/",
    "/data/x/",
    "/etc/x",
    "/database/x",
    "/data/../etc",
    "/data//x",
    "x",
    "$RUN_PATH/x",
  ])
    assert.not.ok(sees(path), path);
  const mount = (path: string, claim: string): Partial<Task> => ({ mounts: [{ name: "v", path, claim }] });
  assert.ok(sees("/data/x", mount("/data", "c")), "the shared claim, named by the task itself");
  assert.not.ok(sees("/data/x", mount("/data", "other")), "another claim in its place");
  assert.not.ok(sees("/data/x/y", mount("/data/x", "other")), "another claim around it");
  assert.not.ok(sees("/data/x", mount("/data/x/y", "other")), "another claim inside it");
  assert.not.ok(sees("/data/x/y", mount("/data/x", "c")), "the shared claim elsewhere");
  assert.not.ok(sees("/data/x", { secrets: [{ name: "s", path: "/data/x" }] }));
  assert.not.ok(sees("/data/pipelines/sst2/x", {}, ["x"]), "files from a snapshot");
});
entries.run();
