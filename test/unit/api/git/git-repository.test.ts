import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ApiError } from "../../../../api/errors.ts";
import type { FileWrite } from "../../../../api/git/jobs-repository.ts";
import { SettingProblem } from "../../../../settings/settings.ts";
import { git } from "../../../support/git-remote.ts";
import { codeOf, put, RepositoryStage } from "./repository-stage.ts";

const WAIT_MS = 120_000;
const test = suite("jobs repository in git");
let stage: RepositoryStage;

test.before.each(async () => {
  stage = await RepositoryStage.open();
});
test.after.each(async () => {
  await stage.close();
});

test("O-100: a directory that is no work tree becomes one, with a first commit", async () => {
  const repository = await stage.repository({ directory: stage.path("a/b") });
  assert.match(repository.head(), /^[0-9a-f]{40}$/);
  assert.is(await git(stage.path("a/b"), "rev-parse", "HEAD"), repository.head());
  assert.is(await git(stage.path("a/b"), "status", "--porcelain"), "");
  assert.equal(await repository.jobs(), []);
  assert.equal(repository.state(), { version: repository.head(), dirty: false });
});

test("O-103, O-105: a write is one commit by the user; the same again is none", async () => {
  const repository = await stage.repository();
  const before = repository.head();
  const bytes = Buffer.from([0x62, 0xe9, 0x0d, 0x0a, 0x00, 0xff]);
  const { head, changed } = await put(repository, "sst2/latin.txt", bytes);
  assert.ok(changed);
  assert.is(head, repository.head());
  assert.equal(await readFile(stage.inTree("sst2/latin.txt")), bytes);
  assert.is(
    await git(stage.directory, "log", "-1", "--format=%an|%ae|%cn|%ce|%s|%P"),
    `dpressel|dpressel@localhost|odin|odin@localhost|via odin-http upload_job_file|${before}`,
  );
  assert.is(await stage.status(), "");
  await git(stage.directory, "fsck", "--strict");
  assert.equal(await put(repository, "sst2/latin.txt", bytes), { head, changed: false });
  assert.is(await git(stage.directory, "rev-list", "--count", "HEAD"), "2");
});

test("O-103: bytes are stored exactly, whatever a .gitattributes says", async () => {
  const repository = await stage.repository();
  await put(repository, "sst2/main.yml", "tasks: []\n");
  await writeFile(stage.inTree("sst2/.gitattributes"), "* text eol=crlf\n*.bin ident\n");
  await git(stage.directory, "add", "sst2/.gitattributes");
  await git(stage.directory, "commit", "--quiet", "-m", "attributes");
  await repository.refresh(WAIT_MS);
  for (const content of ["a\r\nb\n", "$Id$\n"]) {
    await put(repository, "sst2/x.bin", content);
    assert.is(await stage.text("sst2/x.bin"), content);
    assert.is(await stage.status(), "");
  }
});

test("O-105: only the files of the request are committed", async () => {
  const repository = await stage.repository();
  await put(repository, "sst2/main.yml", "tasks: []\n");
  await writeFile(stage.inTree("sst2/main.yml"), "tasks: [] # edited by hand\n");
  await writeFile(stage.inTree("sst2/new.txt"), "not added\n");
  await put(repository, "sst2/other.yml", "a: 1\n");
  assert.is(await stage.text("sst2/main.yml"), "tasks: [] # edited by hand\n");
  assert.is(await git(stage.directory, "show", "--format=", "--name-only", "HEAD"), "sst2/other.yml");
  await repository.refresh(WAIT_MS);
  assert.ok(repository.state().dirty);
});

