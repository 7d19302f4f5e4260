import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Environment } from "../../runner/environment.ts";
import type { RunOptions } from "../../runner/run.ts";
import { until } from "../../support/deadline.ts";
import { type Printed, type Sandbox, sandbox } from "./sandbox.ts";

const runs = suite("a run");

async function inSandbox(files: Record<string, string>, check: (place: Sandbox) => Promise<void>): Promise<void> {
  const place = await sandbox(files);
  try {
    await check(place);
  } finally {
    await place.remove();
  }
}

runs("adds up files and stages and names what failed once more", () =>
  inSandbox({ "unit/a": "passes", "unit/deep/b": "fails", "unit/c": "skips" }, async (place) => {
    const stages = [
      { name: "fine", args: ["-e", ""] },
      { name: "broken", args: ["-e", "console.log('what is wrong'); process.exit(3)"] },
    ];
    const printed = await place.run([], { stages });
    // types, fine, two of a, one of deep/b, one of c
    assert.is(printed.lastLine, "6 passed, 2 failed, 1 skipped", printed.text);
    assert.is(printed.exitCode, 1);
    assert.match(printed.text, /what is wrong/);
    assert.match(printed.text, /Failed:\n {2}broken: it ended with exit code 3\n {2}unit\/deep\/b: 1 of 2 failed\n/);
    assert.not.match(printed.text, /output of unit\/a/);
  }),
);

runs("filters by name", () =>
  inSandbox({ "unit/a": "passes", "unit/deep/b": "fails" }, async (place) => {
    assert.is((await place.run(["unit/a"])).lastLine, "2 passed, 0 failed");
    assert.is((await place.run(["test/unit/a.test.ts"])).lastLine, "2 passed, 0 failed");
    assert.is((await place.run(["types"])).lastLine, "1 passed, 0 failed");
    assert.is((await place.run(["unit/a", "deep"])).lastLine, "3 passed, 1 failed");
  }),
);

runs("fails where a filter matches nothing, though another does", () =>
  inSandbox({ "unit/a": "passes" }, async (place) => {
    const none = await place.run(["unti"]);
    assert.is(none.lastLine, "0 passed, 1 failed");
    assert.match(none.text, /nothing has "unti" in its name/);
    assert.is((await place.run(["unti", "unit"])).lastLine, "2 passed, 1 failed");
    assert.is((await place.run(["--list", "unti"])).exitCode, 1);
  }),
);

runs("counts a compiler error, and only warns of it where types were not asked for", () =>
  inSandbox({ "unit/a": "passes" }, async (place) => {
    const build = { ok: false, output: "a.ts(1,1): error TS1: no", wallMs: 1 };
    const all = await place.run([], { build });
    assert.is(all.lastLine, "2 passed, 1 failed");
    assert.match(all.text, /a\.ts\(1,1\): error TS1: no/);
    const one = await place.run(["unit/a"], { build });
    assert.is(one.lastLine, "2 passed, 0 failed");
    assert.match(one.text, /Warnings:\n {2}types: the compiler found errors/);
  }),
);

runs("does not run an output whose source is gone", () =>
  inSandbox({ "unit/a": "passes", "unit/stale": "fails" }, async (place) => {
    await rm(join(place.root, "test/unit/stale.test.ts"));
    assert.is((await place.run(["unit"])).lastLine, "2 passed, 0 failed");
  }),
);

