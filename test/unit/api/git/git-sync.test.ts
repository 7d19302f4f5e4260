import { writeFile } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { remoteCredential } from "../../../../api/git/remote.ts";
import { until, within } from "../../../support/deadline.ts";
import { GitHttp } from "../../../support/git-http.ts";
import { GitRemote, git } from "../../../support/git-remote.ts";
import { codeOf, put, RepositoryStage } from "./repository-stage.ts";

const WAIT_MS = 120_000;
const test = suite("jobs repository and its remote");
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

test("O-104: an empty remote gets its first commit with the first write; what others push shows up", async () => {
  const repository = await stage.synced(remote.url);
  assert.is(repository.state().error, undefined);
  const { head } = await put(repository, "sst2/main.yml", "tasks: []\n");
  assert.is(await remote.head(), head);
  const pushed = await remote.push({ "other/main.yml": "name: other\ntasks: []\n", "sst2/main.yml": undefined });
  await repository.refresh(WAIT_MS);
  assert.is(repository.head(), pushed);
  assert.equal(repository.state(), { version: pushed, dirty: false });
  assert.equal(
    (await repository.jobs()).map(({ id }) => id),
    ["other"],
  );
  assert.is(await stage.status(), "");
});

test("O-104: the age of the last sync grows while the remote cannot be reached, and begins anew when it can", async () => {
  const repository = await stage.synced(remote.url);
  const opened = repository.syncAgeSeconds;
  await remote.stop();
  await repository.refresh(WAIT_MS);
  assert.ok(repository.state().error !== undefined);
  const old = repository.syncAgeSeconds;
  assert.ok(old > opened, `${old} after ${opened}`);
  await remote.start();
  const reachable = performance.now();
  await repository.refresh(WAIT_MS);
  const age = repository.syncAgeSeconds;
  assert.ok(age <= (performance.now() - reachable) / 1_000, `${age}`);
});

test("a remote with jobs is taken over at the start", async () => {
  await remote.push({ "a/main.yml": "tasks: []\n", "a/deep/b/main.yml": "tasks: []\n", "datasets.yml": "x: 1\n" });
  const repository = await stage.synced(remote.url);
  assert.is(repository.head(), await remote.head());
  assert.equal(
    (await repository.jobs()).map(({ id }) => id),
    ["a", "a/deep/b"],
  );
  assert.is(await stage.status(), "");
});

test("O-105: a push that was refused is repeated on top of what the remote has", async () => {
  const repository = await stage.synced(remote.url);
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
  assert.is(await git(stage.directory, "log", "--format=%H", "-2"), `${head}\n${pushed}`);
  assert.is(await remote.head(), head);
  assert.is(await stage.text("sst2/foreign.txt"), "theirs\n");
  assert.is(await stage.status(), "");
});

test("O-105: a remote that keeps refusing is a 409 and leaves nothing behind", async () => {
  const repository = await stage.synced(remote.url);
  const { head } = await put(repository, "sst2/main.yml", "tasks: []\n");
  await writeFile(join(remote.path, "hooks/pre-receive"), "#!/bin/sh\necho 'not on fridays' >&2\nexit 1\n", {
    mode: 0o755,
  });
  assert.is(await codeOf(put(repository, "sst2/x.txt", "x")), "RepositoryConflict");
  assert.is(repository.head(), head);
  assert.is(await git(stage.directory, "rev-parse", "HEAD"), head);
  assert.is(await stage.status(), "");
});

test("O-104: with a dead remote reading goes on, writes are 503 and the tree stays as it was", async () => {
  const repository = await stage.synced(remote.url);
  const { head } = await put(repository, "sst2/main.yml", "tasks: []\n");
  await remote.stop();
  assert.is(await codeOf(put(repository, "sst2/x.txt", "x")), "RepositoryUnavailable");
  assert.is(repository.head(), head);
  assert.is(await git(stage.directory, "rev-parse", "HEAD"), head);
  assert.is(await stage.status(), "");
  assert.match(repository.state().error ?? "", /127\.0\.0\.1/);
  assert.is((await repository.jobs()).length, 1);
  await remote.start();
  assert.ok((await put(repository, "sst2/x.txt", "x")).changed);
  assert.is(repository.state().error, undefined);
});

