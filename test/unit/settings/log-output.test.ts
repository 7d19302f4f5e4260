import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { batchedOutput } from "../../../settings/log-output.ts";
import { ROOT } from "../../support/documents.ts";

const output = suite("where lines of the log go");
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function failure(code: string): Error {
  return Object.assign(new Error(code), { code });
}

output("lines of one turn are one write, in order", async () => {
  const written: string[] = [];
  const log = batchedOutput((bytes) => written.push(bytes.toString()) && bytes.length);
  log.write("a\n");
  log.write("ü\n");
  assert.equal(written, []);
  await turn();
  log.write("b\n");
  await turn();
  await turn();
  assert.equal(written, ["a\nü\n", "b\n"]);
});

output("much is written before the turn ends", () => {
  let bytesWritten = 0;
  const log = batchedOutput((bytes) => {
    bytesWritten += bytes.length;
    return bytes.length;
  });
  for (let line = 0; line < 100; line++) log.write(`${"x".repeat(999)}\n`);
  assert.ok(bytesWritten >= 64 * 1024, `${bytesWritten} bytes`);
});

output("a full pipe is waited for, and a part that was taken is not written again", async () => {
  const answers: (number | Error)[] = [2, failure("EAGAIN"), 1, failure("EAGAIN"), 3];
  let text = "";
  const log = batchedOutput((bytes) => {
    const answer = answers.shift();
    if (typeof answer !== "number") throw answer;
    text += bytes.toString("utf8", 0, answer);
    return answer;
  });
  log.write("abcdef");
  await turn();
  assert.is(text, "abcdef");
});

output("a reader that is gone ends nothing", async () => {
  let tries = 0;
  const log = batchedOutput(() => {
    tries++;
    throw failure("EPIPE");
  });
  log.write("a\n");
  await turn();
  log.write("b\n");
  await turn();
  assert.is(tries, 2);
});

output("what was said last is there after an error that nobody caught, and after an exit", async () => {
  const module = JSON.stringify(join(ROOT, "dist/settings/log-output.js"));
  for (const end of ["throw new Error('the end')", "process.exit(3)"]) {
    const script = `import { batchedOutput } from ${module}; const log = batchedOutput(); for (let i = 0; i < 5000; i++) log.write("line " + i + "\\n"); ${end}`;
    const ended = promisify(execFile)(process.execPath, ["--input-type=module", "-e", script]);
    const { stdout } = await ended.catch((error: { stdout: string }) => error);
    assert.match(stdout, /line 4999\n$/);
    assert.is(stdout.split("\n").length, 5001);
  }
});
output.run();