test("O-105: no hook and no program that the repository names is run", async () => {
  const repository = await stage.repository();
  const told = stage.path("told");
  const program = `#!/bin/sh\necho "$0" >> ${told}\n`;
  for (const hook of [
    "reference-transaction",
    "pre-commit",
    "post-commit",
    "post-index-change",
    "pre-push",
    "fsmonitor",
  ]) {
    await mkdir(stage.inTree(".git/hooks"), { recursive: true });
    await writeFile(stage.inTree(`.git/hooks/${hook}`), program, { mode: 0o755 });
  }
  const set = (key: string): Promise<string> =>
    git(stage.directory, "config", key, stage.inTree(".git/hooks/fsmonitor"));
  for (const key of [
    "core.fsmonitor",
    "core.pager",
    "core.editor",
    "filter.x.clean",
    "filter.x.smudge",
    "core.sshCommand",
  ]) {
    await set(key);
  }
  await mkdir(stage.inTree("a"));
  await writeFile(stage.inTree("a/.gitattributes"), "* filter=x\n");
  await put(repository, "a/main.yml", "tasks: []\n");
  await repository.refresh(WAIT_MS);
  assert.not.ok(existsSync(told), existsSync(told) ? await readFile(told, "utf8") : "");
});

test("O-12, O-105: no link and no directory is written through", async () => {
  const repository = await stage.repository();
  await mkdir(stage.inTree("outside"));
  await symlink(stage.inTree("outside"), stage.inTree("linked"));
  await mkdir(stage.inTree("sst2/sub"), { recursive: true });
  await writeFile(stage.inTree("plain"), "x");
  for (const path of ["linked/x.txt", "sst2/sub", "plain/x.txt"]) {
    assert.is(await codeOf(put(repository, path, "x")), "RepositoryConflict", path);
  }
  // A link in the place of the file itself is replaced, not followed.
  await symlink("/etc/hostname", stage.inTree("sst2/link.txt"));
  const hostname = await readFile("/etc/hostname", "utf8");
  await put(repository, "sst2/link.txt", "own content\n");
  assert.is(await stage.text("sst2/link.txt"), "own content\n");
  assert.is(await readFile("/etc/hostname", "utf8"), hostname);
});

test("O-106: what is read at one moment is of one commit, also while others write", async () => {
  const [reader, writer] = [await stage.repository(), await stage.repository()];
  const both = (text: string): Promise<unknown> =>
    writer.write({
      user: "u",
      message: "m",
      files: async () => [
        ["a/main.yml", Buffer.from(`# ${text}\ntasks: []\n`)],
        ["a/x.txt", Buffer.from(text)],
      ],
    });
  await both("0");
  let writing = true;
  const heads = new Set<string>();
  const writes = (async () => {
    // As many as it takes for the reader to have seen others do so.
    for (let n = 1; n <= 12 || (writing && heads.size < 2); n++) await both(String(n));
  })().finally(() => {
    writing = false;
  });
  while (writing) {
    const { head, value } = await reader.atHead(async () => {
      const job = await reader.job("a");
      const file = job?.files.find(({ name }) => name === "x.txt");
      return { main: job?.main, text: (await file?.read())?.toString() };
    });
    heads.add(head);
    assert.is(value.main, `# ${value.text}\ntasks: []\n`);
    assert.is(await git(stage.directory, "show", `${head}:a/x.txt`), value.text);
  }
  await writes;
  assert.ok(heads.size > 1);
});

test("O-105: what a killed process left is finished or swept away at the next start", async () => {
  const repository = await stage.repository();
  const { head: from } = await put(repository, "a/main.yml", "tasks: []\n");
  const { head: to } = await put(repository, "a/x.txt", "new\n");
  await repository.stop();
  // As a kill between the journal and the branch leaves it, with locks that git itself had taken.
  await git(stage.directory, "update-ref", "refs/heads/master", from);
  await git(stage.directory, "read-tree", from);
  await rm(stage.inTree("a/x.txt"));
  await writeFile(
    stage.inTree(".git/odin-move.json"),
    JSON.stringify({ from, to, force: ["a/x.txt"], isPushed: false }),
  );
  await mkdir(stage.inTree(".git/odin-scratch-left"));
  const old = new Date(Date.now() - 60_000);
  for (const lock of ["index.lock", "refs/heads/master.lock", "refs/odin/next.lock"]) {
    await mkdir(dirname(stage.inTree(`.git/${lock}`)), { recursive: true });
    await writeFile(stage.inTree(`.git/${lock}`), "");
    await utimes(stage.inTree(`.git/${lock}`), old, old);
  }
  const next = await stage.repository();
  assert.is(next.head(), to);
  assert.is(await stage.text("a/x.txt"), "new\n");
  assert.is(await git(stage.directory, "rev-parse", "HEAD"), to);
  await put(next, "a/y.txt", "y");
  await rm(stage.inTree(".git/index.lock"));
  assert.is(await stage.status(), "");
  const left = (await readdir(stage.inTree(".git"))).filter((name) => name.startsWith("odin"));
  assert.equal(left, []);
});

