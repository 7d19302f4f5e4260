import type { Row, Statement } from "./sql.ts";
import type { StoreProblemKind } from "./store-problem.ts";

/** What the thread of the embedded database is asked for. */
export interface Request {
  id: number;
  kind: "read" | "write" | "tidy";
  statements: readonly Statement[];
}

/** Its answer: rows of a read, changed rows of each statement of a write, or what went wrong. */
export type Reply =
  | { id: number; rows: Row[] }
  | { id: number; changed: number[] }
  | { id: number; problem: { kind: StoreProblemKind; message: string } };
