import type { Test } from "uvu";
import { Ground, type GroundOptions } from "./ground.ts";
import type { RowId } from "./rows.ts";

/** What a case tells the fault command through its output. */
export interface CaseNote {
  row: RowId;
  title: string;
  ms: number;
  /** What went wrong, in one sentence; absent where nothing did. */
  problem?: string;
}

/** Whether the command asked for this row; all are wanted where it named none. */
export function isWanted(row: RowId): boolean {
  const { FAULT_ROWS } = process.env;
  return FAULT_ROWS === undefined || FAULT_ROWS.split(",").includes(row);
}

/** Whether causes last as long as the matrix says, and not only as long as they must to show their effect. */
export const isLong = process.env.FAULT_LONG !== undefined;

/**
 * Adds a case of a row of the fault matrix to a suite: a ground of its own, the case, then the oracle. What the operators said is
 * shown when it fails.
 */
export function faultCase(
  suite: Test,
  row: RowId,
  title: string,
  body: (ground: Ground) => Promise<void>,
  options: GroundOptions = {},
): void {
  if (!isWanted(row)) return;
  suite(`${row}: ${title}`, () =>
    noted(row, title, async () => {
      const ground = await Ground.open(options);
      try {
        await body(ground);
        await ground.judge();
      } catch (error) {
        ground.tell();
        throw error;
      } finally {
        await ground.close();
      }
    }));
}

const MOST_CHARACTERS = 300;

/** The first line of an error, and what an assertion found instead of what it wanted. */
function inOneLine(error: unknown): string {
  const [text = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
  const found = error instanceof Error && "actual" in error ? `: ${JSON.stringify(error.actual)}` : "";
  return `${text}${found}`.slice(0, MOST_CHARACTERS);
}

/** Runs a case of a row and tells the command what came of it. */
export async function noted(row: RowId, title: string, body: () => Promise<void>): Promise<void> {
  const started = performance.now();
  const tell = (problem?: string): void => {
    const ms = Math.round(performance.now() - started);
    const note: CaseNote = { row, title, ms, ...(problem === undefined ? {} : { problem }) };
    // uvu has written a row of dots on this line.
    process.stdout.write(`\n# note ${JSON.stringify(note)}\n`);
  };
  try {
    await body();
  } catch (error) {
    tell(inOneLine(error));
    throw error;
  }
  tell();
}
