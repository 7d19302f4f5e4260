import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../support/documents.ts";
import type { RowId } from "./rows.ts";

/** What came of one row the last time that it was run. */
export interface RowResult {
  row: RowId;
  result: "passed" | "failed" | "not run";
  /** Titles of the cases that went well, or one sentence each on what did not. */
  details: readonly string[];
  seconds: number;
  /** Day of the run, `YYYY-MM-DD`. */
  date: string;
  /** Whether causes lasted as long as the matrix says (`--long`). */
  long: boolean;
}

/** The checked-in results, from which docs/faults.md is made. */
export const RESULTS_FILE = join(ROOT, "test/faults/results.json");

/** The checked-in results, empty where there are none. */
export function savedResults(): readonly RowResult[] {
  try {
    return JSON.parse(readFileSync(RESULTS_FILE, "utf8")) as RowResult[];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** Keeps these results and, of the rows that were not run now, the earlier ones; in the order of the rows. */
export function saveResults(results: readonly RowResult[]): void {
  const byRow = new Map([...savedResults(), ...results].map((result) => [result.row, result]));
  const sorted = [...byRow.values()].sort((a, b) => Number(a.row.slice(2)) - Number(b.row.slice(2)));
  writeFileSync(RESULTS_FILE, `${JSON.stringify(sorted, null, 2)}\n`);
}
