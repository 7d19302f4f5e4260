import { type BenchRun, chains, fan, layers, singles, withFailures } from "./graphs.ts";
import type { Pace } from "./measure.ts";

/** Names of the workloads, in the order in which they run; `Jobs` and `Pods` are the reference lines. */
export const WORKLOAD_IDS = [
  "W0",
  "W1",
  "Jobs",
  "Pods",
  "W2",
  "W2d",
  "W3",
  "W4",
  "W5",
  "W6",
  "W7",
  "W7c",
  "W8",
  "W9",
] as const;
export type WorkloadId = (typeof WORKLOAD_IDS)[number];

/** What happens to a workload when half of its pods have been created. */
export type Trouble = "operator killed" | "operator killed, another takes over" | "API server killed";

/** A load that is put on a fresh cluster. */
export interface Workload {
  id: WorkloadId;
  /** What it is, for people. */
  title: string;
  system: "odin" | "jobs" | "pods";
  runs: BenchRun[];
  pace: Pace;
  /** How often it is run unless the command line says otherwise; the short ones vary most. */
  repeats: number;
  trouble?: Trouble;
  /** Finished runs that are there before the operator starts. */
  finishedRuns?: number;
  /** The rate of runs is raised until they start too late. */
  ramp?: true;
  /** The operator deletes runs when they have ended; the load has ended when all are gone. */
  runsGoAway?: true;
  /** Further flags of the operator. */
  operatorFlags?: readonly string[];
}

/** As fast as the API server takes them. */
const BURST: Pace = { atOnce: 16 };
const DAG_SEED = 20_260_101;
/** Workloads of some seconds, whose figures are compared with others' and with each other. */
const OFTEN = new Set<WorkloadId>(["W0", "W1", "Jobs", "Pods", "W2", "W3"]);
const OFTEN_REPEATS = 3;

/** The workload of that name, with `scale` of its full size. */
export function workload(id: WorkloadId, scale: number): Workload {
  const size = (full: number): number => Math.max(1, Math.round(full * scale));
  const burst = singles("single", size(300));
  const twenty = chains("chain", size(20), 10);
  const burstTitle = `${burst.length} runs of one task at once`;
  const twentyTitle = `${twenty.length} chains of 10 at once`;
  switch (id) {
    case "W0": {
      const runs = chains("chain", size(5), 10);
      return {
        ...load(id, `chains of 10 on an idle cluster, ${runs.length} one after the other`, runs),
        pace: "one after the other",
      };
    }
    case "W1":
      return load(id, burstTitle, burst);
    case "Jobs":
      return {
        ...load(id, `${burst.length} plain batch/v1 Jobs at once`, singles("job", burst.length)),
        system: "jobs",
      };
    case "Pods":
      return {
        ...load(
          id,
          `${burst.length} of the operator's pods at once, created by a plain client`,
          singles("pod", burst.length),
        ),
        system: "pods",
      };
    case "W2":
      return load(id, twentyTitle, twenty);
    case "W2d":
      return {
        ...load(id, `${twentyTitle}, runs deleted a second after their end`, twenty),
        runsGoAway: true,
        operatorFlags: ["--run-ttl=1"],
      };
    case "W3":
      return load(id, `one task, then ${size(100)}, then one`, [fan("fan", size(100))]);
    case "W4":
      return { ...load(id, "runs of one task at a rate that is raised until they start late", []), ramp: true };
    case "W5":
      return { ...load(id, `${burstTitle}, beside ${size(5000)} finished ones`, burst), finishedRuns: size(5000) };
    case "W6":
      return load(id, `one run of ${size(2000)} tasks in layers of 40`, [layers("dag", size(2000), 40, DAG_SEED)]);
    case "W7":
      return {
        ...load(id, `${burstTitle}, operator killed at half and started again`, burst),
        trouble: "operator killed",
      };
    case "W7c":
      return {
        ...load(id, `${burstTitle}, operator killed at half, another waits for its lease`, burst),
        trouble: "operator killed, another takes over",
      };
    case "W8":
      return {
        ...load(id, `${twentyTitle}, API server killed at half and started again`, twenty),
        trouble: "API server killed",
      };
    case "W9":
      return {
        ...load(id, `${twentyTitle}, every tenth task fails once`, withFailures(twenty, 10)),
        // The shortest there is; by default a second attempt waits ten seconds.
        operatorFlags: ["--retry-pause=1"],
      };
  }
}

function load(id: WorkloadId, title: string, runs: BenchRun[]): Workload {
  return { id, title, system: "odin", runs, pace: BURST, repeats: OFTEN.has(id) ? OFTEN_REPEATS : 1 };
}
