import type { Summary } from "./summary.ts";
import type { WorkloadId } from "./workloads.ts";

/** A target beside what was measured. */
export interface TargetRow {
  /** Number of the target, e.g. `P-1`. */
  id: string;
  what: string;
  wanted: string;
  measured: string;
  /** Undefined where a workload that it needs was not run. */
  met: boolean | undefined;
}

/** Summaries by workload; those that were not run are missing. */
export type Summaries = Partial<Record<WorkloadId, Summary>>;

interface Target {
  id: string;
  what: string;
  unit: string;
  digits: number;
  /** The measured value; undefined or NaN where it was not measured. */
  value(summaries: Summaries): number | undefined;
  atLeast?: number;
  atMost?: number;
  /** More than, or less than, another measured value. */
  above?: (summaries: Summaries) => number | undefined;
  below?: (summaries: Summaries) => number | undefined;
}

const TARGETS: readonly Target[] = [
  {
    id: "P-1",
    what: "W1, burst of one-task runs",
    unit: "tasks/s",
    digits: 1,
    value: ({ W1 }) => W1?.tasksPerSecond,
    atLeast: 60,
  },
  {
    id: "P-1",
    what: "W1, beside batch/v1 Jobs in the same measurement",
    unit: "tasks/s",
    digits: 1,
    value: ({ W1 }) => W1?.tasksPerSecond,
    above: ({ Jobs }) => Jobs?.tasksPerSecond,
  },
  { id: "P-1", what: "W2, chains", unit: "tasks/s", digits: 1, value: ({ W2 }) => W2?.tasksPerSecond, atLeast: 60 },
  { id: "P-1", what: "W3, fan", unit: "tasks/s", digits: 1, value: ({ W3 }) => W3?.tasksPerSecond, atLeast: 70 },
  {
    id: "P-2",
    what: "level overhead idle (W0), p50",
    unit: "ms",
    digits: 1,
    value: ({ W0 }) => W0?.levelP50Ms,
    atMost: 15,
  },
  {
    id: "P-2",
    what: "level overhead idle (W0), p99",
    unit: "ms",
    digits: 1,
    value: ({ W0 }) => W0?.levelP99Ms,
    atMost: 30,
  },
  {
    id: "P-2",
    what: "level overhead under load (W2), p50",
    unit: "ms",
    digits: 1,
    value: ({ W2 }) => W2?.levelP50Ms,
    atMost: 100,
  },
  {
    id: "P-2",
    what: "level overhead under load (W2), p99",
    unit: "ms",
    digits: 1,
    value: ({ W2 }) => W2?.levelP99Ms,
    atMost: 250,
  },
  { id: "P-3", what: "requests per task, W2", unit: "", digits: 2, value: ({ W2 }) => W2?.requestsPerTask, atMost: 3 },
  { id: "P-3", what: "requests per task, W3", unit: "", digits: 2, value: ({ W3 }) => W3?.requestsPerTask, atMost: 3 },
  { id: "P-3", what: "requests per task, W6", unit: "", digits: 2, value: ({ W6 }) => W6?.requestsPerTask, atMost: 3 },
  {
    id: "P-3",
    what: "requests per task with deletes, W2d",
    unit: "",
    digits: 2,
    value: ({ W2d }) => W2d?.requestsPerTask,
    atMost: 3.5,
  },
  {
    id: "P-3",
    what: "requests per one-task run, W1",
    unit: "",
    digits: 2,
    value: ({ W1 }) => W1?.requestsPerTask,
    atMost: 4,
  },
  { id: "P-3", what: "GETs per task, W1, W2, W3 and W6 together", unit: "", digits: 2, value: getsPerTask, atMost: 0 },
  ...(["W1", "W2", "W3"] as const).flatMap((id): Target[] => [
    {
      id: "P-4",
      what: `controller, 1,000 tasks, ${id}`,
      unit: "CPU-s",
      digits: 1,
      value: (all) => all[id]?.controllerCpu,
      atMost: 4,
    },
    {
      id: "P-4",
      what: `API server, 1,000 tasks, ${id}`,
      unit: "CPU-s",
      digits: 1,
      value: (all) => all[id]?.apiServerCpu,
      atMost: 20,
    },
  ]),
  {
    id: "P-5",
    what: "growth of resident memory, 1,000 tasks, W6",
    unit: "MB",
    digits: 1,
    value: ({ W6 }) => W6?.rssGrowthMb,
    atMost: 20,
  },
  {
    id: "P-6",
    what: "first new pod after kill and restart (W7)",
    unit: "s",
    digits: 2,
    value: ({ W7 }) => W7?.recoverySeconds,
    atMost: 2,
  },
  {
    id: "P-6",
    what: "first new pod after kill, another replica (W7c)",
    unit: "s",
    digits: 2,
    value: ({ W7c }) => W7c?.recoverySeconds,
    atMost: 15,
  },
  { id: "P-6", what: "tasks lost or doubled, all workloads", unit: "", digits: 0, value: lostOrDoubled, atMost: 0 },
  {
    id: "P-7",
    what: "start of a run with 5,000 finished ones there (W5), p50, beside W1",
    unit: "times",
    digits: 2,
    value: ({ W1, W5 }) => ratio(W5?.startP50Ms, W1?.startP50Ms),
    atMost: 1.2,
  },
  {
    id: "P-7",
    what: "throughput with 5,000 finished runs there (W5), beside W1",
    unit: "times",
    digits: 2,
    value: ({ W1, W5 }) => ratio(W5?.tasksPerSecond, W1?.tasksPerSecond),
    atLeast: 0.83,
  },
  {
    id: "P-7",
    what: "ready with 5,000 finished runs there (W5)",
    unit: "s",
    digits: 1,
    value: ({ W5 }) => W5?.readySeconds,
    atMost: 30,
  },
  {
    id: "P-8",
    what: "requests of a one-task run (W1), below a batch/v1 Job's",
    unit: "",
    digits: 2,
    value: ({ W1 }) => W1?.requestsPerTask,
    below: ({ Jobs }) => Jobs?.requestsPerTask,
  },
  {
    id: "P-8",
    what: "API server for 1,000 one-task runs (W1), below batch/v1 Jobs'",
    unit: "CPU-s",
    digits: 1,
    value: ({ W1 }) => W1?.apiServerCpu,
    below: ({ Jobs }) => Jobs?.apiServerCpu,
  },
  {
    id: "size",
    what: "the run of 2,000 tasks as an object (W6)",
    unit: "kB",
    digits: 0,
    value: ({ W6 }) => W6?.largestRunKb,
    atMost: 1048,
  },
];

