import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { skip } from "../../support/skip.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";

const EXAMPLE = join(import.meta.dirname, "../../../../examples/sst2");
const hasPython = spawnSync("python3", ["-c", "import sys; sys.exit(sys.version_info < (3, 9))"]).status === 0;
const sst2 = suite("the sst2 example");
let place: TemporaryDirectory;

interface Ended {
  exitCode: number | null;
  stdout: string;
  stderr: string;
}

function python(script: string, ...args: string[]): Ended {
  const { status, stdout, stderr } = spawnSync("python3", ["-B", join(EXAMPLE, script), ...args], { encoding: "utf8" });
  return { exitCode: status, stdout, stderr };
}

function train(name: string, changes: Record<string, string> = {}): Ended & { basedir: string } {
  const basedir = join(place.path, name);
  const options = {
    basedir,
    config: join(EXAMPLE, "sst2.yml"),
    train: join(EXAMPLE, "train.txt"),
    dev: join(EXAMPLE, "dev.txt"),
    result: join(place.path, "no-such-file"),
    ...changes,
  };
  return { basedir, ...python("train.py", ...Object.entries(options).flatMap(([key, value]) => [`--${key}`, value])) };
}

function write(name: string, text: string): string {
  const path = join(place.path, name);
  writeFileSync(path, text);
  return path;
}

function test(name: string, body: () => void): void {
  sst2(name, () => (hasPython ? body() : skip(name, "there is no python3 of version 3.9 or newer here")));
}

sst2.before(async () => {
  place = await temporaryDirectory();
});
sst2.after(() => place.remove());

test("the data is balanced and nothing held out is learned from", () => {
  const rows = (name: string): string[] => readFileSync(join(EXAMPLE, name), "utf8").trimEnd().split("\n");
  const learned = new Set(rows("train.txt"));
  assert.is(learned.size, rows("train.txt").length);
  for (const name of ["train.txt", "dev.txt"]) {
    assert.is(rows(name).filter((row) => row.startsWith("1\t")).length, rows(name).length / 2);
  }
  assert.equal(
    rows("dev.txt").filter((row) => learned.has(row)),
    [],
  );
});

test("it learns: the loss falls and the accuracy on held-out sentences is far above chance", () => {
  const { exitCode, stdout, stderr, basedir } = train("learns");
  assert.is(exitCode, 0, stderr);
  const losses = [...stdout.matchAll(/^epoch \d+\/12 {2}loss (\d+\.\d+)$/gm)].map((match) => Number(match[1]));
  assert.is(losses.length, 12);
  assert.ok((losses.at(-1) ?? 1) < (losses.at(0) ?? 0) / 4, losses.join(" "));
  const accuracy = Number(/^held-out accuracy: (0\.\d\d) \(n=60\)$/m.exec(stdout)?.[1]);
  assert.ok(accuracy >= 0.8, stdout);
  assert.ok(existsSync(join(basedir, "model.json")));
});

test("the same seed gives the same model, another seed another", () => {
  const model = (name: string, changes: Record<string, string>): string =>
    readFileSync(join(train(name, changes).basedir, "model.json"), "utf8");
  const settings = readFileSync(join(EXAMPLE, "sst2.yml"), "utf8");
  const first = model("first", {});
  assert.is(model("second", {}), first);
  assert.is.not(model("third", { config: write("seed.yml", settings.replace("seed: 7", "seed: 8")) }), first);
});

test("the task after it prints the accuracy and words that mean something", () => {
  const { basedir, stdout } = train("after");
  const after = python("after.py", "--basedir", basedir);
  assert.is(after.exitCode, 0, after.stderr);
  const line = /^held-out accuracy: .*$/m.exec(stdout)?.[0];
  assert.ok(line !== undefined && after.stdout.includes(line), after.stdout);
  assert.match(after.stdout, /most positive: .*\b(beautiful|great)\b/);
  assert.match(after.stdout, /most negative: .*\b(dull|badly)\b/);
});

test("a model no better than chance fails with 1", () => {
  const noise = Array.from({ length: 40 }, (_, index) => `${index % 2}\tthe same words\n`).join("");
  const { basedir } = train("noise", { train: write("noise.txt", noise), dev: write("noise-dev.txt", noise) });
  const after = python("after.py", "--basedir", basedir);
  assert.is(after.exitCode, 1);
  assert.match(after.stderr, /^error: 0\.50 is no better than always giving the same answer \(0\.50\)$/m);
});

test("SST-2 as it is published, sentence first under a header, works", () => {
  const swapped = (name: string): string => {
    const rows = readFileSync(join(EXAMPLE, name), "utf8").trimEnd().split("\n");
    return write(name, ["sentence\tlabel", ...rows.map((row) => row.split("\t").reverse().join("\t"))].join("\n"));
  };
  const { exitCode, stdout } = train("published", { train: swapped("train.txt"), dev: swapped("dev.txt") });
  assert.is(exitCode, 0);
  assert.match(stdout, /200 sentences to learn from, 60 held out/);
});

test("the result goes where the cluster picks it up, and only if that is there", () => {
  const result = write("termination-log", "");
  const { basedir } = train("result", { result });
  const { accuracy, outputs } = JSON.parse(readFileSync(result, "utf8"));
  assert.ok(accuracy >= 0.8);
  assert.equal(outputs, { model: join(basedir, "model.json"), report: join(basedir, "report.json") });
  train("no-result");
  assert.not(existsSync(join(place.path, "no-such-file")));
});

test("bad input ends with 2 and one line that says what and where", () => {
  const good = readFileSync(join(EXAMPLE, "sst2.yml"), "utf8");
  const cases: [Record<string, string>, RegExp][] = [
    [{ train: join(place.path, "missing.txt") }, /cannot read .*missing\.txt: .*No such file/],
    [{ train: write("empty.txt", "\n\n") }, /empty\.txt holds no sentences/],
    [
      { dev: write("label.txt", "1\tgood\n2\tbad\n") },
      /label\.txt, line 2: want 0 or 1, a tab and a sentence, got '2\\tbad'/,
    ],
    [{ dev: write("tab.txt", "no tab here\n") }, /tab\.txt, line 1: want 0 or 1/],
    [
      { config: write("word.yml", good.replace("rate: 0.2", "rate: fast")) },
      /word\.yml, line 3: want one of .* got 'rate: fast'/,
    ],
    [{ config: write("less.yml", "epochs: 3\n") }, /less\.yml does not set rate, decay, seed/],
    [{ config: write("zero.yml", good.replace("epochs: 12", "epochs: 0")) }, /epochs must be 1 or more, not 0/],
    [{ basedir: "/proc/no/such" }, /cannot write the model/],
  ];
  for (const [changes, message] of cases) {
    const { exitCode, stderr } = train("bad", changes);
    assert.is(exitCode, 2, stderr);
    assert.match(stderr, message);
    assert.is(stderr.trim().split("\n").length, 1, stderr);
  }
  const after = python("after.py", "--basedir", join(place.path, "nothing"));
  assert.is(after.exitCode, 2);
  assert.match(after.stderr, /^error: cannot read .*report\.json: .*; has the training run\?$/m);
});

sst2.run();
