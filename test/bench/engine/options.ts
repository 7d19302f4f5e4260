import { LocalError } from "../../../local/local-error.ts";
import { numberBetween, optionValues } from "../option-values.ts";
import { PLACEMENTS, type Placement } from "./placement.ts";
import { WORKLOAD_IDS, type WorkloadId } from "./workloads.ts";

/** What the command line of the benchmark asks for. */
export interface BenchOptions {
  only: readonly WorkloadId[];
  /** Times each workload is run; undefined: as often as the workload says. */
  repeat?: number;
  /** Directory for the raw data, the table and the plots. */
  out: string;
  placement: Placement;
  /** Part of each workload's size, for a quick look. */
  scale: number;
  /** Write the report into docs/performance.md. */
  write: boolean;
  /** Revision that is measured beside this checkout. */
  compare?: string;
  help: boolean;
}

/** The text of `--help`. */
export const BENCH_HELP = `Usage: npm run bench -- [--only W1,W2] [--repeat N] [--out DIR] [--placement HOW] [--scale PART] [--compare REV] [--write]

Measures the operator from outside: a real API server with simulated nodes, the operator as a process of its own, and the audit log as the
witness. Each workload gets a cluster of its own. Takes the machine for itself: close what else runs.

  --only LIST       workloads to run, of ${WORKLOAD_IDS.join(", ")} (all)
  --repeat N        times each workload is run; medians are shown (3 for W0 to W3, Jobs and Pods, 1 for the others)
  --out DIR         where the raw data, the table and the plots go (.odin/bench)
  --placement HOW   ${PLACEMENTS.join(", ")}: which processes are bound to which processors (controller)
  --scale PART      part of each workload's size, above 0 and at most 1, for a quick look (1)
  --compare REV     build that revision elsewhere and run it and this checkout in turn; shows the ratios of the pairs
  --write           write the report into docs/performance.md and its plots beside it
  --help            this text
`;

/** Reads the command line; throws `LocalError` saying what is wrong with it. */
export function parseBenchOptions(argv: readonly string[]): BenchOptions {
  const values = valuesOf(argv);
  if (values.compare !== undefined && values.write) {
    throw new LocalError("--compare and --write exclude each other: the page shows one revision");
  }
  return {
    only: workloads(values.only),
    ...(values.repeat === undefined ? {} : { repeat: numberBetween("--repeat", values.repeat, 1, 50, true) }),
    out: values.out,
    placement: placementOf(values.placement),
    scale: numberBetween("--scale", values.scale, 0.01, 1, false),
    write: values.write,
    ...(values.compare === undefined ? {} : { compare: values.compare }),
    help: values.help,
  };
}

function valuesOf(argv: readonly string[]) {
  return optionValues(argv, {
    only: { type: "string", default: WORKLOAD_IDS.join(",") },
    repeat: { type: "string" },
    out: { type: "string", default: ".odin/bench" },
    placement: { type: "string", default: "controller" },
    scale: { type: "string", default: "1" },
    compare: { type: "string" },
    write: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  });
}

function workloads(text: string): WorkloadId[] {
  const wanted = text.split(",").map((id) => id.trim());
  const unknown = wanted.filter((id) => !WORKLOAD_IDS.includes(id as WorkloadId));
  if (unknown.length > 0) {
    throw new LocalError(`--only: there is no workload ${unknown.join(", ")}; there are ${WORKLOAD_IDS.join(", ")}`);
  }
  return WORKLOAD_IDS.filter((id) => wanted.includes(id));
}

function placementOf(text: string): Placement {
  const found = PLACEMENTS.find((placement) => placement === text);
  if (found === undefined) throw new LocalError(`--placement ${text}: must be one of ${PLACEMENTS.join(", ")}`);
  return found;
}