/** Every target beside its measured value. */
export function targetRows(summaries: Summaries): TargetRow[] {
  return TARGETS.map((target) => {
    const { id, what, unit, digits } = target;
    const show = (value: number): string => `${value.toFixed(digits)}${unit === "" ? "" : ` ${unit}`}`;
    const value = target.value(summaries);
    const bound = target.atLeast ?? target.atMost ?? target.above?.(summaries) ?? target.below?.(summaries);
    const upwards = target.atLeast !== undefined || target.above !== undefined;
    const strict = target.above !== undefined || target.below !== undefined;
    const sign = `${upwards ? ">" : "<"}${strict ? "" : "="}`.replace(">=", "≥").replace("<=", "≤");
    const known = isNumber(value) && isNumber(bound);
    return {
      id,
      what,
      wanted: `${sign} ${isNumber(bound) ? show(bound) : "?"}`,
      measured: isNumber(value) ? show(value) : "not measured",
      met: known ? isMet(value, bound, upwards, strict) : undefined,
    };
  });
}

function isMet(value: number, bound: number, upwards: boolean, strict: boolean): boolean {
  if (value === bound) return !strict;
  return upwards ? value > bound : value < bound;
}

function isNumber(value: number | undefined): value is number {
  return value !== undefined && !Number.isNaN(value);
}

function ratio(value: number | undefined, base: number | undefined): number | undefined {
  return value === undefined || base === undefined ? undefined : value / base;
}

function getsPerTask({ W1, W2, W3, W6 }: Summaries): number | undefined {
  const gets = [W1, W2, W3, W6].flatMap((summary) => (summary === undefined ? [] : [summary.getsPerTask]));
  return gets.length === 0 ? undefined : Math.max(...gets);
}

function lostOrDoubled(summaries: Summaries): number | undefined {
  const all = Object.values(summaries);
  return all.length === 0
    ? undefined
    : all.reduce((sum, { lost, doubled, unfinished }) => sum + lost + doubled + unfinished, 0);
}