test("a branch that somebody moved since is left where it is", async () => {
  const repository = await stage.repository();
  const { head: from } = await put(repository, "a/main.yml", "tasks: []\n");
  const { head: to } = await put(repository, "a/x.txt", "x\n");
  const { head } = await put(repository, "a/y.txt", "y\n");
  await repository.stop();
  await writeFile(stage.inTree(".git/odin-move.json"), JSON.stringify({ from, to, force: [], isPushed: false }));
  const next = await stage.repository();
  assert.is(next.head(), head);
  assert.is(await stage.status(), "");
});

test("O-105: a change that cannot be brought to the work tree is taken back", async () => {
  const repository = await stage.repository();
  const { head } = await put(repository, "a/main.yml", "tasks: []\n");
  // Git cannot move the branch: the lock is held by somebody who lives.
  await mkdir(stage.inTree(".git/refs/heads/master.lock"));
  const keep = setInterval(() => {
    const now = new Date();
    utimes(stage.inTree(".git/refs/heads/master.lock"), now, now).catch(() => undefined);
  }, 500);
  try {
    assert.is(await codeOf(put(repository, "a/main.yml", "tasks: [] # new\n")), "RepositoryUnavailable");
  } finally {
    clearInterval(keep);
  }
  assert.is(await stage.text("a/main.yml"), "tasks: []\n");
  assert.is(repository.head(), head);
  await rm(stage.inTree(".git/refs/heads/master.lock"), { recursive: true });
  assert.is(await stage.status(), "");
  assert.ok((await put(repository, "a/main.yml", "tasks: [] # new\n")).changed);
});

test("a directory that is gone is no repository without jobs", async () => {
  const repository = await stage.repository();
  await put(repository, "a/main.yml", "tasks: []\n");
  await rename(stage.directory, stage.path("elsewhere"));
  assert.is(await codeOf(repository.jobs()), "RepositoryUnavailable");
  await rename(stage.path("elsewhere"), stage.directory);
  assert.is((await repository.jobs()).length, 1);
});

test("O-270: a directory that cannot be made, or that is on another branch, is a problem of the setting", async () => {
  const problem = async (more: object): Promise<string> => {
    try {
      await stage.repository(more);
    } catch (error) {
      if (error instanceof SettingProblem) return error.message;
      throw error;
    }
    return "none";
  };
  assert.match(await problem({ directory: "/proc/nothing/here" }), /ODIN_REPOSITORY/);
  await writeFile(stage.path("file"), "");
  assert.match(await problem({ directory: stage.path("file/below") }), /ODIN_REPOSITORY/);
  await stage.repository();
  assert.match(await problem({ branch: "main" }), /ODIN_PIPELINES_MAIN.*on branch master/);
});

test("an error of the change itself ends the write with nothing changed", async () => {
  const repository = await stage.repository();
  const head = repository.head();
  const files = async (): Promise<FileWrite[]> => {
    throw new ApiError("JobExists", "there is one");
  };
  assert.is(await codeOf(repository.write({ user: "u", message: "m", files })), "JobExists");
  assert.is(repository.head(), head);
  assert.is((await put(repository, "a/main.yml", "tasks: []\n")).changed, true);
});

test.run();
