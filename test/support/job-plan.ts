import type { Sql, Statement } from "../../store/sql.ts";

/** How a database goes about a statement. */
export interface Plan {
  /** Indexes that it reads, each once. */
  indexes: string[];
  /** The table of jobs is read from end to end. */
  scansTable: boolean;
  /** Jobs are brought into order before a page of them is cut off, which takes all that match. */
  sorts: boolean;
}

/** Asks a database for its plan of a statement about jobs. */
export type PlanReader = (sql: Pick<Sql, "read">, statement: Statement) => Promise<Plan>;

/** SQLite's plan. */
export const sqlitePlan: PlanReader = async (sql, { text, values = [] }) => {
  const rows = await sql.read({ text: `EXPLAIN QUERY PLAN ${text}`, values });
  const steps = rows.map(({ detail, parent }) => ({ detail: String(detail), parent }));
  // Parts of the statement that put into order what others have cut off already.
  const ofPages = new Set(
    steps.filter(({ detail }) => /^SCAN (?:keyed|parts?)\b/.test(detail)).map(({ parent }) => parent),
  );
  return {
    indexes: namesIn(
      steps.map(({ detail }) => detail),
      /USING (?:COVERING )?INDEX (\S+)/,
    ),
    scansTable: steps.some(({ detail }) => /^SCAN clockwork_job(?! USING)/.test(detail)),
    sorts: steps.some(({ detail, parent }) => /^USE TEMP B-TREE FOR ORDER BY/.test(detail) && !ofPages.has(parent)),
  };
};

/** PostgreSQL's plan. */
export const postgresPlan: PlanReader = async (sql, { text, values = [] }) => {
  const rows = await sql.read({ text: `EXPLAIN (COSTS OFF) ${text}`, values });
  const steps = rows.map((row) => String(row["QUERY PLAN"]));
  return {
    indexes: namesIn(steps, /Index (?:Only )?Scan(?: Backward)? (?:using|on) (\S+)/),
    scansTable: steps.some((step) => /Seq Scan on clockwork_job\b/.test(step)),
    sorts: steps.some(
      (step, at) => nodeOf(step) === "Sort" && !below(steps, at).some((one) => nodeOf(one) === "Limit"),
    ),
  };
};

/** A plan in few words. */
export function planText({ indexes, scansTable, sorts }: Plan): string {
  // The one by which the jobs of a page are fetched is always there.
  const shown = indexes.filter((name) => !/^sqlite_autoindex_clockwork_job_1$|^clockwork_job_pkey$/.test(name));
  const read = shown.map((name) => `\`${name.replace(/^(?:sqlite_autoindex_)?clockwork_(?:job_)?/, "")}\``);
  return [
    ...(scansTable ? ["**reads the whole table**"] : []),
    ...(read.length === 0 ? [] : [read.join(", ")]),
    ...(sorts ? ["sorts"] : []),
  ].join("; ");
}

function namesIn(steps: readonly string[], pattern: RegExp): string[] {
  return [...new Set(steps.flatMap((step) => pattern.exec(step)?.[1] ?? []))];
}

/** The kind of a line of PostgreSQL's plan, if it begins a node. */
function nodeOf(step: string): string {
  return step.replace(/^\s*(?:->\s*)?/, "");
}

/** The lines below one of them, which are indented more. */
function below(steps: readonly string[], at: number): readonly string[] {
  const indentOf = (step: string): number => step.length - nodeOf(step).length;
  const own = indentOf(steps[at] ?? "");
  const end = steps.findIndex((step, other) => other > at && indentOf(step) <= own);
  return steps.slice(at + 1, end < 0 ? undefined : end);
}
