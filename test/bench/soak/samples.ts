import { median } from "../engine/distribution.ts";

/** What the operator held at one moment of a soak. */
export interface SoakSample {
  seconds: number;
  /** Runs that had ended by then. */
  finished: number;
  heapMb: number;
  /** Resident memory of its process and of the processes that it has started. */
  rssMb: number;
  sockets: number;
  /** Objects in its caches. */
  cached: number;
}

/** One thing that a soak must show. */
export interface SoakCheck {
  what: string;
  wanted: string;
  measured: string;
  /** Undefined where the soak was too short to tell. */
  ok: boolean | undefined;
}

/** What was left when all runs were gone and everybody had had time to notice. */
export interface SoakEnd {
  /** Objects in the cluster that belong to runs, by kind. */
  leftInCluster: Record<string, number>;
  /** Objects in the operator's caches that belong to runs. */
  leftInCaches: Record<string, number>;
  /** Runs that did not end well. */
  unfinished: number;
  /** Whether it is the process that was started. */
  sameProcess: boolean;
  /** Lines of its log that tell of something unexpected. */
  complaints: string[];
}

/** The heap may grow by so much over the second half: the noise of a garbage collector that is in no hurry. */
const MOST_HEAP_GROWTH_MB = 4;
const MOST_SOCKET_GROWTH = 4;
/** Before that many runs have ended, the caches fill and the collector learns: growth means nothing yet. */
const LEAST_RUNS = 2_000;
/** Windows over the whole soak; the least heap in one comes close to what was in use after a collection. */
const WINDOWS = 16;

/**
 * Judges a soak. The heap rises until it is collected, so only the least of each window counts; over the second half, when every cache has
 * its size, a line is laid through them that single windows cannot tilt (the median of the slopes between all pairs).
 */
export function soakChecks(samples: readonly SoakSample[], end: SoakEnd): SoakCheck[] {
  const heap = growthOfSecondHalf(floorOf(samples, (sample) => sample.heapMb));
  const sockets = growthOfSecondHalf(floorOf(samples, (sample) => sample.sockets));
  const isLong = (samples.at(-1)?.finished ?? 0) >= LEAST_RUNS;
  const overTime = (check: SoakCheck): SoakCheck => (isLong ? check : { ...check, ok: undefined });
  return [
    overTime(atMost("growth of the heap over the second half", heap, MOST_HEAP_GROWTH_MB, "MB", 1)),
    overTime(atMost("growth of the number of sockets over the second half", sockets, MOST_SOCKET_GROWTH, "", 1)),
    nothing("objects of runs left in the cluster", end.leftInCluster),
    nothing("objects of runs left in the caches", end.leftInCaches),
    atMost("runs that did not end well", end.unfinished, 0, "", 0),
    {
      what: "the process that was started is still there",
      wanted: "yes",
      measured: end.sameProcess ? "yes" : "no",
      ok: end.sameProcess,
    },
    {
      what: "errors and unhandled rejections in its log",
      wanted: "none",
      measured: end.complaints.length === 0 ? "none" : `${end.complaints.length}, e.g. ${end.complaints[0]}`,
      ok: end.complaints.length === 0,
    },
  ];
}

/** The least value of each window, at the window's middle. */
export function floorOf(
  samples: readonly SoakSample[],
  value: (sample: SoakSample) => number,
): { x: number; y: number }[] {
  const size = Math.max(1, Math.ceil(samples.length / WINDOWS));
  const windows = Array.from({ length: Math.ceil(samples.length / size) }, (_, i) =>
    samples.slice(i * size, (i + 1) * size),
  );
  return windows.map((window) => ({
    x: window[Math.floor(window.length / 2)]?.seconds ?? Number.NaN,
    y: Math.min(...window.map(value)),
  }));
}

/** How much a robust line through the second half of the points rises from its beginning to its end. */
export function growthOfSecondHalf(points: readonly { x: number; y: number }[]): number {
  const half = points.slice(Math.floor(points.length / 2));
  const slopes = half.flatMap((a, i) => half.slice(i + 1).map((b) => (b.y - a.y) / (b.x - a.x)));
  const length = (half.at(-1)?.x ?? 0) - (half[0]?.x ?? 0);
  return slopes.length === 0 ? Number.NaN : median(slopes) * length;
}

function atMost(what: string, value: number, bound: number, unit: string, digits: number): SoakCheck {
  const show = (number: number): string => `${number.toFixed(digits)}${unit === "" ? "" : ` ${unit}`}`;
  return { what, wanted: `≤ ${show(bound)}`, measured: show(value), ok: value <= bound };
}

function nothing(what: string, left: Record<string, number>): SoakCheck {
  const some = Object.entries(left).filter(([, count]) => count > 0);
  const measured = some.map(([kind, count]) => `${count} ${kind}`).join(", ");
  return { what, wanted: "none", measured: measured || "none", ok: some.length === 0 };
}
