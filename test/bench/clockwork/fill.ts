import { JobRecords } from "../../../store/job-records.ts";
import type { Sql, Statement } from "../../../store/sql.ts";
import { believableJob } from "./believable-job.ts";

const AT_ONCE = 10_000;
/** Rows of one statement: SQLite takes 32,766 values. */
const ROWS_A_STATEMENT = 1_000;

/** What a database is filled with. */
export interface Filling {
  jobs: number;
  /** Whole seconds since 1970: the newest job is of then. */
  now: number;
  /** Transactions at a time. */
  writers: number;
  /** Gives `name` and `definition` of every index of the table of jobs that a statement of its own has made. */
  indexes: string;
  /** What the database's server does by itself after a while. */
  settle: readonly string[];
  progress(text: string): void;
  signal: AbortSignal;
}

/**
 * Writes jobs into the tables that the product has made, as the product writes them. The indexes are taken away meanwhile and made again by the very
 * statements that the database says made them: a million rows take minutes so, and hours otherwise.
 */
export async function fillJobs(sql: Sql, filling: Filling): Promise<void> {
  const { jobs, now, progress, signal } = filling;
  const indexes = await sql.read({ text: filling.indexes });
  await sql.write(indexes.map(({ name }) => ({ text: `DROP INDEX ${String(name)}` })));
  const records = new JobRecords({
    read: (statement) => sql.read(statement),
    write: (statements) => sql.write(joined(statements)),
    tidy: () => sql.tidy(),
    close: () => sql.close(),
  });
  let next = 0;
  const writer = async (): Promise<void> => {
    for (let from = next; from < jobs; from = next) {
      signal.throwIfAborted();
      next = Math.min(from + AT_ONCE, jobs);
      await records.upsert(Array.from({ length: next - from }, (_, at) => believableJob(from + at, jobs, now)));
      progress(`${next} of ${jobs} rows`);
    }
  };
  await Promise.all(Array.from({ length: filling.writers }, writer));
  for (const [index, { name, definition }] of indexes.entries()) {
    signal.throwIfAborted();
    progress(`index ${index + 1} of ${indexes.length}: ${String(name)}`);
    await sql.read({ text: String(definition) });
  }
  for (const text of filling.settle) await sql.read({ text });
}

/** Statements that insert a row each, as fewer ones that insert many. */
function joined(statements: readonly Statement[]): Statement[] {
  const fewer: Statement[] = [];
  for (let from = 0; from < statements.length; from += ROWS_A_STATEMENT) {
    const some = statements.slice(from, from + ROWS_A_STATEMENT);
    const [begin = "", row = "", end = ""] = some[0]?.text.split(/VALUES (\(.*?\))/s) ?? [];
    const rows = some.map(() => row).join(", ");
    fewer.push({ text: `${begin}VALUES ${rows}${end}`, values: some.flatMap(({ values = [] }) => values) });
  }
  return fewer;
}
