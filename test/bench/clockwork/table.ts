import { planText } from "../../support/job-plan.ts";
import type { MeasuredQuery } from "./measure.ts";
import type { LongAnswer } from "./memory.ts";

/** What one database showed. */
export interface DatabaseResult {
  title: string;
  /** Jobs in its table. */
  jobs: number;
  bytes: number;
  queries: readonly MeasuredQuery[];
  long: readonly LongAnswer[];
}

/** The result of a database as Markdown. */
export function databaseText({ title, jobs: count, bytes, queries, long }: DatabaseResult): string {
  const answers = long.map(({ title: what, jobs, megabytes, seconds, beforeMb, mostMb }) =>
    [what, jobs, megabytes.toFixed(0), seconds.toFixed(1), beforeMb.toFixed(0), mostMb.toFixed(0)].join(" | "),
  );
  return `### ${title}, ${count} jobs, ${(bytes / 1e9).toFixed(1)} GB

| asked for | jobs | HTTP p50 / p99 ms | SQL alone p50 / p99 ms | read |
|---|---|---|---|---|
${queries.map(queryRow).join("\n")}

| long answer | jobs | MB | s | memory before, MB | most memory, MB |
|---|---|---|---|---|---|
${answers.map((row) => `| ${row} |`).join("\n")}`;
}

/** What one question showed, as a row of the table. */
export function queryRow({ query, rows, http, sql, plan }: MeasuredQuery): string {
  const cells = [
    `${query.as === "user" ? "his own: " : ""}${query.title.replaceAll("|", "\\|")}`,
    rows,
    `${milliseconds(http.p50)} / ${milliseconds(http.p99)}`,
    `${milliseconds(sql.p50)} / ${milliseconds(sql.p99)}`,
    planText(plan),
  ];
  return `| ${cells.join(" | ")} |`;
}

function milliseconds(value: number): string {
  return value < 10 ? value.toFixed(1) : value.toFixed(0);
}
