import type { Sql } from "../../../store/sql.ts";
import { SPEED } from "./options.ts";

const HOUR_MS = 3_600_000;
/** Older than this is thinned out, and a little more. */
const INTO_THE_PAST_MS = 25 * HOUR_MS;

/** Rows of the history, and what their payloads take up. */
export interface HistorySize {
  rows: number;
  megabytes: number;
}

/** Counts the history, straight in the database: the rows from before that time, in milliseconds since 1970. */
export async function historySize(sql: Sql, beforeMs: number): Promise<HistorySize> {
  const text = "SELECT count(*) AS many, sum(length(data)) AS characters FROM vesta_history WHERE timestamp < ?";
  const [row] = await sql.read({ text, values: [beforeMs] });
  return { rows: Number(row?.many), megabytes: Number(row?.characters ?? 0) / 1e6 };
}

/** Moves all rows into yesterday and gives them the distances that they would have if the time had not been played faster than life. */
export async function moveIntoThePast(sql: Sql, nowMs: number): Promise<void> {
  const text = `UPDATE vesta_history SET timestamp = CAST(? AS BIGINT) + (timestamp - CAST(? AS BIGINT)) * ${SPEED}`;
  await sql.write([{ text, values: [nowMs - INTO_THE_PAST_MS, nowMs] }]);
}

/** Rows of before that time that stay when the history has been thinned out: the first of each ten minutes of each host, which is what the API keeps unless told otherwise. */
export async function spansOf(sql: Sql, beforeMs: number): Promise<number> {
  const text =
    "SELECT count(*) AS many FROM (SELECT DISTINCT host, timestamp / 600000 FROM vesta_history WHERE timestamp < ?) AS spans";
  const [row] = await sql.read({ text, values: [beforeMs] });
  return Number(row?.many);
}
