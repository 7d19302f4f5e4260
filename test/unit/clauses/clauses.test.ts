import { resolve } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { citationsIn, clausesIn } from "../../clauses/citations.ts";
import { clauseCoverage } from "../../clauses/coverage.ts";
import { FAMILIES } from "../../clauses/families.ts";
import { NOT_YET } from "../../clauses/not-yet.ts";

const ROOT = resolve(import.meta.dirname, "../../../..");
const test = suite("clauses");

test("a title's clauses are read, ranges taken apart", () => {
  assert.equal(clausesIn("Q-1, Q-3 and G-7: both"), ["Q-1", "Q-3", "G-7"]);
  assert.equal(clausesIn("Q-20 to Q-22"), ["Q-20", "Q-21", "Q-22"]);
  assert.equal(clausesIn("Q-20..22 and Q-30"), ["Q-20", "Q-21", "Q-22", "Q-30"]);
  assert.equal(clausesIn("UTF-8, x-1, NO-5"), []);
  assert.throws(() => clausesIn("Q-22 to Q-20"), "range");
  assert.throws(() => clausesIn("Q-1 to Q-900"), "range");
});

test("only titles count: not comments, not texts in the middle of an expression", () => {
  const cited = citationsIn(
    [
      'test("Q-1: plain", () => {});',
      "check(`Q-2: of ${name}`, async () => {});",
      'test(\n  "Q-3: on a line \\"of its own\\"",\n  () => {},\n);',
      "// test of Q-4",
      'const text = "Q-5";',
    ].join("\n"),
  );
  assert.equal(
    cited.map(({ clauses }) => clauses),
    [["Q-1"], ["Q-2"], ["Q-3"]],
  );
});

test("cases that several files run are tests of each of them", () => {
  const { files } = clauseCoverage(ROOT);
  const names = files.get("C-53") ?? [];
  for (const name of ["unit/store/user-data", "unit/store/postgres"]) assert.ok(names.includes(name), names.join());
});

test("every clause that a test cites is in a list", () => {
  const { unknown, files } = clauseCoverage(ROOT);
  assert.equal(unknown, []);
  assert.ok(files.size > 50);
});

test("every clause has a test, or is named as one that has none yet", () => {
  const { files } = clauseCoverage(ROOT);
  const without = FAMILIES.flatMap(({ clauses }) => Object.keys(clauses)).filter((clause) => !files.has(clause));
  assert.equal(without, Object.keys(NOT_YET));
});

test("every clause has its family's letter and words of its own", () => {
  for (const { letter, clauses } of FAMILIES) {
    const titles = Object.values(clauses);
    assert.equal(new Set(titles).size, titles.length);
    for (const clause of Object.keys(clauses)) assert.match(clause, new RegExp(`^${letter}-\\d+$`));
  }
});

test.run();
