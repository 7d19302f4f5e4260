import { type BenchRun, chains, fan, singles } from "./graphs.ts";

/** Names of the workloads, in the order in which they run; `Jobs` is the reference line. */
export const WORKLOAD_IDS = ["W0", "W1", "Jobs", "W2", "W3"] as const;
export type WorkloadId = (typeof WORKLOAD_IDS)[number];

/** A load that is put on a fresh cluster. */
export interface Workload {
  id: WorkloadId;
  /** What it is, for people. */
  title: string;
  system: "odin" | "jobs";
  runs: BenchRun[];
  /** Runs submitted side by side; 0: one after the other. */
  atOnce: number;
}

/** Submits side by side as fast as the API server takes them. */
const BURST = 16;

/** The workload of that name, with `scale` of its full size. */
export function workload(id: WorkloadId, scale: number): Workload {
  const size = (full: number): number => Math.max(1, Math.round(full * scale));
  switch (id) {
    case "W0":
      return load(id, "one chain of 10 on an idle cluster, five times", chains("chain", size(5), 10), 0);
    case "W1":
      return load(id, `${size(300)} runs of one task at once`, singles("single", size(300)));
    case "Jobs":
      return {
        ...load(id, `${size(300)} plain batch/v1 Jobs at once`, singles("job", size(300))),
        system: "jobs",
      };
    case "W2":
      return load(id, `${size(20)} chains of 10 at once`, chains("chain", size(20), 10));
    case "W3":
      return load(id, `one task, then ${size(100)}, then one`, [fan("fan", size(100))]);
  }
}

function load(id: WorkloadId, title: string, runs: BenchRun[], atOnce = BURST): Workload {
  return { id, title, system: "odin", runs, atOnce };
}
