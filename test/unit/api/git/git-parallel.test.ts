import { suite } from "uvu";
import * as assert from "uvu/assert";
import { GitRemote, git } from "../../../support/git-remote.ts";
import { codeOf, put, RepositoryStage } from "./repository-stage.ts";

const WAIT_MS = 120_000;
const test = suite("jobs repository under parallel writes");
let stage: RepositoryStage;
let remote: GitRemote;

test.before.each(async () => {
  stage = await RepositoryStage.open();
  remote = await GitRemote.open();
});
test.after.each(async () => {
  await stage.close();
  await remote.remove();
});

test("O-105: 50 parallel uploads are 50 commits, a clean tree, and the remote has them all", async () => {
  const repository = await stage.synced(remote.url);
  await put(repository, "sst2/main.yml", "tasks: []\n");
  const before = Number(await git(stage.directory, "rev-list", "--count", "HEAD"));
  await Promise.all(Array.from({ length: 50 }, (_, n) => put(repository, `sst2/file-${n}.txt`, `content ${n}\n`)));
  assert.is(Number(await git(stage.directory, "rev-list", "--count", "HEAD")), before + 50);
  assert.is(await stage.status(), "");
  assert.is(await remote.head(), repository.head());
  assert.is((await repository.job("sst2"))?.files.length, 51);
});

test("two servers with clones of their own on one remote lose nothing", async () => {
  const [one, two] = [
    await stage.synced(remote.url, { directory: stage.path("one") }),
    await stage.synced(remote.url, { directory: stage.path("two") }),
  ];
  await put(one, "sst2/main.yml", "tasks: []\n");
  const writes = Array.from({ length: 10 }, (_, n) => put(n % 2 === 0 ? one : two, `sst2/${n}.txt`, String(n)));
  const codes = await Promise.all(writes.map((write) => codeOf(write)));
  await Promise.all([one.refresh(WAIT_MS), two.refresh(WAIT_MS)]);
  assert.is(one.head(), await remote.head());
  assert.is(two.head(), await remote.head());
  const names = (await two.job("sst2"))?.files.map(({ name }) => name) ?? [];
  codes.forEach((code, n) => {
    assert.is(names.includes(`${n}.txt`), code === "none", `${n}: ${code}`);
  });
});

test("two servers on one work tree lose nothing", async () => {
  const [one, two] = [await stage.repository(), await stage.repository()];
  await put(one, "sst2/main.yml", "tasks: []\n");
  await Promise.all(Array.from({ length: 10 }, (_, n) => put(n % 2 === 0 ? one : two, `sst2/${n}.txt`, String(n))));
  assert.is(await git(stage.directory, "rev-list", "--count", "HEAD"), "12");
  assert.is(await stage.status(), "");
  assert.is((await two.job("sst2"))?.files.length, 11);
});

test.run();
