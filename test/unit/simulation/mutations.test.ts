// timeout: 600
import { execFile } from "node:child_process";
import { resolve } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { MUTATIONS } from "../../simulation/mutations.ts";

const PROGRAM = resolve(import.meta.dirname, "../../simulation/mutated-main.js");
/** As many as the short set has. */
const SCHEDULES = "50";

/** Plays schedules with a mistake in the product; resolves with the exit code and what was printed. */
function play(name: string, seed: number): Promise<{ code: number; text: string }> {
  const words = [PROGRAM, name, "--seed", String(seed), "--schedules", SCHEDULES, "--no-shrink"];
  return new Promise((done) => {
    execFile(process.execPath, words, (error, stdout, stderr) => {
      done({ code: error === null ? 0 : Number(error.code), text: `${stdout}${stderr}` });
    });
  });
}

const mutations = suite("planted mistakes");
for (const [name, { mistake, rule, seed }] of Object.entries(MUTATIONS)) {
  mutations(`an operator that ${mistake} is found out`, async () => {
    const { code, text } = await play(name, seed);
    assert.is(code, 1, text);
    assert.match(text, /breaks a rule/);
    assert.match(text, rule);
  });
}
mutations.run();
