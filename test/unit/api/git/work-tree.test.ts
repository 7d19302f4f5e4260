import { mkdir, rename, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { WorkTree } from "../../../../api/git/work-tree.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../../support/temporary-directory.ts";

const test = suite("work tree of the jobs repository");
let directory: TemporaryDirectory;
let tree: WorkTree;

async function put(path: string, content: string | Buffer = "tasks: []\n"): Promise<void> {
  await mkdir(join(directory.path, path, ".."), { recursive: true });
  await writeFile(join(directory.path, path), content);
}

test.before.each(async () => {
  directory = await temporaryDirectory();
  tree = new WorkTree({ directory: directory.path, shownRoot: "/data/pipelines", excluded: ["rendered"] });
});
test.after.each(async () => {
  await directory.remove();
});

test("O-100: a job is a directory with main.yml or its template, nested ones too", async () => {
  await put("sst2/main.yml", "name: x\n");
  await put("sst2/inner/main.yml.jinja2");
  await put("notes/readme.txt");
  await put("datasets.yml", "a: 1");
  await put(".git/main.yml");
  await put("rendered/sst2ab12/main.yml");
  const jobs = await tree.jobs();
  assert.equal(
    jobs.map(({ id, main, templates }) => [id, main, templates]),
    [
      ["sst2", "name: x\n", []],
      ["sst2/inner", undefined, ["main.yml.jinja2"]],
    ],
  );
  assert.is(jobs[0]?.path, "/data/pipelines/sst2");
  assert.equal(
    (await tree.rootFiles()).map(({ name, size }) => [name, size]),
    [["datasets.yml", 4]],
  );
  for (const id of ["notes", "rendered/sst2ab12", ".git", "", "sst2/", "..", "nope"]) {
    assert.is(await tree.job(id), undefined, id);
  }
});

test("O-10: directories that break the grammar are no jobs", async () => {
  const deep = "a/b/c/d/e/f/g/h";
  await put(`${deep}/main.yml`);
  await put(`${deep}/i/main.yml`);
  for (const name of ["-a", "a__b", "a b", "_a", "é"]) await put(`${name}/main.yml`);
  assert.equal(
    (await tree.jobs()).map(({ id }) => id),
    [deep],
  );
});

test("O-12: links are followed inside the job's directory and nowhere else", async () => {
  await put("job/main.yml");
  await put("job/deep/text", "inside");
  await put("job/.hidden", "hidden");
  await put("other/main.yml", "name: other\n");
  const link = (target: string, path: string): Promise<void> => symlink(target, join(directory.path, path));
  await link("deep/text", "job/inside.txt");
  await link("/etc/passwd", "job/absolute.txt");
  await link("../other/main.yml", "job/sibling.txt");
  await link(".hidden", "job/hidden.txt");
  await link("loop.txt", "job/loop.txt");
  await link("nowhere", "job/dangling.txt");
  await link("other", "linked");
  await link("/etc", "etc");
  const job = await tree.job("job");
  assert.equal(
    job?.files.map(({ name }) => name),
    ["inside.txt", "main.yml"],
  );
  assert.is((await job?.files[0]?.read())?.toString(), "inside");
  assert.equal(
    (await tree.jobs()).map(({ id }) => id),
    ["job", "other"],
  );
  assert.is(await tree.job("linked"), undefined);
});

test("a file that has become a link since it was listed is not read", async () => {
  await put("job/main.yml");
  await put("job/a.txt", "a");
  const file = (await tree.job("job"))?.files.find(({ name }) => name === "a.txt");
  await symlink("/etc/passwd", join(directory.path, "job/b"));
  await rename(join(directory.path, "job/b"), join(directory.path, "job/a.txt"));
  try {
    await file?.read();
    assert.unreachable();
  } catch (error) {
    assert.is((error as NodeJS.ErrnoException).code, "ELOOP");
  }
});

test("a main.yml that is no text says so and hides nothing", async () => {
  await put("big/main.yml", Buffer.alloc(1024 * 1024 + 1, "a"));
  await put("binary/main.yml", Buffer.from([0xff, 0xfe, 0x00]));
  await put("good/main.yml");
  const [big, binary, good] = await tree.jobs();
  assert.match(big?.problem ?? "", /1048577 bytes/);
  assert.match(binary?.problem ?? "", /not UTF-8/);
  assert.is(good?.main, "tasks: []\n");
});

test("an edit shows at once; what did not change is not read again", async () => {
  await put("a/main.yml", "name: one\n");
  await put("b/main.yml", "name: b\n");
  const before = await tree.jobs();
  await put("a/main.yml", "name: two\n");
  const after = await tree.jobs();
  assert.is(after[0]?.main, "name: two\n");
  assert.is(after[1], before[1]);
  assert.is((await tree.job("a"))?.main, "name: two\n");
});

test.run();
