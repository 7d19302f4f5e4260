import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { chmod, mkdir, readFile, rename, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient } from "@libsql/client";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { EmbeddedSql } from "../../../store/embedded.ts";
import { LogArchive } from "../../../store/log-archive.ts";
import type { StoreProblem } from "../../../store/store-problem.ts";
import { until, within } from "../../support/deadline.ts";
import { skip } from "../../support/skip.ts";
import { stopProcess } from "../../support/stop-process.ts";
import { embeddedStores, logOwnerOf, problemOf } from "./store-cases.ts";

const test = suite("embedded store");
const WAIT_MS = 60_000;
const stores = embeddedStores(test);

function at(name: string): { sql: EmbeddedSql; archive: LogArchive; path: string } {
  const sql = stores.open(name);
  return { sql, archive: new LogArchive(sql), path: stores.path(name) };
}

const lose = (archive: LogArchive, uid: string): Promise<void> => archive.lose(logOwnerOf(uid), "gone");

/** A process that writes rows for ever and says each one that is on the disk. */
function writer(path: string, prefix: string): ChildProcess {
  return spawn(process.execPath, [join(import.meta.dirname, "store-writer.js"), path, prefix], {
    stdio: ["ignore", "pipe", "inherit"],
  });
}

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
  return text.trim().split(" ").filter(Boolean).map(Number);
}

test("C-83: two processes make the tables at once and write side by side; nothing is lost", () =>
  within(WAIT_MS, async () => {
    const { sql, archive } = at("shared.db");
    const written: string[] = [];
    const children = ["a", "b"].map((prefix) => writer(stores.path("shared.db"), prefix));
    for (const child of children)
      child.stdout?.on("data", (chunk) => written.push(...String(chunk).trim().split("\n")));
    for (let n = 0; n < 50; n++) await lose(archive, `own-${n}`);
    await until(
      () => ["a", "b"].every((prefix) => written.filter((uid) => uid.startsWith(prefix)).length > 50),
      WAIT_MS,
      {
        describe: "both have written",
      },
    );
    const ended = children.map((child) => new Promise((resolve) => child.once("exit", resolve)));
    for (const child of children) child.kill("SIGKILL");
    await Promise.all(ended);
    const there = new Set((await sql.read({ text: "SELECT pod_uid FROM pod_log" })).map(({ pod_uid }) => pod_uid));
    const told = [...written.filter((uid) => /^[ab]-\d+\.$/.test(uid)).map((uid) => uid.slice(0, -1)), "own-49"];
    assert.equal(
      told.filter((uid) => !there.has(uid)),
      [],
    );
  }));

test("kill -9 in the middle of writes: what was acknowledged is there, the file is whole", () =>
  within(WAIT_MS * 2, async () => {
    const { sql, path } = at("killed.db");
    const acknowledged: string[] = [];
    for (let round = 0; round < 4; round++) {
      const child = writer(path, `k${round}`);
      const before = acknowledged.length;
      child.stdout?.on("data", (chunk) => acknowledged.push(...String(chunk).trim().split("\n")));
      await until(() => acknowledged.length > before + 5 + round * 3, WAIT_MS, { describe: "it writes", everyMs: 5 });
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGKILL");
      await ended;
    }
    const there = new Set((await sql.read({ text: "SELECT pod_uid FROM pod_log" })).map(({ pod_uid }) => pod_uid));
    const told = acknowledged.filter((uid) => uid.endsWith(".")).map((uid) => uid.slice(0, -1));
    assert.ok(told.length > 20, String(told.length));
    assert.equal(
      told.filter((uid) => !there.has(uid)),
      [],
    );
    assert.equal(await sql.read({ text: "PRAGMA integrity_check" }), [{ integrity_check: "ok" }]);
  }));

test("each write is on the disk, not only with the system, when it is acknowledged", async () => {
  const { sql, archive } = at("durable.db");
  await lose(archive, "one");
  const [FULL, WAL] = [2, "wal"];
  assert.equal((await sql.read({ text: "PRAGMA synchronous" }))[0], { synchronous: FULL });
  assert.equal((await sql.read({ text: "PRAGMA journal_mode" }))[0], { journal_mode: WAL });
});

test("all or none", async () => {
  const { sql, archive } = at("atomic.db");
  await lose(archive, "first");
  const row = { text: "DELETE FROM pod_log" };
  const problem = await problemOf(sql.write([row, { text: "INSERT INTO nowhere VALUES (1)" }]));
  assert.is(problem.kind, "internal");
  assert.equal(await archive.settled(["first"]), new Set(["first"]));
});

test("F-36: a file that is no database is named, with what to do; once it is away, work goes on", async () => {
  const { archive, path } = at("damaged.db");
  await writeFile(path, "these are not the bytes of a database ".repeat(200));
  const problem = await problemOf(lose(archive, "x"));
  assert.is(problem.kind, "damaged");
  assert.match(problem.message, `the store ${path}: `);
  assert.match(problem.message, "move the file away");
  assert.match(await readFile(path, "utf8"), /^these are not/);
  await rename(path, `${path}.old`);
  await until(() => lose(archive, "x").then(() => true), WAIT_MS, { describe: "a new file is made" });
});

test("F-36: a file that is damaged while it is open", async () => {
  const { archive, sql, path } = at("scribbled.db");
  for (let n = 0; n < 200; n++) await lose(archive, `uid-${n}`);
  await sql.write([{ text: "DELETE FROM pod_log WHERE pod_uid = 'uid-0'" }]);
  await sql.close();
  const { size } = await stat(path);
  await truncate(path, Math.floor(size / 2));
  const again = at("scribbled.db");
  const problem = await problemOf(again.sql.read({ text: "SELECT reason FROM pod_log" }));
  assert.is(problem.kind, "damaged", problem.message);
});

