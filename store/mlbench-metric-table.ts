/** What the dialects call differently in the table of metrics. */
export interface MetricColumnTypes {
  /** Text that is compared by code point. */
  text: string;
  /** A key that the database counts up in the order of arrival, and never gives twice. */
  serial: string;
}

/**
 * The table of MLBench's metrics (M-74), one row for each entry. `owner` is `run:<id>` or `pod:<uid>`; `date` is a text to the microsecond that sorts as the
 * moments do; `finite` says whether the value is a finite number, so that nobody has to read all values to know (M-23).
 */
export function mlbenchMetricTable({ text, serial }: MetricColumnTypes): readonly string[] {
  return [
    `CREATE TABLE mlbench_metric (
       id ${serial},
       owner ${text} NOT NULL,
       name ${text} NOT NULL,
       date ${text} NOT NULL,
       value TEXT NOT NULL,
       metadata TEXT NOT NULL,
       cumulative BIGINT NOT NULL,
       finite BIGINT NOT NULL
     )`,
    "CREATE INDEX mlbench_metric_by_owner ON mlbench_metric (owner, name, date, id)",
  ];
}
