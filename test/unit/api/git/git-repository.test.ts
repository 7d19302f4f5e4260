import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ApiError } from "../../../../api/errors.ts";
import { GitRepository, type GitRepositoryOptions } from "../../../../api/git/git-repository.ts";
import type { FileWrite } from "../../../../api/git/jobs-repository.ts";
import { silentLogger } from "../../../../kube/logger.ts";
import { GitRemote, git } from "../../../support/git-remote.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../../support/temporary-directory.ts";

const test = suite("jobs repository in git");
let directory: TemporaryDirectory;
let remote: GitRemote;
const opened: GitRepository[] = [];

async function open(more: Partial<GitRepositoryOptions> = {}): Promise<GitRepository> {
  const repository = await GitRepository.open({
    directory: directory.path,
    shownRoot: "/data/pipelines",
    excluded: ["rendered"],
    branch: "master",
    committer: { name: "odin", email: "odin@localhost" },
    syncMs: 60_000,
    logger: silentLogger,
    ...more,
  });
  opened.push(repository);
  return repository;
}

async function openSynced(name = ""): Promise<GitRepository> {
  const repository = await open({ remote: remote.url, directory: join(directory.path, name) });
  await repository.start();
  return repository;
}

function put(
  repository: GitRepository,
  path: string,
  text: string | Buffer,
  user = "dpressel",
): Promise<{ head: string; changed: boolean }> {
  const file: FileWrite = [path, Buffer.from(text)];
  return repository.write({ user, message: "via odin-http upload_job_file", files: async () => [file] });
}

async function codeOf(action: Promise<unknown>): Promise<string> {
  try {
    await action;
  } catch (error) {
    if (error instanceof ApiError) return error.code;
    throw error;
  }
  return "none";
}

const inTree = (path: string): string => join(directory.path, path);
const text = (path: string): Promise<string> => readFile(path, "utf8");

test.before.each(async () => {
  directory = await temporaryDirectory();
  remote = await GitRemote.open();
});
test.after.each(async () => {
  for (const repository of opened.splice(0)) await repository.stop();
  await remote.remove();
  await directory.remove();
});

test("O-100: a directory that is no work tree becomes one, with a first commit", async () => {
  const repository = await open({ directory: inTree("a/b") });
  assert.match(repository.head(), /^[0-9a-f]{40}$/);
  assert.is(await git(inTree("a/b"), "rev-parse", "HEAD"), repository.head());
  assert.is(await git(inTree("a/b"), "status", "--porcelain"), "");
  assert.equal(await repository.jobs(), []);
  assert.equal(repository.state(), { version: repository.head(), dirty: false });
});

test("O-103, O-105: a write is one commit by the user; the same again is none", async () => {
  const repository = await open();
  const before = repository.head();
  const bytes = Buffer.from([0x62, 0xe9, 0x0d, 0x0a, 0x00, 0xff]);
  const { head, changed } = await put(repository, "sst2/latin.txt", bytes);
  assert.ok(changed);
  assert.is(head, repository.head());
  assert.equal(await readFile(inTree("sst2/latin.txt")), bytes);
  assert.is(
    await git(directory.path, "log", "-1", "--format=%an|%ae|%cn|%ce|%s|%P"),
    `dpressel|dpressel@localhost|odin|odin@localhost|via odin-http upload_job_file|${before}`,
  );
  assert.is(await git(directory.path, "status", "--porcelain"), "");
  await git(directory.path, "fsck", "--strict");
  assert.equal(await put(repository, "sst2/latin.txt", bytes), { head, changed: false });
  assert.is(await git(directory.path, "rev-list", "--count", "HEAD"), "2");
});

test("O-103: bytes are stored exactly, whatever a .gitattributes says", async () => {
  const repository = await open();
  await put(repository, "sst2/main.yml", "tasks: []\n");
  await writeFile(inTree("sst2/.gitattributes"), "* text eol=crlf\n*.bin ident\n");
  await git(directory.path, "add", "sst2/.gitattributes");
  await git(directory.path, "commit", "--quiet", "-m", "attributes");
  await repository.refresh(10_000);
  for (const content of ["a\r\nb\n", "$Id$\n"]) {
    await put(repository, "sst2/x.bin", content);
    assert.is(await text(inTree("sst2/x.bin")), content);
    assert.is(await git(directory.path, "status", "--porcelain"), "");
  }
});

test("O-105: only the files of the request are committed", async () => {
  const repository = await open();
  await put(repository, "sst2/main.yml", "tasks: []\n");
  await writeFile(inTree("sst2/main.yml"), "tasks: [] # edited by hand\n");
  await writeFile(inTree("sst2/new.txt"), "not added\n");
  await put(repository, "sst2/other.yml", "a: 1\n");
  assert.is(await text(inTree("sst2/main.yml")), "tasks: [] # edited by hand\n");
  assert.is(await git(directory.path, "show", "--format=", "--name-only", "HEAD"), "sst2/other.yml");
  await repository.refresh(10_000);
  assert.ok(repository.state().dirty);
});

