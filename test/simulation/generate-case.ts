import type { Case, Fault, RunPlan, TaskPlan, UserAction } from "./case.ts";
import { type Chance, chance } from "./chance.ts";
import type { Outcome } from "./cluster/outcome.ts";

const OPERATORS_START_MS = 3_000;

/** The case of a seed: some runs, what users do to them, and what goes wrong meanwhile. */
export function generateCase(seed: number): Case {
  const draw = chance(seed, "case");
  const operators = draw.happens(0.35) ? 2 : 1;
  const shards = draw.happens(0.2) ? draw.integer(2, 3) : 1;
  const runs = Array.from({ length: draw.integer(1, 3) }, (_, index) => generateRun(seed, index));
  const spanMs = draw.pick([5_000, 20_000, 60_000]);
  const count = draw.pick([0, 1, 2, 3, 5, 8]);
  const faults = Array.from({ length: count }, (_, index) => generateFault(seed, index, operators, spanMs));
  return { seed, operators, shards, retryPauseMs: draw.pick([1_000, 10_000]), runs, faults };
}

function generateRun(seed: number, index: number): RunPlan {
  const draw = chance(seed, `run ${index}`);
  const id = `r${index}`;
  const shape = draw.pick(SHAPES);
  const tasks = shape(draw).map(({ name, depends }) => generateTask(seed, id, name, depends));
  const atMs = OPERATORS_START_MS + draw.integer(0, 8_000);
  const failFast = draw.happens(0.3);
  const policy = chance(seed, `policy ${index}`);
  return {
    id,
    name: `run-${index}`,
    atMs,
    failurePolicy: failFast ? "FailFast" : policy.happens(0.4) ? "Continue" : "Stop",
    tasks,
    actions: actionsOf(draw, policy, id, atMs),
    ...(policy.happens(0.15) ? { timeout: policy.integer(5, 120) } : {}),
    ...(policy.happens(0.25) ? { parallelism: policy.integer(1, 4) } : {}),
    ...(policy.happens(0.2) ? { ttl: policy.pick([0, 5, 60]) } : {}),
    ...(policy.happens(0.25) ? { jobAfterMs: policy.pick([-1_000, -50, 0, 50, 4_000]) } : {}),
  };
}

interface Vertex {
  name: string;
  depends: string[];
}

const name = (index: number): string => `t${index}`;

/** Shapes of graphs: each gives the tasks with their dependencies, in an order in which they can run. */
const SHAPES: readonly ((draw: Chance) => Vertex[])[] = [
  () => [{ name: "t0", depends: [] }],
  (draw) =>
    Array.from({ length: draw.integer(2, 7) }, (_, i) => ({ name: name(i), depends: i === 0 ? [] : [name(i - 1)] })),
  (draw) => {
    const width = draw.integer(2, draw.happens(0.1) ? 60 : 10);
    const middle = Array.from({ length: width }, (_, i) => ({ name: name(i + 1), depends: ["t0"] }));
    return [
      { name: "t0", depends: [] },
      ...middle,
      { name: name(width + 1), depends: middle.map((vertex) => vertex.name) },
    ];
  },
  (draw) =>
    Array.from({ length: draw.integer(1, 3) }, (_, i) => i * 3).flatMap((base) => [
      { name: name(base), depends: base === 0 ? [] : [name(base - 1)] },
      { name: name(base + 1), depends: [name(base)] },
      { name: name(base + 2), depends: [name(base), name(base + 1)] },
    ]),
  (draw) =>
    Array.from({ length: draw.integer(3, 14) }, (_, i) => ({
      name: name(i),
      depends: Array.from({ length: i }, (_unused, earlier) => name(earlier)).filter(() => draw.happens(2 / (i + 1))),
    })),
];

function generateTask(seed: number, run: string, task: string, depends: string[]): TaskPlan {
  const draw = chance(seed, `task ${run} ${task}`);
  const retries = draw.happens(0.5) ? 0 : draw.integer(1, 3);
  const timeout = draw.happens(0.15) ? draw.integer(5, 120) : undefined;
  const kind = draw.happens(0.12) ? "Job" : "Pod";
  const outcomes = Array.from({ length: draw.integer(1, 3) }, () =>
    generateOutcome(draw, timeout !== undefined, retries),
  );
  const policy = chance(seed, `task policy ${run} ${task}`);
  return {
    name: task,
    depends,
    kind,
    retries,
    infrastructureRetries: policy.happens(0.7) ? 3 : policy.integer(0, 2),
    outcomes,
    ...(timeout === undefined ? {} : { timeout }),
    ...(policy.happens(0.1) ? { pendingTimeout: policy.integer(5, 60) } : {}),
  };
}

