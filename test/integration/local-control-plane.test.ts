import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { AdminApi } from "../../local/admin-api.ts";
import { startControlPlane } from "../../local/control-plane.ts";
import { readKubeconfig } from "../../local/kubeconfig.ts";
import { Interrupted } from "../../local/local-error.ts";
import { silentProgress } from "../../local/progress.ts";
import { until, within } from "../support/deadline.ts";
import { debrisOf } from "../support/local-debris.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../support/temporary-directory.ts";

const MAIN = join(import.meta.dirname, "../../local/control-plane-main.js");
const START_MS = 180_000;

const test = suite<{ temporary: TemporaryDirectory }>("a local API server");
test.before.each(async (context) => {
  context.temporary = await temporaryDirectory();
});
test.after.each(({ temporary }) => temporary.remove());

test("two run side by side, each with its own data, and stop without a trace", async ({ temporary }) => {
  const dirs = ["a", "b"].map((name) => join(temporary.path, name));
  const planes = await within(START_MS, () =>
    Promise.all(dirs.map((dir) => startControlPlane({ dir, progress: silentProgress, auditLog: true }))),
  );
  const [first, second] = planes;
  assert.ok(first && second);
  try {
    assert.is.not(first.server, second.server);
    const map = { metadata: { name: "only-here" } };
    const path = "/api/v1/namespaces/default/configmaps";
    const [a, b] = await Promise.all(planes.map(async (plane) => new AdminApi(await readKubeconfig(plane.kubeconfig))));
    assert.ok(a && b);
    await a.request("POST", path, map);
    const { items } = await b.request<{ items: { metadata: { name: string } }[] }>("GET", path);
    assert.not(items.some((item) => item.metadata.name === "only-here"));
    a.close();
    b.close();
    const audit = readFileSync(`${first.auditLog}`, "utf8");
    assert.match(audit, /"stage":"ResponseComplete"[^\n]*configmaps/);
    assert.match(audit, /"requestReceivedTimestamp":"[^"]*\.\d{6}Z"/);
  } finally {
    await Promise.all(planes.map((plane) => plane.stop()));
  }
  for (const dir of dirs) assert.equal(await debrisOf(dir), []);
});

test("nobody without a certificate is let in, and nobody else can read the administrator's", async ({ temporary }) => {
  const dir = join(temporary.path, "secure");
  const plane = await within(START_MS, () => startControlPlane({ dir, progress: silentProgress }));
  try {
    const { authority } = await readKubeconfig(plane.kubeconfig);
    for (const path of ["/version", "/readyz", "/api/v1/namespaces"]) {
      assert.is(await statusWithoutCredentials(`${plane.server}${path}`, authority), 401, path);
    }
    assert.is(statSync(plane.kubeconfig).mode & 0o077, 0);
    assert.is(statSync(dir).mode & 0o077, 0);
  } finally {
    await plane.stop();
  }
});

test("a starter that is killed takes its API server along, and its directory can be used again", async ({
  temporary,
}) => {
  const dir = join(temporary.path, "killed");
  for (const moment of [/starting|Starting/, /kubeconfig\n/]) {
    const child = spawn(process.execPath, [MAIN, "--dir", dir], { stdio: ["ignore", "pipe", "pipe"] });
    await outputMatches(child, moment);
    child.kill("SIGKILL");
    await once(child, "exit");
    const processes = async () => (await debrisOf(dir)).filter((line) => line.startsWith("process"));
    await until(processes, 60_000, { describe: "no process", accept: (left) => left.length === 0 });
  }
  const plane = await within(START_MS, () => startControlPlane({ dir, progress: silentProgress }));
  await plane.stop();
  assert.equal(await debrisOf(dir), []);
});

test("Ctrl-C in the middle of a start: one line, status 130, nothing left", async ({ temporary }) => {
  const dir = join(temporary.path, "interrupted");
  const child = spawn(process.execPath, [MAIN, "--dir", dir], { stdio: ["ignore", "pipe", "pipe"] });
  const output = await outputMatches(child, /Starting/);
  child.kill("SIGINT");
  // Not its exit: what it has written may come after that.
  const [code] = await once(child, "close");
  assert.is(code, 130);
  assert.match(output(), /interrupted; everything that was started has been stopped and removed\n$/);
  assert.equal(await debrisOf(dir), []);
});

test("a start that is given up undoes itself", async ({ temporary }) => {
  const dir = join(temporary.path, "aborted");
  const abort = new AbortController();
  const starting = startControlPlane({ dir, progress: silentProgress, signal: abort.signal });
  setTimeout(() => abort.abort(), 500);
  try {
    await within(START_MS, () => starting);
    assert.unreachable();
  } catch (error) {
    assert.instance(error, Interrupted);
  }
  assert.equal(await debrisOf(dir), []);
});

test("a directory with other files is refused and left alone", async ({ temporary }) => {
  const dir = join(temporary.path, "foreign");
  mkdirSync(dir);
  writeFileSync(join(dir, "thesis.txt"), "years of work");
  try {
    await startControlPlane({ dir, progress: silentProgress });
    assert.unreachable();
  } catch (error) {
    assert.match(String(error), /holds other files \(thesis\.txt\) and no cluster/);
  }
  assert.is(readFileSync(join(dir, "thesis.txt"), "utf8"), "years of work");
});

/** Waits until what the child wrote matches; returns a view of all it has written since. */
async function outputMatches(child: ChildProcess, pattern: RegExp): Promise<() => string> {
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk) => {
      text += chunk;
    });
  }
  await until(() => pattern.test(text), START_MS, { describe: `output matches ${pattern}` });
  return () => text;
}

function statusWithoutCredentials(url: string, ca: string): Promise<number> {
  return new Promise((resolve, reject) => {
    request(url, { ca }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .on("error", reject)
      .end();
  });
}

test.run();
