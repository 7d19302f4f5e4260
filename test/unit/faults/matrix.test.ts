import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { citationsIn } from "../../clauses/citations.ts";
import { judgeRows } from "../../faults/judge.ts";
import { faultsPage, PAGE_FILE } from "../../faults/page.ts";
import { savedResults } from "../../faults/results.ts";
import { ROWS, rowsOf } from "../../faults/rows.ts";
import type { FileResult } from "../../runner/file-result.ts";
import { ROOT } from "../../support/documents.ts";

const matrix = suite("fault matrix");
const LAST = 44;

matrix("has its rows, each once, in order", () => {
  assert.equal(
    ROWS.map(({ id }) => id),
    Array.from({ length: LAST }, (_, index) => `F-${index + 1}`),
  );
  assert.equal(
    rowsOf(["F-12", "F-2"]).map(({ id }) => id),
    ["F-2", "F-12"],
  );
  assert.throws(() => rowsOf(["F-45"]), /no row F-45/);
});

matrix("each row has a test that names it, in each of its files", () => {
  for (const { id, files } of ROWS) {
    assert.ok(files.length > 0, id);
    for (const name of files) {
      const path = join(ROOT, "test", `${name}.test.ts`);
      assert.ok(existsSync(path), `${id}: ${name} is not there`);
      const text = readFileSync(path, "utf8");
      // A case of the suite gives the row as an argument of its own.
      const named = text.includes(`"${id}"`) || citationsIn(text).some(({ clauses }) => clauses.includes(id));
      assert.ok(named, `${name} has no test that names ${id}`);
    }
  }
});

matrix("the page is what the checked-in results say, with a result for every row", () => {
  const results = savedResults();
  assert.equal(
    results.map(({ row }) => row),
    ROWS.map(({ id }) => id),
    "npm run test:faults -- --write",
  );
  assert.is(readFileSync(PAGE_FILE, "utf8"), faultsPage(results), "npm run test:faults -- --write");
});

const file = (more: Partial<FileResult>): FileResult => ({
  name: "faults/server/writes",
  passed: 1,
  failed: 0,
  skips: [],
  reasons: [],
  warnings: [],
  notes: [],
  wallMs: 1_000,
  ...more,
});
const RUN = { date: "2026-01-01", long: false };

matrix("a row holds only if each of its files says so", () => {
  const [row] = rowsOf(["F-6"]);
  assert.ok(row);
  const judge = (...files: FileResult[]) => judgeRows([row], files, RUN)[0];
  const note = (more: object) => JSON.stringify({ row: "F-6", title: "killed", ms: 2_000, ...more });
  assert.is(judge(file({ notes: [note({})] }))?.result, "passed");
  assert.is(judge(file({ notes: [note({}), note({ problem: "two pods" })] }))?.result, "failed");
  assert.is(judge(file({ notes: [note({ row: "F-7" })] }))?.result, "failed", "no case of this row");
  assert.is(
    judge(file({ failed: 1, reasons: ["a hook failed"] }))?.details.join(),
    "faults/server/writes tells nothing of it: a hook failed",
  );
  assert.is(judge()?.result, "not run");
});

matrix("a file from elsewhere counts as a whole, and a test that was left out is told", () => {
  const [row] = rowsOf(["F-43"]);
  assert.ok(row);
  const files = row.files.map((name) => file({ name }));
  assert.is(judgeRows([row], files, RUN)[0]?.result, "passed");
  const skips = [{ name: "F-43: one", reason: "no network" }];
  const left = judgeRows([row], [...files.slice(1), file({ name: row.files[0] ?? "", skips })], RUN)[0];
  assert.is(left?.result, "failed");
  assert.match(left?.details.join() ?? "", "F-43: one was left out: no network");
});
matrix.run();
