import { type Condition, type JobOrder, ORDER_COLUMNS, orderText } from "./job-filter.ts";
import type { Statement } from "./sql.ts";

/** A part of the jobs that match, in an order. */
export interface JobPage {
  order: JobOrder;
  limit: number;
  offset: number;
}

/**
 * UIDs and sort keys (`pod_uid`, `job_id`, and the column of the order) of a page of what meets one of the conditions. Nothing else is read, so that
 * an index has all of it: what is skipped, sorted out or put into order never costs a look into the table.
 */
export function pageKeys(conditions: readonly Condition[], { order, limit, offset }: JobPage): Required<Statement> {
  const by = orderText(order);
  const columns = [...new Set(["pod_uid", "job_id", ORDER_COLUMNS[order.by]])].join(", ");
  const [first, ...more] = conditions;
  if (first !== undefined && more.length === 0) {
    const text = `SELECT ${columns} FROM clockwork_job WHERE ${first.text} ORDER BY ${by} LIMIT ? OFFSET ?`;
    return { text, values: [...first.values, whole(limit), whole(offset)] };
  }
  // The first ones of each condition, of which there are no more than are wanted of all, merged.
  const most = whole(whole(limit) + whole(offset));
  const parts = conditions.map(
    ({ text }) =>
      `SELECT ${columns} FROM (SELECT ${columns} FROM clockwork_job WHERE ${text} ORDER BY ${by} LIMIT ?) AS part`,
  );
  return {
    text: `SELECT ${columns} FROM (${parts.join(" UNION ALL ")}) AS parts ORDER BY ${by} LIMIT ? OFFSET ?`,
    values: [...conditions.flatMap(({ values }) => [...values, most]), whole(limit), whole(offset)],
  };
}

/** The rows whose keys another statement gives, in its order. */
export function rowsOfKeys(keys: Required<Statement>, by: string, columns: string): Required<Statement> {
  // Neither database may begin with the table.
  return {
    text: `SELECT ${columns} FROM (${keys.text}) AS keyed CROSS JOIN clockwork_job WHERE clockwork_job.pod_uid = keyed.pod_uid ORDER BY ${by}`,
    values: keys.values,
  };
}

/** An expression that counts what meets one of the conditions. */
export function countOf(conditions: readonly Condition[]): Required<Statement> {
  return {
    text: conditions.map(({ text }) => `(SELECT COUNT(*) FROM clockwork_job WHERE ${text})`).join(" + "),
    values: conditions.flatMap(({ values }) => values),
  };
}

/** A count that the databases take: pages may be asked for that nobody has. */
function whole(count: number): number {
  return Math.max(0, Math.min(Number.MAX_SAFE_INTEGER, Math.floor(count)));
}
