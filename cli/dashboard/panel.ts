/** One query of a panel and what its lines are called. */
export interface Query {
  /** PromQL; `$of` stands for the selection by the dashboard's variables. */
  expr: string;
  legend: string;
}

/** A panel as a person thinks of it. */
export interface Panel {
  title: string;
  /** What it shows and what to make of it. */
  description: string;
  kind: "timeseries" | "stat";
  /** A unit of Grafana's: `short`, `s`, `bytes`, `percentunit`, `reqps`, `watt`, `dateTimeFromNow`, … */
  unit: string;
  queries: readonly Query[];
  /** Lines lie on one another: they are parts of a whole. */
  stacked?: boolean;
  /** For a stat: bad from that value on, or below it. */
  bad?: { above: number } | { below: number };
  /** Why there may be nothing to show in an installation that is in order. */
  emptyBecause?: string;
}

/** Panels under a heading. */
export interface Row {
  title: string;
  panels: readonly Panel[];
}
