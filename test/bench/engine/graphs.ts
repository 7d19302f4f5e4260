import { randomSource } from "../../support/random.ts";

/** A task of a run of the benchmark. */
export interface BenchTask {
  name: string;
  depends: string[];
  /** Its first attempt ends with exit code 1. */
  failsOnce?: boolean;
}

/** A run of the benchmark. */
export interface BenchRun {
  name: string;
  tasks: BenchTask[];
}

/** Runs of one task each. */
export function singles(prefix: string, count: number): BenchRun[] {
  return Array.from({ length: count }, (_, i) => ({ name: `${prefix}-${i}`, tasks: [{ name: "t0", depends: [] }] }));
}

/** Runs in which each task waits for the one before it. */
export function chains(prefix: string, count: number, length: number): BenchRun[] {
  return Array.from({ length: count }, (_, i) => ({
    name: `${prefix}-${i}`,
    tasks: Array.from({ length }, (_, t) => ({ name: `t${t}`, depends: t === 0 ? [] : [`t${t - 1}`] })),
  }));
}

/** One task, then `width` at once, then one that waits for all of them. */
export function fan(name: string, width: number): BenchRun {
  const middle = Array.from({ length: width }, (_, i) => `m${i}`);
  return {
    name,
    tasks: [
      { name: "first", depends: [] },
      ...middle.map((task) => ({ name: task, depends: ["first"] })),
      { name: "last", depends: middle },
    ],
  };
}

/** Tasks in layers of `width`, each waiting for one to three tasks of the layer before it, chosen by the seed. */
export function layers(name: string, count: number, width: number, seed: number): BenchRun {
  const random = randomSource(seed);
  const tasks: BenchTask[] = [];
  for (let i = 0; i < count; i++) {
    const layer = Math.floor(i / width);
    const parents = new Set<string>();
    if (layer > 0) {
      const wanted = random.integer(1, 3);
      for (let p = 0; p < wanted; p++) parents.add(`t${(layer - 1) * width + random.integer(0, width - 1)}`);
    }
    tasks.push({ name: `t${i}`, depends: [...parents] });
  }
  return { name, tasks };
}

/** The same runs with every `every`th task failing in its first attempt. */
export function withFailures(runs: readonly BenchRun[], every: number): BenchRun[] {
  let index = 0;
  return runs.map((run) => ({
    ...run,
    tasks: run.tasks.map((task) => (index++ % every === every - 1 ? { ...task, failsOnce: true } : task)),
  }));
}

/** Pods that these runs need: one for each attempt. */
export function podsNeeded(runs: readonly BenchRun[]): number {
  return runs.reduce((sum, { tasks }) => sum + tasks.length + tasks.filter(({ failsOnce }) => failsOnce).length, 0);
}

/** Tasks of these runs. */
export function tasksOf(runs: readonly BenchRun[]): number {
  return runs.reduce((sum, { tasks }) => sum + tasks.length, 0);
}
