// timeout: 1200
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ROOT } from "../../support/documents.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

// The benchmark itself, in its smallest size: that it runs, and that what it counts is right. It never judges how fast anything was.
// The first time on a machine, the simulator of nodes has to be built.

const execute = promisify(execFile);
const TIMEOUT_MS = 1_100_000;

interface Results {
  results: {
    workload: string;
    outcome: {
      measurement: {
        tasks: number;
        pods: number;
        levelsUs: number[];
        startsUs: number[];
        requests: Record<string, number>;
        refused: Record<string, number>;
        lost: string[];
        doubled: string[];
        unfinished: string[];
        usage: { cpuSeconds: Record<string, number>; sentBytes: Record<string, number>; writtenBytes: number };
      };
    };
  }[];
}

const bench = suite("the benchmark");

bench("measures chains on simulated nodes from the audit log, and tasks that fail once", async () => {
  const directory = await temporaryDirectory();
  try {
    const program = join(ROOT, "dist/test/bench/engine.js");
    const args = [program, "--only", "W2,W9", "--scale", "0.1", "--repeat", "1", "--out", directory.path];
    const { stdout } = await execute(process.execPath, args, { timeout: TIMEOUT_MS });
    const { results }: Results = JSON.parse(readFileSync(join(directory.path, "engine.json"), "utf8"));
    assert.equal(
      results.map(({ workload }) => workload),
      ["W2", "W9"],
      stdout,
    );
    for (const { workload, outcome } of results) {
      const { measurement: m } = outcome;
      assert.equal([m.lost, m.doubled, m.unfinished], [[], [], []], stdout);
      assert.is(m.tasks, 20);
      assert.is(m.pods, workload === "W2" ? 20 : 22);
      // A server that is too busy for one is asked again.
      const refused = Object.entries(m.refused).filter(([name]) => name.startsWith("create pods "));
      assert.is(m.requests["create pods"], m.pods + refused.reduce((sum, [, count]) => sum + count, 0));
      // Two chains of ten have nine levels each, and each level is a child that was created after its parent had ended.
      assert.is(m.levelsUs.length, 18);
      assert.is(m.startsUs.length, 2);
      assert.ok([...m.levelsUs, ...m.startsUs].every((us) => us > -1_000_000 && us < 60_000_000));
      const body = m.usage.sentBytes["create pods"] ?? 0;
      assert.ok(body > 300 * m.pods && body < 10_000 * m.pods, `${body} bytes of pods`);
      assert.ok(m.usage.writtenBytes > body);
      assert.ok((m.usage.cpuSeconds.controller ?? 0) > 0 && (m.usage.cpuSeconds["kube-apiserver"] ?? 0) > 0);
    }
    assert.match(readFileSync(join(directory.path, "engine.md"), "utf8"), "| P-1 | W2, chains |");
    for (const plot of ["tasks-per-second", "level-overhead", "memory"]) {
      assert.match(readFileSync(join(directory.path, `${plot}.svg`), "utf8"), "</svg>");
    }
  } finally {
    await directory.remove();
  }
});
bench.run();