function generateOutcome(draw: Chance, mayHang: boolean, retries: number): Outcome {
  const times = { startMs: draw.pick([0, 20, 500, 3_000]), runMs: draw.pick([0, 1, 50, 400, 5_000, 30_000]) };
  if (mayHang && draw.happens(0.3)) return { ...times, end: draw.pick(["hang", "noImage"] as const), exitCode: 0 };
  const fails = draw.happens(retries > 0 ? 0.4 : 0.06);
  if (!fails) return { ...times, end: "succeed", exitCode: 0 };
  return draw.happens(0.2)
    ? { ...times, end: "oom", exitCode: 137 }
    : { ...times, end: "fail", exitCode: draw.integer(1, 3) };
}

function actionsOf(draw: Chance, policy: Chance, run: string, fromMs: number): UserAction[] {
  const actions: UserAction[] = [];
  const add = (kind: UserAction["kind"], atMs: number): void => {
    actions.push({ id: `${run}.${actions.length}${kind}`, atMs, kind });
  };
  const atMs = fromMs + draw.integer(0, 20_000);
  const what = draw.integer(0, 9);
  if (what === 0) add(policy.happens(0.5) ? "cancel" : "stop", atMs);
  if (what === 1 || what === 2) {
    add("suspend", atMs);
    add("resume", atMs + draw.integer(100, 30_000));
  }
  if (what === 3) add("delete", atMs);
  if (what === 3 || what === 4) {
    if (what === 4) add("delete", atMs);
    add("recreate", atMs + draw.integer(0, 4_000));
  }
  for (let touch = 0; touch < draw.pick([0, 0, 1, 4]); touch++) add("touch", fromMs + draw.integer(0, 20_000));
  return actions;
}

function generateFault(seed: number, index: number, operators: number, spanMs: number): Fault {
  const draw = chance(seed, `fault ${index}`);
  const operator = draw.integer(0, operators - 1);
  const common = { id: `f${index}`, atMs: draw.integer(500, spanMs) };
  const forMs = draw.pick([1_000, 8_000, 40_000]);
  switch (draw.integer(0, 15)) {
    case 0:
    case 1:
    case 2:
    case 3: {
      const when = draw.pick(["before", "after"] as const);
      const restartMs = draw.integer(200, 20_000);
      return {
        ...common,
        kind: "crash",
        operator,
        writes: draw.integer(0, 6),
        when,
        restartMs,
        renamed: draw.happens(0.3),
      };
    }
    case 4:
      return { ...common, kind: "pause", operator, forMs };
    case 5:
      return { ...common, kind: "clock", operator, skewMs: draw.pick([-600_000, -5_000, 5_000, 600_000]) };
    case 6:
      return {
        ...common,
        kind: "slow",
        operator,
        forMs,
        requestMs: draw.integer(10, 3_000),
        watchMs: draw.integer(0, 8_000),
      };
    case 7:
      return { ...common, kind: "lost", operator, forMs, part: draw.pick([0.1, 0.5, 1]) };
    case 8:
      return {
        ...common,
        kind: "failing",
        operator,
        forMs,
        part: draw.pick([0.2, 0.7, 1]),
        failure: draw.pick([429, 500, 503] as const),
      };
    case 9:
      return { ...common, kind: "unreachable", operator, forMs, silent: draw.happens(0.5) };
    case 10:
      return { ...common, kind: "watch", operator, what: draw.pick(["cut", "stall", "end", "replay"] as const) };
    case 11:
      return draw.happens(0.7) ? { ...common, kind: "compact" } : { ...common, kind: "lease" };
    case 12:
      return { ...common, kind: "quota", forMs, pods: draw.integer(0, 3) };
    case 13:
    case 14:
      return {
        ...common,
        kind: "pod",
        what: draw.pick(["evicted", "preempted", "deleted"] as const),
        choice: draw.integer(0, 1_000),
      };
    default:
      return { ...common, kind: "node", node: draw.integer(0, 2), forMs: draw.pick([10_000, 60_000, 420_000]) };
  }
}
