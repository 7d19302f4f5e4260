import { setTimeout as sleep } from "node:timers/promises";
import { familyUsage } from "./family.ts";

const LOOK_EVERY_MS = 1_000;

/** Memory over a stretch of time, in MB, of the API with the process of its embedded database. */
export interface MemoryCourse {
  /** Medians of the first, second, … tenth of the time: a single moment says more about the garbage collector. */
  tenths: readonly number[];
  mostMb: number;
  /** Growth in the second half by the medians of its tenths, in MB; negative where it shrinks. */
  lateGrowthMb: number;
  cpuSeconds: number;
  seconds: number;
}

/** Looks at the memory of a process for so long. */
export async function watchMemory(pid: number, seconds: number, signal: AbortSignal): Promise<MemoryCourse> {
  const begin = performance.now();
  const before = familyUsage(pid).cpuSeconds;
  const seen: number[] = [];
  while (performance.now() - begin < seconds * 1000) {
    await sleep(LOOK_EVERY_MS, undefined, { signal });
    seen.push(familyUsage(pid).residentMb);
  }
  const tenths = tenthsOf(seen);
  const half = tenths.slice(Math.floor(tenths.length / 2));
  return {
    tenths,
    mostMb: Math.max(...seen),
    lateGrowthMb: (half.at(-1) ?? 0) - (half[0] ?? 0),
    cpuSeconds: familyUsage(pid).cpuSeconds - before,
    seconds: (performance.now() - begin) / 1000,
  };
}

/** The medians of ten parts of a row of numbers, or of fewer where there are fewer numbers. */
export function tenthsOf(values: readonly number[]): number[] {
  const parts = Math.min(10, values.length);
  return Array.from({ length: parts }, (_, part) => {
    const from = Math.floor((part * values.length) / parts);
    const to = Math.floor(((part + 1) * values.length) / parts);
    const sorted = values.slice(from, to).sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] ?? 0;
  });
}
