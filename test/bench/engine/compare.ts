import { median } from "./distribution.ts";
import type { Outcome } from "./scenario.ts";
import { type Summary, summarize } from "./summary.ts";
import type { WorkloadId } from "./workloads.ts";

/** The same workload, once with each of two revisions, one right after the other. */
export interface Pair {
  workload: WorkloadId;
  /** With the revision that is compared with. */
  base: Outcome;
  /** With this checkout. */
  here: Outcome;
}

/** From this ratio on, or below its inverse, a measured time counts as different: less is the noise of the machine. */
const TOLERANCE = 1.2;

interface Figure {
  name: string;
  digits: number;
  value(summary: Summary): number;
  /** Whether more is better. */
  upwards?: true;
  /** Counted, not measured: any difference counts. */
  exact?: true;
}

const FIGURES: readonly Figure[] = [
  { name: "tasks/s", digits: 1, value: (s) => s.tasksPerSecond, upwards: true },
  { name: "level overhead p50, ms", digits: 1, value: (s) => s.levelP50Ms },
  { name: "level overhead p99, ms", digits: 1, value: (s) => s.levelP99Ms },
  { name: "start p50, ms", digits: 0, value: (s) => s.startP50Ms },
  { name: "requests per task", digits: 2, value: (s) => s.requestsPerTask, exact: true },
  { name: "body bytes per task", digits: 0, value: (s) => s.bodyBytesPerTask, exact: true },
  { name: "controller CPU-s for 1,000", digits: 1, value: (s) => s.controllerCpu },
  { name: "API server CPU-s for 1,000", digits: 1, value: (s) => s.apiServerCpu },
  { name: "peak RSS, MB", digits: 0, value: (s) => s.peakRssMb },
  { name: "recovery, s", digits: 2, value: (s) => s.recoverySeconds },
  { name: "sustained runs/s", digits: 0, value: (s) => s.sustainedRunsPerSecond, upwards: true },
];

/** The median of each figure with either revision, and the median of the ratios of the pairs, as a Markdown table. */
export function comparisonTable(revision: string, pairs: readonly Pair[]): string {
  const rows = [...new Set(pairs.map(({ workload }) => workload))].flatMap((id) => {
    const own = pairs.filter(({ workload }) => workload === id);
    return FIGURES.flatMap((figure) => rowOf(id, figure, own));
  });
  return [
    `| workload | figure | ${revision} | this checkout | ratio | |`,
    "|---|---|---|---|---|---|",
    ...rows.map((cells) => `| ${cells.join(" | ")} |`),
  ].join("\n");
}

function rowOf(id: WorkloadId, figure: Figure, pairs: readonly Pair[]): string[][] {
  const values = pairs.map(({ base, here }) => ({
    base: figure.value(summarize([base])),
    here: figure.value(summarize([here])),
  }));
  const base = median(values.map((pair) => pair.base));
  const here = median(values.map((pair) => pair.here));
  if (Number.isNaN(base) || Number.isNaN(here)) return [];
  const ratio = median(values.map((pair) => (pair.base === pair.here ? 1 : pair.here / pair.base)));
  const shown = [base, here].map((value) => value.toFixed(figure.digits));
  return [[id, figure.name, ...shown, ratio.toFixed(2), verdictOf(figure, ratio)]];
}

/** `better`, `**worse**`, or nothing where the difference is within the noise. */
export function verdictOf({ upwards, exact }: Pick<Figure, "upwards" | "exact">, ratio: number): string {
  const cost = upwards ? 1 / ratio : ratio;
  const tolerance = exact ? 1 : TOLERANCE;
  if (cost > tolerance) return "**worse**";
  return cost < 1 / tolerance ? "better" : "";
}
