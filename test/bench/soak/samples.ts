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

/** What it held when it had nothing to do: no run was left, idle connections were closed and garbage was collected. */
export interface SoakRest extends Pick<SoakSample, "finished" | "heapMb" | "rssMb" | "sockets"> {
  /** Objects in the cluster that belong to runs and did not go, by kind. */
  leftInCluster: Record<string, number>;
  /** Objects in the operator's caches that belong to runs and did not go, by kind. */
  leftInCaches: Record<string, number>;
}

/** A part of the runs, sent through without a rest. */
export interface SoakLeg {
  runs: number;
  tasks: number;
  seconds: number;
  /** Processor time in seconds. */
  operatorCpu: number;
  apiServerCpu: number;
  /** What was left behind it. */
  rest: SoakRest;
}

/** One thing that a soak must show. */
export interface SoakCheck {
  what: string;
  wanted: string;
  measured: string;
  /** Undefined where the soak was too short to tell. */
  ok: boolean | undefined;
}

/** How a soak ended. */
export interface SoakEnd {
  /** Runs that did not end well. */
  unfinished: number;
  /** Whether it is the process that was started. */
  sameProcess: boolean;
  /** Lines of its log that tell of something unexpected. */
  complaints: string[];
}

/** The heap may grow by so much from the first rest to the last: code that is compiled late, and what it remembers to a limit. */
const MOST_HEAP_GROWTH_MB = 4;
/** A connection may be open for something that happens to be asked just then. */
const MOST_SOCKET_GROWTH = 2;
/** Before that many runs have ended, what is remembered to a limit has not reached it: growth means nothing yet. */
const LEAST_RUNS = 2_000;

/**
 * Judges a soak. Only rests are compared, and only those behind runs: what a process holds while it works follows from how much is under way, and that
 * from how fast the machine is.
 */
export function soakChecks(legs: readonly SoakLeg[], end: SoakEnd): SoakCheck[] {
  const rests = legs.map(({ rest }) => rest);
  const last = rests.at(-1);
  const isLong = (rests[0]?.finished ?? 0) >= LEAST_RUNS && rests.length > 1;
  const overTime = (check: SoakCheck): SoakCheck => (isLong ? check : { ...check, ok: undefined });
  const heap = growth(rests, ({ heapMb }) => heapMb);
  const sockets = growth(rests, (each) => each.sockets);
  return [
    overTime(atMost("growth of the heap from the first rest to the last", heap, MOST_HEAP_GROWTH_MB, "MB", 1)),
    overTime(atMost("growth of the number of sockets from the first rest to the last", sockets, MOST_SOCKET_GROWTH)),
    nothing("objects of runs left in the cluster", last?.leftInCluster ?? {}),
    nothing("objects of runs left in the caches", last?.leftInCaches ?? {}),
    atMost("runs that did not end well", end.unfinished, 0),
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

/** How much a line through the rests rises from the first to the last, which a single one cannot tilt: the median of the slopes between all pairs. */
export function growth(rests: readonly SoakRest[], value: (rest: SoakRest) => number): number {
  const slopes = rests.flatMap((a, i) =>
    rests.slice(i + 1).map((b) => (value(b) - value(a)) / (b.finished - a.finished)),
  );
  const runs = (rests.at(-1)?.finished ?? 0) - (rests[0]?.finished ?? 0);
  return slopes.length === 0 ? Number.NaN : median(slopes) * runs;
}

function atMost(what: string, value: number, bound: number, unit = "", digits = 0): SoakCheck {
  const show = (number: number): string => `${number.toFixed(digits)}${unit === "" ? "" : ` ${unit}`}`;
  return { what, wanted: `≤ ${show(bound)}`, measured: show(value), ok: value <= bound };
}

function nothing(what: string, left: Record<string, number>): SoakCheck {
  const some = Object.entries(left).filter(([, count]) => count > 0);
  const measured = some.map(([kind, count]) => `${count} ${kind}`).join(", ");
  return { what, wanted: "none", measured: measured || "none", ok: some.length === 0 };
}