runs("fails for a source without an output", () =>
  inSandbox({ "unit/a": "passes" }, async (place) => {
    await rm(join(place.root, "dist/test/unit/a.test.js"));
    const printed = await place.run(["unit"]);
    assert.is(printed.lastLine, "0 passed, 1 failed");
    assert.match(printed.text, /it was not compiled to .*a\.test\.js: remove dist\//);
  }),
);

runs("takes the time limit of a file's first line", () =>
  inSandbox({ "unit/a": "hangs" }, async (place) => {
    await writeFile(join(place.root, "test/unit/a.test.ts"), "// timeout: 1\n");
    assert.match((await place.run(["unit"])).text, /no end after 1 s/);
  }),
);

runs("of a kind, files that may take longest come first; others stay in their order", () =>
  inSandbox(
    { "unit/a": "passes", "unit/b": "passes", "unit/long": "passes", "e2e/longer": "passes" },
    async (place) => {
      await writeFile(join(place.root, "test/unit/long.test.ts"), "// timeout: 2000\n");
      await writeFile(join(place.root, "test/e2e/longer.test.ts"), "// timeout: 3000\n");
      const { text } = await place.run(["--jobs", "1", "unit", "e2e"]);
      const ended = [...text.matchAll(/^✓ (\S+)/gm)].map((match) => match[1]);
      assert.equal(ended, ["unit/long", "unit/a", "unit/b", "e2e/longer"], text);
    },
  ),
);

runs("fails where there is nothing to run", () =>
  inSandbox({}, async (place) => {
    const printed = await place.run([], { build: { ok: false, output: "", wallMs: 0 } });
    assert.is(printed.exitCode, 1);
  }),
);

runs("lists, helps and refuses without running anything", () =>
  inSandbox({ "unit/a": "fails", "e2e/b": "fails" }, async (place) => {
    assert.equal(await place.run(["--list"]), { exitCode: 0, text: "types\nunit/a\ne2e/b\n", lastLine: "e2e/b" });
    const help = await place.run(["--help"]);
    assert.is(help.exitCode, 0);
    assert.match(help.text, /--timeout S/);
    for (const argv of [["--jobs"], ["--jobs", "0"], ["--jobs=two"], ["--timeout", "-1"], ["--fast"]]) {
      const refused = await place.run(argv);
      assert.is(refused.exitCode, 1);
      assert.is(refused.lastLine, "0 passed, 1 failed");
      assert.match(refused.text, /needs a whole number|unknown option --fast/);
    }
  }),
);

runs("keeps the caller's cluster and settings from the files", () =>
  inSandbox({ "unit/a": "prints-environment" }, async (place) => {
    Object.assign(process.env, { KUBECONFIG: "/the/callers/own", ODIN_SECRET: "the caller's" });
    const printed = await place.run(["unit"]);
    assert.match(printed.text, /^given \{\}$/m);
  }),
);

function fakeEnvironment(quick: boolean, fail?: string) {
  const log: string[] = [];
  const environment = new Environment({
    title: "the fake",
    isQuick: async () => quick,
    start: async () => {
      log.push("started");
      if (fail !== undefined) throw new Error(fail);
      return {
        variables: { ODIN_TEST_KUBECTL: "given" },
        stop: async () => {
          log.push("stopped");
        },
      };
    },
  });
  const environmentOf: RunOptions["environmentOf"] = (kind) => (kind === "integration" ? environment : undefined);
  return { log, environmentOf };
}

for (const quick of [true, false]) {
  runs(`starts a ${quick ? "quick" : "slow"} environment once for all who need it, and stops it`, () =>
    inSandbox(
      { "unit/a": "passes", "integration/b": "passes", "integration/c": "prints-environment" },
      async (place) => {
        const { log, environmentOf } = fakeEnvironment(quick);
        const printed = await place.run(["a", "b", "c"], { environmentOf });
        assert.is(printed.lastLine, "4 passed, 1 failed", printed.text);
        assert.match(printed.text, /^given \{"ODIN_TEST_KUBECTL":"given"\}$/m);
        assert.equal(log, ["started", "stopped"]);
      },
    ),
  );
}

runs("starts no environment that no selected file needs", () =>
  inSandbox({ "unit/a": "passes", "integration/b": "passes" }, async (place) => {
    const { log, environmentOf } = fakeEnvironment(true);
    await place.run(["unit"], { environmentOf });
    assert.equal(log, []);
  }),
);

runs("fails every file of an environment that does not start", () =>
  inSandbox({ "unit/a": "passes", "integration/b": "passes", "integration/c": "passes" }, async (place) => {
    const { environmentOf } = fakeEnvironment(true, "no disk");
    const printed = await place.run(["a", "b", "c"], { environmentOf });
    assert.is(printed.lastLine, "2 passed, 2 failed");
    assert.match(printed.text, /integration\/b: not run: the fake did not start: no disk/);
  }),
);

runs("skips and counts the files that this machine cannot run", () =>
  inSandbox({ "unit/a": "passes", "e2e/b": "passes" }, async (place) => {
    const printed = await place.run(["a", "b"], {
      environmentOf: (kind) => (kind === "e2e" ? { cannot: "needs a bigger boat" } : undefined),
    });
    assert.is(printed.lastLine, "2 passed, 0 failed, 1 skipped");
    assert.match(printed.text, /Skipped:\n {2}e2e\/b: file: needs a bigger boat/);
    assert.is(printed.exitCode, 0);
  }),
);

runs("ends its files, starts nothing more and stops the environment when it is interrupted", () =>
  inSandbox({ "integration/a": "hangs", "integration/b": "hangs", "integration/c": "passes" }, async (place) => {
    const { log, environmentOf } = fakeEnvironment(true);
    const abort = new AbortController();
    const run: Promise<Printed> = place.run(["integration", "--jobs", "2"], { environmentOf, signal: abort.signal });
    await until(() => log.includes("started"), 60_000, { describe: "start of the environment" });
    abort.abort("SIGINT");
    const printed = await run;
    assert.match(printed.text, /run: ended early by SIGINT/);
    assert.is(printed.exitCode, 1);
    assert.match(printed.lastLine, /^0 passed, [13] failed$/);
    assert.equal(log, ["started", "stopped"]);
  }),
);

runs.run();