test("O-12, O-105: no link and no directory is written through", async () => {
  const repository = await open();
  await mkdir(inTree("outside"));
  await symlink(inTree("outside"), inTree("linked"));
  await mkdir(inTree("sst2/sub"), { recursive: true });
  await writeFile(inTree("plain"), "x");
  for (const path of ["linked/x.txt", "sst2/sub", "plain/x.txt"]) {
    assert.is(await codeOf(put(repository, path, "x")), "RepositoryConflict", path);
  }
  // A link in the place of the file itself is replaced, not followed.
  await symlink("/etc/hostname", inTree("sst2/link.txt"));
  const hostname = await text("/etc/hostname");
  await put(repository, "sst2/link.txt", "own content\n");
  assert.is(await text(inTree("sst2/link.txt")), "own content\n");
  assert.is(await text("/etc/hostname"), hostname);
});

test("an error of the change itself ends the write with nothing changed", async () => {
  const repository = await open();
  const head = repository.head();
  const files = async (): Promise<FileWrite[]> => {
    throw new ApiError("JobExists", "there is one");
  };
  assert.is(await codeOf(repository.write({ user: "u", message: "m", files })), "JobExists");
  assert.is(repository.head(), head);
  assert.is((await put(repository, "a/main.yml", "tasks: []\n")).changed, true);
});

test("O-104: an empty remote gets its first commit with the first write; what others push shows up", async () => {
  const repository = await openSynced();
  assert.is(repository.state().error, undefined);
  const { head } = await put(repository, "sst2/main.yml", "tasks: []\n");
  assert.is(await remote.head(), head);
  const pushed = await remote.push({ "other/main.yml": "name: other\ntasks: []\n", "sst2/main.yml": undefined });
  await repository.refresh(10_000);
  assert.is(repository.head(), pushed);
  assert.equal(repository.state(), { version: pushed, dirty: false });
  assert.equal(
    (await repository.jobs()).map(({ id }) => id),
    ["other"],
  );
  assert.is(await git(directory.path, "status", "--porcelain"), "");
});

test("a remote with jobs is taken over at the start", async () => {
  await remote.push({ "a/main.yml": "tasks: []\n", "a/deep/b/main.yml": "tasks: []\n", "datasets.yml": "x: 1\n" });
  const repository = await openSynced();
  assert.is(repository.head(), await remote.head());
  assert.equal(
    (await repository.jobs()).map(({ id }) => id),
    ["a", "a/deep/b"],
  );
  assert.is(await git(directory.path, "status", "--porcelain"), "");
});

test("O-105: a push that was refused is repeated on top of what the remote has", async () => {
  const repository = await openSynced();
  await put(repository, "sst2/main.yml", "tasks: []\n");
  let pushed = "";
  let calls = 0;
  const { head } = await repository.write({
    user: "dpressel",
    message: "m",
    files: async () => {
      calls += 1;
      // Comes between our look at the remote and our push.
      if (calls === 1) pushed = await remote.push({ "sst2/foreign.txt": "theirs\n" });
      return [["sst2/own.txt", Buffer.from("ours\n")]];
    },
  });
  assert.is(calls, 2);
  assert.is(await git(directory.path, "log", "--format=%H", "-2"), `${head}\n${pushed}`);
  assert.is(await remote.head(), head);
  assert.is(await text(inTree("sst2/foreign.txt")), "theirs\n");
  assert.is(await git(directory.path, "status", "--porcelain"), "");
});

test("O-105: a remote that keeps refusing is a 409 and leaves nothing behind", async () => {
  const repository = await openSynced();
  const { head } = await put(repository, "sst2/main.yml", "tasks: []\n");
  await writeFile(join(remote.path, "hooks/pre-receive"), "#!/bin/sh\necho 'not on fridays' >&2\nexit 1\n", {
    mode: 0o755,
  });
  assert.is(await codeOf(put(repository, "sst2/x.txt", "x")), "RepositoryConflict");
  assert.is(repository.head(), head);
  assert.is(await git(directory.path, "rev-parse", "HEAD"), head);
  assert.is(await git(directory.path, "status", "--porcelain"), "");
});

test("O-104: with a dead remote reading goes on, writes are 503 and the tree stays as it was", async () => {
  const repository = await openSynced();
  const { head } = await put(repository, "sst2/main.yml", "tasks: []\n");
  await remote.stop();
  assert.is(await codeOf(put(repository, "sst2/x.txt", "x")), "RepositoryUnavailable");
  assert.is(repository.head(), head);
  assert.is(await git(directory.path, "rev-parse", "HEAD"), head);
  assert.is(await git(directory.path, "status", "--porcelain"), "");
  assert.match(repository.state().error ?? "", /127\.0\.0\.1/);
  assert.is((await repository.jobs()).length, 1);
  await remote.start();
  assert.ok((await put(repository, "sst2/x.txt", "x")).changed);
  assert.is(repository.state().error, undefined);
});

