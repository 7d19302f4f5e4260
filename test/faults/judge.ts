import { readFileSync } from "node:fs";
import { join } from "node:path";
import { citationsIn, clausesIn } from "../clauses/citations.ts";
import type { FileResult } from "../runner/file-result.ts";
import { ROOT } from "../support/documents.ts";
import type { RowResult } from "./results.ts";
import type { CaseNote } from "./row.ts";
import type { Row } from "./rows.ts";

/**
 * What came of each row. In the suite's own files a row holds if it has a case there that said so and none that did not; a file from
 * elsewhere must have passed as a whole, with tests whose titles name the row.
 */
export function judgeRows(
  rows: readonly Row[],
  files: readonly FileResult[],
  run: Pick<RowResult, "date" | "long">,
): RowResult[] {
  return rows.map((row) => {
    const parts = row.files.map((name) =>
      judgePart(
        row,
        name,
        files.find((file) => file.name === name),
      ),
    );
    const problems = parts.flatMap((part) => part.problems);
    const cases = parts.flatMap((part) => part.cases);
    const ms = parts.reduce((sum, part) => sum + part.ms, 0);
    const wasRun = parts.some((part) => part.wasRun);
    return {
      row: row.id,
      result: problems.length === 0 ? "passed" : wasRun ? "failed" : "not run",
      details: problems.length === 0 ? cases : problems,
      seconds: Math.round(ms / 100) / 10,
      ...run,
    };
  });
}

interface Part {
  wasRun: boolean;
  problems: string[];
  cases: string[];
  ms: number;
}

function judgePart(row: Row, name: string, file: FileResult | undefined): Part {
  if (file === undefined) return { wasRun: false, problems: [`${name} was not run here`], cases: [], ms: 0 };
  const titles = citationsIn(readFileSync(join(ROOT, "test", `${name}.test.ts`), "utf8"))
    .filter(({ clauses }) => clauses.includes(row.id))
    .map(({ title }) => title);
  if (name.startsWith("faults/")) return judgeOwn(row, name, file);
  const problems = file.failed > 0 ? [`${name}: ${file.reasons.join("; ")}`] : [];
  const leftOut = file.skips.filter((skip) => skip.name === "file" || clausesIn(skip.name).includes(row.id));
  for (const { name: test, reason } of leftOut) problems.push(`${name}: ${test} was left out: ${reason}`);
  if (titles.length === 0) problems.push(`${name} has no test that names ${row.id}`);
  return { wasRun: true, problems, cases: titles, ms: file.wallMs };
}

function judgeOwn(row: Row, name: string, file: FileResult): Part {
  const notes = file.notes.map((note) => JSON.parse(note) as CaseNote).filter((note) => note.row === row.id);
  const problems = notes
    .filter(({ problem }) => problem !== undefined)
    .map(({ title, problem }) => `${title}: ${problem}`);
  if (notes.length === 0) problems.push(`${name} tells nothing of it: ${file.reasons.join("; ") || "no such case"}`);
  const ms = notes.reduce((sum, note) => sum + note.ms, 0);
  return { wasRun: true, problems, cases: notes.map(({ title }) => title), ms };
}
