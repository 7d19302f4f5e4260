/**
 * The table of the worker pods of MLBench that were seen (M-64, M-74). Times are milliseconds since 1970; `gone_at` is 0 while the pod is there, `run` is
 * null for one that belongs to no run. `labels` is JSON.
 */
export function mlbenchPodTable(): readonly string[] {
  return [
    `CREATE TABLE mlbench_pod (
       uid TEXT PRIMARY KEY,
       name TEXT NOT NULL,
       labels TEXT NOT NULL,
       ip TEXT NOT NULL,
       node TEXT NOT NULL,
       run BIGINT,
       created_at BIGINT NOT NULL,
       gone_at BIGINT NOT NULL
     )`,
    "CREATE INDEX mlbench_pod_by_name ON mlbench_pod (name, created_at DESC)",
    "CREATE INDEX mlbench_pod_by_run ON mlbench_pod (run) WHERE run IS NOT NULL",
    "CREATE INDEX mlbench_pod_by_end ON mlbench_pod (gone_at)",
  ];
}
