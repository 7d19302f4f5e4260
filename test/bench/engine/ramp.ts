import { singles } from "./graphs.ts";
import type { Measurement } from "./measure.ts";

/** One rate that was tried. */
export interface RampStep {
  runsPerSecond: number;
  /** 99th percentile of the time from a run received to its first pod, s. */
  startP99Seconds: number;
  sustained: boolean;
}

/** Runs start late from here on. */
const MOST_START_SECONDS = 2;
const FIRST_RATE = 8;
const MOST_RATE = 512;
const STEP_SECONDS = 5;
/** Rates that are tried between the last that was sustained and the first that was not. */
const REFINEMENTS = 3;

/**
 * Finds the rate of one-task runs that the system sustains: doubled until one in a hundred runs waits longer than two seconds for its pod, then
 * narrowed down. The load is open-loop: runs keep coming whether or not the earlier ones have started.
 */
export async function ramp(
  put: (runs: ReturnType<typeof singles>, perSecond: number) => Promise<Measurement>,
  scale: number,
): Promise<{ steps: RampStep[]; last: Measurement }> {
  const steps: RampStep[] = [];
  let last: Measurement | undefined;
  const sustains = async (rate: number): Promise<boolean> => {
    const count = Math.max(4, Math.round(rate * STEP_SECONDS * scale));
    const measurement = await put(singles(`ramp${steps.length}`, count), rate);
    const startP99Seconds = (measurement.startUs?.p99 ?? Number.POSITIVE_INFINITY) / 1e6;
    const whole = measurement.unfinished.length === 0 && measurement.startsUs.length === count;
    const sustained = whole && startP99Seconds <= MOST_START_SECONDS;
    steps.push({ runsPerSecond: rate, startP99Seconds, sustained });
    if (sustained || last === undefined) last = measurement;
    return sustained;
  };
  let rate = FIRST_RATE;
  while (rate < MOST_RATE && (await sustains(rate))) rate *= 2;
  let [good, bad] = [rate / 2, rate];
  for (let i = 0; i < REFINEMENTS && bad - good > 2; i++) {
    const middle = Math.round((good + bad) / 2);
    if (await sustains(middle)) good = middle;
    else bad = middle;
  }
  if (last === undefined) throw new Error("no rate was tried");
  return { steps, last };
}

/** The highest rate that was sustained; 0 if none was. */
export function sustainedRate(steps: readonly RampStep[]): number {
  return Math.max(0, ...steps.filter(({ sustained }) => sustained).map(({ runsPerSecond }) => runsPerSecond));
}
