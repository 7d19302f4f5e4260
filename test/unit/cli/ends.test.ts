import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { within } from "../../support/deadline.ts";
import { ROOT } from "../../support/documents.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";

const ends = suite("how the odin command ends");
const WITHIN_MS = 60_000;

interface Ending {
  code: number | null;
  stderr: string;
}

/** Runs the command, with code of the test in its process, until it ends. */
function ending(args: string[], injected = ""): Promise<Ending> {
  return within(WITHIN_MS, async (signal) => {
    const child = spawn(
      process.execPath,
      ["--import", `data:text/javascript,${encodeURIComponent(injected)}`, join(ROOT, "dist/cli/odin.js"), ...args],
      { stdio: ["ignore", "ignore", "pipe"], signal, killSignal: "SIGKILL", env: { PATH: process.env.PATH } },
    );
    let stderr = "";
    child.stderr.on("data", (chunk) => {
      stderr += chunk;
    });
    const code = await new Promise<number | null>((done, fail) => {
      child.on("error", fail);
      child.on("close", done);
    });
    return { code, stderr };
  });
}

/** Runs `code` in the command's process as soon as that has made its arrangements for signals. */
function onceItListens(code: string): string {
  return `const timer = setInterval(() => { if (process.listenerCount("SIGTERM") > 0) { clearInterval(timer); ${code} } }, 10)`;
}

let temporary: TemporaryDirectory;
/** An operator of a cluster that does not answer, so that it goes on trying. */
let nowhere: string[];

ends.before(async () => {
  temporary = await temporaryDirectory();
  const kubeconfig = join(temporary.path, "kubeconfig");
  const named = (kind: string, value: object) => [{ name: "nowhere", [kind]: value }];
  await writeFile(
    kubeconfig,
    JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      clusters: named("cluster", { server: "https://127.0.0.1:1" }),
      contexts: named("context", { cluster: "nowhere", user: "nowhere" }),
      users: named("user", { token: "none" }),
      "current-context": "nowhere",
    }),
  );
  nowhere = ["operator", "--kubeconfig", kubeconfig, "--metrics-listen", "127.0.0.1:0", "--store", "none"];
});
ends.after(async () => {
  await temporary.remove();
});

ends("an error that nothing handles ends it with 1 and one line with its place, thrown or rejected", async () => {
  for (const [failure, message] of [
    ["throw new Error('of the test')", "of the test"],
    ["Promise.reject(new Error('in two\\nlines'))", "in two; lines"],
    ["throw 'no error at all'", "no error at all"],
  ]) {
    const { code, stderr } = await ending(nowhere, onceItListens(failure ?? ""));
    assert.is(code, 1, stderr);
    assert.is(stderr.trimEnd().split("\n").length, 1, stderr);
    assert.ok(stderr.startsWith("odin operator: ended by an error that nothing handled: "), stderr);
    assert.ok(stderr.includes(message ?? ""), stderr);
  }
});

ends("a wrong setting and an unknown command end it with 2 and one line", async () => {
  for (const [args, words] of [
    [["operator", "--workers", "none"], "--workers"],
    [["api", "--no-such-flag"], "--no-such-flag"],
    [["serve"], '"serve"'],
  ] as const) {
    const { code, stderr } = await ending([...args]);
    assert.is(code, 2, stderr);
    assert.is(stderr.trimEnd().split("\n").length, 1, stderr);
    assert.ok(stderr.includes(words), stderr);
  }
});

ends("the second signal ends it at once, with 130", async () => {
  const twice = onceItListens("for (const signal of ['SIGTERM', 'SIGINT']) process.emit(signal)");
  assert.is((await ending(nowhere, twice)).code, 130);
});

ends.run();