test("O-104: local edits of tracked files survive a sync", async () => {
  await remote.push({ "a/main.yml": "tasks: []\n", "a/x.txt": "one\n", "a/y.txt": "one\n" });
  const repository = await openSynced();
  await writeFile(inTree("a/x.txt"), "edited here\n");
  await writeFile(inTree("a/main.yml"), "tasks: [] # edited here\n");
  const pushed = await remote.push({ "a/x.txt": "two\n", "a/y.txt": "two\n" });
  await repository.refresh(10_000);
  assert.is(repository.head(), pushed);
  assert.is(await text(inTree("a/x.txt")), "edited here\n");
  assert.is(await text(inTree("a/main.yml")), "tasks: [] # edited here\n");
  assert.is(await text(inTree("a/y.txt")), "two\n");
  assert.ok(repository.state().dirty);
});

test("commits made in the work tree by hand go on top of what the remote has", async () => {
  await remote.push({ "a/main.yml": "tasks: []\n" });
  const repository = await openSynced();
  await writeFile(inTree("a/hand.txt"), "by hand\n");
  await git(directory.path, "add", "a/hand.txt");
  await git(directory.path, "commit", "--quiet", "-m", "by hand");
  await remote.push({ "a/other.txt": "other\n" });
  await repository.refresh(10_000);
  assert.is(repository.state().error, undefined);
  assert.is(await git(directory.path, "log", "--format=%s"), "by hand\nby somebody else\nby somebody else");
  assert.is(await git(directory.path, "status", "--porcelain"), "");
  await put(repository, "a/x.txt", "x");
  assert.is(await remote.head(), repository.head());
});

test("O-105: commits made by hand that conflict with the remote's are a 409, and reading goes on", async () => {
  await remote.push({ "a/main.yml": "tasks: []\n" });
  const repository = await openSynced();
  await writeFile(inTree("a/main.yml"), "tasks: [] # by hand\n");
  await git(directory.path, "commit", "--quiet", "-am", "by hand");
  await remote.push({ "a/main.yml": "tasks: [] # elsewhere\n" });
  assert.is(await codeOf(put(repository, "a/x.txt", "x")), "RepositoryConflict");
  assert.match(repository.state().error ?? "", /conflicts/);
  assert.is((await repository.job("a"))?.main, "tasks: [] # by hand\n");
});

test("a remote whose history was rewritten is followed", async () => {
  const first = await remote.push({ "a/main.yml": "tasks: []\n" });
  const repository = await openSynced();
  await put(repository, "a/x.txt", "x");
  await git(remote.path, "update-ref", "refs/heads/master", first);
  const second = await remote.push({ "b/main.yml": "tasks: []\n" });
  await repository.refresh(10_000);
  assert.is(repository.head(), second);
  assert.equal(
    (await repository.jobs()).map(({ id }) => id),
    ["a", "b"],
  );
  assert.is(await git(directory.path, "status", "--porcelain"), "");
});

test("O-105: 50 parallel uploads are 50 commits, a clean tree, and the remote has them all", async () => {
  const repository = await openSynced();
  await put(repository, "sst2/main.yml", "tasks: []\n");
  const before = Number(await git(directory.path, "rev-list", "--count", "HEAD"));
  await Promise.all(Array.from({ length: 50 }, (_, n) => put(repository, `sst2/file-${n}.txt`, `content ${n}\n`)));
  assert.is(Number(await git(directory.path, "rev-list", "--count", "HEAD")), before + 50);
  assert.is(await git(directory.path, "status", "--porcelain"), "");
  assert.is(await remote.head(), repository.head());
  assert.is((await repository.job("sst2"))?.files.length, 51);
});

test("two servers with clones of their own on one remote lose nothing", async () => {
  const [one, two] = [await openSynced("one"), await openSynced("two")];
  await put(one, "sst2/main.yml", "tasks: []\n");
  const writes = Array.from({ length: 10 }, (_, n) => put(n % 2 === 0 ? one : two, `sst2/${n}.txt`, String(n)));
  const codes = await Promise.all(writes.map((write) => codeOf(write)));
  await Promise.all([one.refresh(10_000), two.refresh(10_000)]);
  assert.is(one.head(), await remote.head());
  assert.is(two.head(), await remote.head());
  const names = (await two.job("sst2"))?.files.map(({ name }) => name) ?? [];
  codes.forEach((code, n) => {
    assert.is(names.includes(`${n}.txt`), code === "none", `${n}: ${code}`);
  });
});

test("two servers on one work tree lose nothing", async () => {
  const [one, two] = [await open(), await open()];
  await put(one, "sst2/main.yml", "tasks: []\n");
  await Promise.all(Array.from({ length: 10 }, (_, n) => put(n % 2 === 0 ? one : two, `sst2/${n}.txt`, String(n))));
  assert.is(await git(directory.path, "rev-list", "--count", "HEAD"), "12");
  assert.is(await git(directory.path, "status", "--porcelain"), "");
  assert.is((await two.job("sst2"))?.files.length, 11);
});

test.run();