test("F-36: a file that is removed is made anew instead of being written to without a name", async () => {
  const { archive, path } = at("removed.db");
  await lose(archive, "before");
  for (const suffix of ["", "-wal", "-shm"]) await rm(`${path}${suffix}`, { force: true });
  await lose(archive, "after");
  assert.equal(await archive.settled(["before", "after"]), new Set(["after"]));
  assert.ok((await stat(path)).size > 0);
});

test("F-36: a directory that cannot be made, and one that is no directory", async () => {
  await writeFile(stores.path("file"), "");
  const { archive } = at("file/store.db");
  const problem = await problemOf(lose(archive, "x"));
  assert.is(problem.kind, "unavailable");
  assert.match(problem.message, "writable");
  const { archive: other } = at(".");
  assert.is((await problemOf(lose(other, "x"))).kind, "unavailable");
});

test("F-37: a full disk", async () => {
  // /dev/full is the one disk that is always full, but no database can be made of it: the limit of a file does the same to SQLite.
  const { archive, sql } = at("full.db");
  await lose(archive, "fits");
  await sql.read({ text: "PRAGMA max_page_count = 20" });
  const problem = await problemOf(
    archive.save(
      logOwnerOf("too-big"),
      { text: Buffer.from(Array.from({ length: 400_000 }, () => Math.random() * 256)), dropped: 0 },
      "whole",
    ),
  );
  assert.is(problem.kind, "full");
  assert.match(problem.message, "make room");
  await lose(archive, "small");
  assert.equal(await archive.settled(["fits", "too-big", "small"]), new Set(["fits", "small"]));
});

test("C-83: a store of a later version is left alone", async () => {
  const { sql, path } = at("newer.db");
  await sql.write([{ text: "INSERT INTO schema_version (version) VALUES (?)", values: [1000] }]);
  await sql.close();
  const problem = await problemOf(at("newer.db").sql.read({ text: "SELECT 1" }));
  assert.is(problem.kind, "newer");
  assert.match(problem.message, /newer version.*upgrade/);
  assert.match(problem.message, path);
});

test("a file that nobody may write to", async () => {
  if (process.getuid?.() === 0) return skip("a file that nobody may write to", "root may write to every file");
  const directory = stores.path("readonly");
  await mkdir(directory);
  await chmod(directory, 0o500);
  assert.is((await problemOf(lose(at("readonly/store.db").archive, "x"))).kind, "unavailable");
});

test("while another process holds the file, this one goes on; what waits is bounded", () =>
  within(WAIT_MS, async () => {
    const { archive, path, sql } = at("held.db");
    await lose(archive, "first");
    const other = createClient({ url: `file:${path}`, concurrency: 1 });
    const transaction = await other.transaction("write");
    await transaction.execute("DELETE FROM pod_log");
    let ticks = 0;
    const timer = setInterval(() => {
      ticks += 1;
    }, 10);
    const results = await Promise.allSettled([
      lose(archive, "late"),
      ...Array.from({ length: 100 }, () => sql.read({ text: "SELECT 1 AS one" })),
    ]);
    clearInterval(timer);
    const kinds = results.map((result) =>
      result.status === "rejected" ? (result.reason as StoreProblem).kind : "done",
    );
    assert.is(kinds[0], "busy");
    assert.is(kinds.filter((kind) => kind === "busy").length, 1 + 37, JSON.stringify(kinds));
    assert.ok(ticks > 20, `${ticks} ticks: the process was blocked`);
    await transaction.rollback();
    other.close();
    await lose(archive, "later");
  }));

test("a database process that dies, or hangs, is replaced", () =>
  within(WAIT_MS * 2, async () => {
    const sql = stores.open("dies.db", 10_000);
    const archive = new LogArchive(sql);
    await lose(archive, "first");
    const { pid = 0 } = sql;
    await stopProcess(pid);
    const hung = await problemOf(lose(archive, "hung"));
    assert.equal([hung.kind, /within 10 s; is its disk well/.test(hung.message)], ["unavailable", true]);
    await lose(archive, "second");
    const next = sql.pid ?? 0;
    assert.is.not(next, pid);
    process.kill(next, "SIGKILL");
    const died = await Promise.allSettled([lose(archive, "third")]);
    if (died[0]?.status === "rejected") assert.is((died[0].reason as StoreProblem).kind, "unavailable");
    await until(() => lose(archive, "fourth").then(() => true), WAIT_MS, { describe: "another one works" });
    assert.equal(await archive.settled(["first", "second", "fourth"]), new Set(["first", "second", "fourth"]));
  }));

test("the database's process sees no environment and ends with the one it serves", () =>
  within(WAIT_MS, async () => {
    const child = writer(stores.path("orphan.db"), "orphan");
    await until(() => childrenOf(child.pid ?? 0).length === 1, WAIT_MS, {
      describe: "the database's process is there",
    });
    const [pid = 0] = childrenOf(child.pid ?? 0);
    await until(async () => (await readFile(`/proc/${pid}/cmdline`, "utf8")).includes("embedded-process"), WAIT_MS, {
      describe: "it is what it is",
    });
    assert.not.match(await readFile(`/proc/${pid}/environ`, "utf8"), "HOME=");
    child.kill("SIGKILL");
    await until(() => !existsSync(`/proc/${pid}`), WAIT_MS, { describe: "it ends" });
  }));

test("after close everything is refused, and closing twice is fine", async () => {
  const { sql } = at("closed.db");
  await sql.read({ text: "SELECT 1" });
  await Promise.all([sql.close(), sql.close()]);
  assert.is((await problemOf(sql.read({ text: "SELECT 1" }))).kind, "closed");
  await new EmbeddedSql(stores.path("never-opened.db")).close();
});

test.run();
