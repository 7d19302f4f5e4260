import { suite } from "uvu";
import * as assert from "uvu/assert";
import { BoundedText } from "../../runner/bounded-text.ts";
import { suitesNotRun } from "../../runner/discover.ts";
import { endsWithSummary, lastSummary, skips, stripColours } from "../../runner/summary.ts";

const texts = suite("what a test process prints");
const BLOCK = "\n  Total:     3\n  Passed:    2\n  Skipped:   1\n  Duration:  1.25ms\n\n";

texts("the last complete summary counts", () => {
  const { total, passed, skipped } = lastSummary(`  Total:     9\n  Passed:    9\nTotal: 9\n${BLOCK}Total: 8\n`) ?? {};
  assert.equal({ total, passed, skipped }, { total: 3, passed: 2, skipped: 1 });
  assert.is(lastSummary("  Total:     9\n  Passed:    9\n"), undefined);
});

texts("colours do not hide it", () => {
  const coloured = "\n  Total:     3\u001b[32m\n  Passed:    3\u001b[39m\n  Skipped:   0\n  Duration:  1ms\n\n";
  assert.is(lastSummary(stripColours(coloured))?.passed, 3);
});

texts("a summary is the end only if nothing follows", () => {
  assert.ok(endsWithSummary(BLOCK));
  assert.not(endsWithSummary(`${BLOCK}and then`));
  assert.not(endsWithSummary(""));
});

texts("skips are found behind uvu's dots", () => {
  assert.equal(skips("• • # skip one: because\n# skip two words: of: this\nx# skip no: no\n"), [
    { name: "one", reason: "because" },
    { name: "two words", reason: "of: this" },
  ]);
});

texts("suites that are made and not run are found in the source", () => {
  const source = 'const a = suite("a");\nconst b = suite<{ n: number }>("b");\na.run();\n  const c = suite("c");\n';
  assert.equal(suitesNotRun(source), ["b"]);
  assert.equal(suitesNotRun('import { test } from "uvu";\ntest("x", () => {});\n'), ["test"]);
  assert.equal(suitesNotRun('import { test } from "uvu";\ntest("x", () => {});\ntest.run();\n'), []);
});

texts("bounded text keeps both ends and says what is missing", () => {
  const text = new BoundedText();
  text.append("first ");
  for (let count = 0; count < 1_000; count++) text.append("x".repeat(1_000));
  text.append(" last");
  const kept = text.toString();
  assert.ok(kept.length < 330_000);
  assert.match(kept, /^first x/);
  assert.match(kept, /x last$/);
  assert.match(kept, /… \d+ characters left out …/);
  assert.is(text.end(5), " last");
  const short = new BoundedText();
  short.append("abc");
  assert.is(short.end(10), "abc");
  assert.is(short.toString(), "abc");
});

texts.run();
