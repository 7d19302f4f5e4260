import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { withFileLock } from "../../../local/file-lock.ts";
import { Interrupted } from "../../../local/local-error.ts";
import { processIdentity } from "../../../local/process-identity.ts";
import { within } from "../../support/deadline.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";

const test = suite<{ temporary: TemporaryDirectory; path: string }>("file lock");
test.before.each(async (context) => {
  context.temporary = await temporaryDirectory();
  context.path = join(context.temporary.path, "deep", "some.lock");
});
test.after.each(({ temporary }) => temporary.remove());

const MODULE = join(import.meta.dirname, "../../../local/file-lock.js");

test("processes take turns: a counter that each reads and writes loses nothing", async ({ temporary, path }) => {
  const counter = join(temporary.path, "counter");
  writeFileSync(counter, "0");
  const program = `
    import { readFileSync, writeFileSync } from "node:fs";
    import { setTimeout as delay } from "node:timers/promises";
    const { withFileLock } = await import(${JSON.stringify(MODULE)});
    for (let i = 0; i < 5; i++) await withFileLock(${JSON.stringify(path)}, {}, async () => {
      const n = Number(readFileSync(${JSON.stringify(counter)}, "utf8"));
      await delay(2);
      writeFileSync(${JSON.stringify(counter)}, String(n + 1));
    });`;
  const children = [1, 2, 3].map(() =>
    spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: "inherit" }),
  );
  const codes = await within(60_000, () => Promise.all(children.map(async (child) => (await once(child, "exit"))[0])));
  assert.equal(codes, [0, 0, 0]);
  assert.is(readFileSync(counter, "utf8"), "15");
  assert.not(existsSync(path));
});

test("it is released when the work fails", async ({ path }) => {
  try {
    await withFileLock(path, {}, () => Promise.reject(new Error("broken")));
    assert.unreachable();
  } catch (error) {
    assert.is(String(error), "Error: broken");
  }
  assert.not(existsSync(path));
});

test("a lock is taken over from a dead holder, a reused process id, rubbish and an old empty file", async ({
  temporary,
}) => {
  const own = processIdentity(process.pid);
  assert.ok(own);
  const cases = {
    dead: '{"pid":4194303,"startTime":"x:1"}',
    reused: JSON.stringify({ ...own, startTime: "x:1" }),
    bad: "{",
    empty: "",
  };
  for (const [name, content] of Object.entries(cases)) {
    const path = join(temporary.path, name);
    writeFileSync(path, content);
    utimesSync(path, new Date(0), new Date(0));
    assert.is(await within(20_000, () => withFileLock(path, {}, async () => "worked")), "worked", name);
  }
});

test("a wait for a living holder is told once and ends when it is given up", async ({ temporary }) => {
  const path = join(temporary.path, "held");
  const parent = processIdentity(process.ppid);
  writeFileSync(path, JSON.stringify(parent));
  const abort = new AbortController();
  const told: number[] = [];
  const onWait = (pid: number) => {
    told.push(pid);
    setTimeout(() => abort.abort(), 500);
  };
  try {
    await within(20_000, () => withFileLock(path, { signal: abort.signal, onWait }, async () => {}));
    assert.unreachable();
  } catch (error) {
    assert.instance(error, Interrupted);
  }
  assert.equal(told, [process.ppid]);
  assert.ok(existsSync(path), "the holder keeps its lock");
});

test.run();
