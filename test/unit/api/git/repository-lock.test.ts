import { spawn } from "node:child_process";
import { readFile, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { RepositoryLock } from "../../../../api/git/repository-lock.ts";
import { until } from "../../../support/deadline.ts";
import { ROOT } from "../../../support/documents.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../../support/temporary-directory.ts";
import { codeOf } from "./repository-stage.ts";

const test = suite("lock of the jobs repository");
let directory: TemporaryDirectory;
const path = (): string => join(directory.path, "lock");

test.before.each(async () => {
  directory = await temporaryDirectory();
});
test.after.each(async () => {
  await directory.remove();
});

test("O-105: of many that want it one has it at a time", async () => {
  let inside = 0;
  let most = 0;
  const work = async (): Promise<void> => {
    inside += 1;
    most = Math.max(most, inside);
    await new Promise((done) => setImmediate(done));
    inside -= 1;
  };
  await Promise.all(Array.from({ length: 12 }, () => new RepositoryLock(path()).with(60_000, work)));
  assert.equal([most, inside], [1, 0]);
});

test("O-105: who cannot have it in time is told, and the holder keeps it", async () => {
  const holder = new RepositoryLock(path());
  await holder.with(1_000, async () => {
    assert.is(await codeOf(new RepositoryLock(path()).with(200, async () => undefined)), "Busy");
    await holder.assertHeld();
  });
  await new RepositoryLock(path()).with(1_000, async () => undefined);
});

test("O-105: the lock of a process that was killed is taken over at once", async () => {
  const module = JSON.stringify(join(ROOT, "dist/api/git/repository-lock.js"));
  const program = `import { RepositoryLock } from ${module};
    await new RepositoryLock(${JSON.stringify(path())}).with(1000, () => new Promise((done) => setTimeout(done, 600_000)));`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", program], { stdio: "ignore" });
  await until(() => readFile(path(), "utf8"), 60_000, { describe: "the other process has the lock" });
  assert.is(await codeOf(new RepositoryLock(path()).with(100, async () => undefined)), "Busy");
  const ended = new Promise((done) => child.once("exit", done));
  child.kill("SIGKILL");
  await ended;
  await new RepositoryLock(path()).with(5_000, async () => undefined);
});

test("O-105: a holder on another host is let be as long as it shows that it lives", async () => {
  const elsewhere = { nonce: "n", place: "another host", pid: 1, startTime: "1" };
  await writeFile(path(), JSON.stringify(elsewhere));
  let beats = 0;
  const beat = setInterval(() => {
    beats += 1;
    const now = new Date(Date.now() + beats);
    utimes(path(), now, now).catch(() => undefined);
  }, 50);
  try {
    assert.is(await codeOf(new RepositoryLock(path()).with(1_000, async () => undefined)), "Busy");
  } finally {
    clearInterval(beat);
  }
  // Silent for long enough, it counts as gone.
  await new RepositoryLock(path()).with(60_000, async () => undefined);
});

test("who was taken for gone must not go on", async () => {
  const lock = new RepositoryLock(path());
  await lock.with(1_000, async () => {
    await writeFile(path(), JSON.stringify({ nonce: "another", place: "p", pid: 1, startTime: "1" }));
    assert.is(await codeOf(lock.assertHeld()), "Busy");
  });
  assert.match(await readFile(path(), "utf8"), "another");
});

test.run();
