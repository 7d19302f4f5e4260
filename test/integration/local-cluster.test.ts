import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Cluster, startCluster, stopCluster } from "../../local/cluster.ts";
import type { ClusterState } from "../../local/cluster-state.ts";
import { silentProgress } from "../../local/progress.ts";
import { whyNoNode } from "../runner/machine.ts";
import { until, within } from "../support/deadline.ts";
import { debrisOf } from "../support/local-debris.ts";
import { skip } from "../support/skip.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../support/temporary-directory.ts";

const MAIN = join(import.meta.dirname, "../../local/cluster-main.js");
const DOWN = join(import.meta.dirname, "../../local/down.js");
/** Longer than the path of a socket may be: sockets must not lie below the cluster's directory. */
const LONG =
  "a-directory-whose-path-is-longer-than-the-path-of-a-unix-socket-may-be-which-is-one-hundred-and-eight-bytes";
const START_MS = 180_000;

const reason = whyNoNode();
const test = suite<{ temporary: TemporaryDirectory; dirs: string[] }>("a local cluster");
test.before(async (context) => {
  context.temporary = await temporaryDirectory();
  context.dirs = [];
});
test.after(async ({ temporary, dirs }) => {
  for (const dir of dirs) await stopCluster(dir);
  await temporary.remove();
});

function start(dir: string, gpus = 4): Promise<Cluster> {
  return within(START_MS, () => startCluster({ dir, gpus, progress: silentProgress, diesWithStarter: true }));
}

function stateOf(dir: string): ClusterState {
  return JSON.parse(readFileSync(join(dir, "state.json"), "utf8"));
}

test("two run side by side, are reused, and stop without a trace", async ({ temporary, dirs }) => {
  const a = join(temporary.path, "a");
  const b = join(temporary.path, LONG, "b");
  dirs.push(a, b);
  await mkdir(join(temporary.path, LONG));
  const begun = Date.now();
  const [first, second] = await Promise.all([start(a), start(b)]);
  assert.is.not(first.server, second.server);
  assert.is(first.reused, false);
  const before = Date.now();
  const again = await start(a, 2);
  assert.ok(again.reused);
  assert.ok(Date.now() - before < (before - begun) / 2, "a running cluster is found at once");
  assert.is(again.server, first.server);
  await first.stop();
  assert.equal(await debrisOf(a), []);
  assert.ok((await start(b)).reused, "stopping one cluster leaves the other whole");
  await second.stop();
  assert.equal(await debrisOf(b), []);
});

test("a cluster that lost a process is replaced; one whose directory was deleted or moved can be stopped", async ({
  temporary,
  dirs,
}) => {
  const dir = join(temporary.path, "lost");
  const moved = join(temporary.path, "moved");
  dirs.push(dir, moved);
  await start(dir);
  for (const name of ["kubelet", "coredns"]) {
    process.kill(stateOf(dir).components[name]?.pid ?? 0, "SIGKILL");
    await until(async () => (await start(dir)).reused === false, START_MS, { describe: `a new cluster after ${name}` });
  }
  await rename(dir, moved);
  await stopCluster(moved);
  assert.equal(await debrisOf(dir), []);
  assert.equal(await debrisOf(moved), []);
  await start(dir);
  // The kubelet may write while it is being deleted: what is left then must not be in the way.
  await rm(dir, { recursive: true, force: true, maxRetries: 3 }).catch(() => {});
  await stopCluster(dir);
  assert.equal(await debrisOf(dir), []);
});

test("a starter that is killed at any moment leaves nothing that the next start or stop cannot handle", async ({
  temporary,
  dirs,
}) => {
  const dir = join(temporary.path, "killed", "cluster");
  dirs.push(dir);
  for (const moment of ["node/namespace-ready", "logs/kube-apiserver.log", "logs/kubelet.log"]) {
    await mkdir(dirname(dir), { recursive: true });
    const child = spawn(process.execPath, [MAIN, "--dir", dir], { stdio: "ignore" });
    await until(() => readFileSync(join(dir, moment)) !== undefined, START_MS, { describe: moment, everyMs: 5 });
    child.kill("SIGKILL");
    await once(child, "exit");
    if (moment.includes("apiserver")) continue; // The next start finds it half-started.
    const down = spawn(process.execPath, [DOWN, "--dir", dirname(dir)], { stdio: "ignore" });
    const [status] = await within(START_MS, () => once(down, "exit"));
    assert.is(status, 0);
    assert.equal(await debrisOf(dir), [], moment);
  }
});

test("Ctrl-C in the middle of a start: one line, status 130, nothing left", async ({ temporary, dirs }) => {
  const dir = join(temporary.path, "interrupted");
  dirs.push(dir);
  for (const moment of ["cluster-id", "logs/kube-apiserver.log", "logs/containerd.log"]) {
    const child = spawn(process.execPath, [MAIN, "--dir", dir], { stdio: ["ignore", "ignore", "pipe"] });
    const text = collect(child);
    await until(() => readFileSync(join(dir, moment)) !== undefined, START_MS, { describe: moment, everyMs: 5 });
    child.kill("SIGINT");
    // Not its exit: what it has written may come after that.
    const [status] = await within(START_MS, () => once(child, "close"));
    assert.is(status, 130, text());
    assert.match(text(), /interrupted; everything that was started has been stopped and removed\n$/);
    assert.equal(await debrisOf(dir), [], moment);
  }
});

function collect(child: ChildProcess): () => string {
  let text = "";
  child.stderr?.on("data", (chunk) => {
    text += chunk;
  });
  return () => text;
}

if (reason === undefined) test.run();
else skip("file", reason);
