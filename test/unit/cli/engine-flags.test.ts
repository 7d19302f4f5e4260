import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { expectBursts } from "../../../cli/engine-flags.ts";
import { ROOT } from "../../support/documents.ts";

const flags = suite("what V8 is told");

function flagsFor(version: string): string[] {
  const set: string[] = [];
  expectBursts(version, (flag) => set.push(flag));
  return set;
}

const MEMORY = ["--semi-space-growth-factor=1", "--heap-growing-percent=50", "--no-parallel-scavenge"];

flags(
  "every version that knows them gets the flags about memory, the one that was measured those about compiling too",
  () => {
    assert.equal(flagsFor("11.3.244.8-node.38"), [...MEMORY, "--interrupt-budget=270336", "--always-sparkplug"]);
    assert.equal(flagsFor("12.4.254.21-node.33"), MEMORY);
    assert.equal(flagsFor("13.6.233.17-node.41"), MEMORY);
    assert.equal(flagsFor("14.1.146.11-node.14"), []);
  },
);

flags("P-5: the space for new objects stays as small as it begins", async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [
    "--input-type=module",
    "--eval",
    `import { getHeapSpaceStatistics } from "node:v8";
     import { expectBursts } from ${JSON.stringify(join(ROOT, "dist/cli/engine-flags.js"))};
     expectBursts();
     const kept = [];
     for (let i = 0; i < 100_000; i++) kept[i % 20_000] = { text: "x".repeat(40) + i, list: [i, i + 1, i + 2] };
     const space = getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space");
     console.log(space.space_size);`,
  ]);
  assert.ok(Number(stdout) > 0 && Number(stdout) <= 4 * 1024 * 1024, `${stdout} bytes`);
});

flags("the version that runs here has nothing to complain about", async () => {
  const { stderr } = await promisify(execFile)(process.execPath, [
    join(ROOT, "dist/cli/odin.js"),
    "operator",
    "--help",
  ]);
  assert.is(stderr, "");
});
flags.run();