test("O-104: a remote that takes the call and says nothing holds up no reading, and writes not for long", async () => {
  await stage.synced(remote.url);
  const sockets = new Set<Socket>();
  const silent = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
  });
  await new Promise<void>((done) => silent.listen(0, "127.0.0.1", done));
  const address = silent.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  try {
    const repository = await stage.repository({ remote: `git://127.0.0.1:${port}/jobs.git` });
    const first = repository.start();
    await until(() => sockets.size > 0, WAIT_MS, { describe: "the remote is asked" });
    await within(WAIT_MS, () => repository.jobs());
    await within(WAIT_MS, () => repository.refresh(100));
    assert.is(await within(WAIT_MS, () => codeOf(put(repository, "a/x.txt", "x"))), "RepositoryUnavailable");
    // A stop does not wait for the remote either.
    await within(WAIT_MS, () => repository.stop());
    await first;
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((done) => silent.close(done));
  }
});

test("O-105: a remote over HTTP takes the changes of who has the token, and of nobody else", async () => {
  const http = await GitHttp.open(remote.path, "robot:a token");
  try {
    const repository = await stage.synced(http.url, { credential: remoteCredential(http.url, "robot:a token") });
    assert.is(repository.state().error, undefined);
    const { head } = await put(repository, "a/main.yml", "tasks: []\n");
    assert.is(await remote.head(), head);
    const pushed = await remote.push({ "b/main.yml": "tasks: []\n" });
    await repository.refresh(WAIT_MS);
    assert.is(repository.head(), pushed);
    assert.not.match(await stage.text(".git/config"), "token");
    const other = await stage.synced(http.url, { directory: stage.path("other") });
    assert.is(await codeOf(put(other, "a/x.txt", "x")), "RepositoryUnavailable");
    assert.is(other.isKnown, false);
    assert.equal(await other.jobs(), []);
  } finally {
    await http.close();
  }
});

test("O-104: local edits of tracked files survive a sync", async () => {
  await remote.push({ "a/main.yml": "tasks: []\n", "a/x.txt": "one\n", "a/y.txt": "one\n" });
  const repository = await stage.synced(remote.url);
  await writeFile(stage.inTree("a/x.txt"), "edited here\n");
  await writeFile(stage.inTree("a/main.yml"), "tasks: [] # edited here\n");
  const pushed = await remote.push({ "a/x.txt": "two\n", "a/y.txt": "two\n" });
  await repository.refresh(WAIT_MS);
  assert.is(repository.head(), pushed);
  assert.is(await stage.text("a/x.txt"), "edited here\n");
  assert.is(await stage.text("a/main.yml"), "tasks: [] # edited here\n");
  assert.is(await stage.text("a/y.txt"), "two\n");
  assert.ok(repository.state().dirty);
});

test("commits made in the work tree by hand go on top of what the remote has", async () => {
  await remote.push({ "a/main.yml": "tasks: []\n" });
  const repository = await stage.synced(remote.url);
  await writeFile(stage.inTree("a/hand.txt"), "by hand\n");
  await git(stage.directory, "add", "a/hand.txt");
  await git(stage.directory, "commit", "--quiet", "-m", "by hand");
  await remote.push({ "a/other.txt": "other\n" });
  await repository.refresh(WAIT_MS);
  assert.is(repository.state().error, undefined);
  assert.is(await git(stage.directory, "log", "--format=%s"), "by hand\nby somebody else\nby somebody else");
  assert.is(await stage.status(), "");
  await put(repository, "a/x.txt", "x");
  assert.is(await remote.head(), repository.head());
});

test("O-105: commits made by hand that conflict with the remote's are a 409, and reading goes on", async () => {
  await remote.push({ "a/main.yml": "tasks: []\n" });
  const repository = await stage.synced(remote.url);
  await writeFile(stage.inTree("a/main.yml"), "tasks: [] # by hand\n");
  await git(stage.directory, "commit", "--quiet", "-am", "by hand");
  await remote.push({ "a/main.yml": "tasks: [] # elsewhere\n" });
  assert.is(await codeOf(put(repository, "a/x.txt", "x")), "RepositoryConflict");
  assert.match(repository.state().error ?? "", /conflicts/);
  assert.is((await repository.job("a"))?.main, "tasks: [] # by hand\n");
});

test("a remote whose history was rewritten is followed", async () => {
  const first = await remote.push({ "a/main.yml": "tasks: []\n" });
  const repository = await stage.synced(remote.url);
  await put(repository, "a/x.txt", "x");
  await git(remote.path, "update-ref", "refs/heads/master", first);
  const second = await remote.push({ "b/main.yml": "tasks: []\n" });
  await repository.refresh(WAIT_MS);
  assert.is(repository.head(), second);
  assert.equal(
    (await repository.jobs()).map(({ id }) => id),
    ["a", "b"],
  );
  assert.is(await stage.status(), "");
});

test.run();
