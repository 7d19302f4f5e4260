import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { isRunning, processesMarked, processIdentity, signalProcess } from "../../../local/process-identity.ts";
import { recordProcess, runningProcesses, stopProcesses } from "../../../local/processes.ts";
import { until, within } from "../../support/deadline.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";

const test = suite<{ temporary: TemporaryDirectory; file: string }>("recorded processes");
test.before.each(async (context) => {
  context.temporary = await temporaryDirectory();
  context.file = join(context.temporary.path, "processes.json");
});
test.after.each(({ temporary }) => temporary.remove());

function sleeper(env: Record<string, string> = {}) {
  const child = spawn("sleep", ["300"], { stdio: "ignore", env: { ...process.env, ...env } });
  return { child, pid: child.pid ?? 0, ended: once(child, "exit") };
}

test("recorded processes are found and stopped, and the record goes", async ({ file }) => {
  const [a, b] = [sleeper(), sleeper()];
  await Promise.all([recordProcess(file, "operator", a.pid), recordProcess(file, "api", b.pid)]);
  assert.equal((await runningProcesses(file)).map((p) => p.name).sort(), ["api", "operator"]);
  assert.equal((await within(60_000, () => stopProcesses(file))).sort(), ["api", "operator"]);
  assert.is((await a.ended)[1], "SIGTERM");
  await b.ended;
  assert.not(existsSync(file));
  assert.equal(await stopProcesses(file), []);
});

test("a process that took over the id of a recorded one is left alone", async ({ file }) => {
  const stranger = sleeper();
  await recordProcess(file, "operator", stranger.pid);
  const record = JSON.parse(readFileSync(file, "utf8"));
  record[0].startTime = `${record[0].startTime}0`;
  writeFileSync(file, JSON.stringify(record));
  assert.equal(await stopProcesses(file), []);
  assert.ok(processIdentity(stranger.pid), "it still runs");
  stranger.child.kill("SIGKILL");
  await stranger.ended;
});

test("a damaged record is never taken for process ids", async ({ file }) => {
  for (const content of [
    "{",
    "{}",
    '[{"pid":-1,"startTime":"a","name":"all"}]',
    '[{"pid":1,"startTime":"a","name":"init"}]',
  ]) {
    writeFileSync(file, content);
    try {
      await stopProcesses(file);
      assert.unreachable(content);
    } catch (error) {
      assert.match(String(error), /is damaged/, content);
    }
  }
});

test("a marked process is found by the whole value of its mark, and is gone when it is a zombie", async () => {
  const marked = sleeper({ ODIN_TEST_MARK: "abc" });
  // Between fork and exec a child still shows its parent's environment.
  await until(() => processesMarked("ODIN_TEST_MARK", new Set(["abc"])).some(({ pid }) => pid === marked.pid), 60_000, {
    describe: "the marked process is found",
  });
  assert.equal(processesMarked("ODIN_TEST_MARK", new Set(["ab", "abcd"])), []);
  assert.equal(processesMarked("TEST_MARK", new Set(["abc"])), []);
  const identity = processIdentity(marked.pid);
  assert.ok(identity && isRunning(identity));
  assert.ok(signalProcess(identity, "SIGKILL"));
  await marked.ended;
  assert.not(isRunning(identity));
  assert.not(signalProcess(identity, "SIGKILL"));
});

test.run();
