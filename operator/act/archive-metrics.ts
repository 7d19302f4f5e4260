import { Counter, Gauge, type Registry } from "prom-client";
import { StoreProblem } from "../../store/store-problem.ts";

/** What is counted of the archive; the gauges are read from what is given when the metrics are. */
export interface ArchiveMetrics {
  /** Counts a refusal of the store. */
  failed(error: unknown): void;
  /** Runs that ended: `stored`, or `lost` because they were deleted before that. */
  archivedRuns: Counter<"outcome">;
}

/** What is not in the archive yet. */
export interface Backlog {
  /** Entries. */
  readonly waiting: number;
  /** Age of the oldest one in seconds; 0: there is none. */
  readonly lagSeconds: number;
}

/** Makes the metrics of the archive of logs and of that of runs, where there is one. */
export function makeArchiveMetrics(
  registry: Registry,
  { logs, runs }: Record<"logs" | "runs", () => Backlog | undefined>,
): ArchiveMetrics {
  const registers = [registry];
  new Gauge({
    name: "odin_log_archive_lag_seconds",
    help: "Age of the oldest log of an ended task that is not in the store yet; 0: all are.",
    registers,
    collect() {
      this.set(logs()?.lagSeconds ?? 0);
    },
  });
  new Gauge({
    name: "odin_archive_waiting",
    help: "Logs and runs that are not in the store yet.",
    labelNames: ["what"],
    registers,
    collect() {
      this.set({ what: "logs" }, logs()?.waiting ?? 0);
      this.set({ what: "runs" }, runs()?.waiting ?? 0);
    },
  });
  const errors = new Counter({
    name: "odin_archive_errors_total",
    help: "Times that the store refused something, by what was in the way.",
    labelNames: ["kind"],
    registers,
  });
  const archivedRuns = new Counter({
    name: "odin_archived_runs_total",
    help: "Runs that ended: stored, or lost because their object was deleted before that.",
    labelNames: ["outcome"],
    registers,
  });
  // From the start, so that the first of them is seen as an increase.
  for (const kind of ["busy", "full", "damaged", "newer", "unavailable", "internal"]) errors.inc({ kind }, 0);
  for (const outcome of ["stored", "lost"]) archivedRuns.inc({ outcome }, 0);
  return {
    archivedRuns,
    failed(error) {
      errors.inc({ kind: error instanceof StoreProblem ? error.kind : "internal" });
    },
  };
}
