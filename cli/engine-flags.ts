import { setFlagsFromString } from "node:v8";

/** Those of Node 20, 22 and 24, which know the flags about memory; what a later one makes of them has to be seen first. */
const KNOWN_V8 = /^1[1-3]\./;
/** That of Node 20, with which the flags about compiling were measured. Later ones compile in other steps, and complain about flags that they no longer know. */
const MEASURED_V8 = /^11\./;

/**
 * What lives for long in this process is its code and a few megabytes of what it has seen; the rest is garbage within a second. With the defaults V8 lets
 * the space for new objects grow to 32 MB and leaves old ones until there are several times as many as are needed.
 */
const MEMORY = [
  "--semi-space-growth-factor=1",
  "--heap-growing-percent=50",
  // The threads that share a megabyte or two of new objects wake up and wait for each other longer than one alone would take.
  "--no-parallel-scavenge",
];

const COMPILING = [
  // Four times the default.
  "--interrupt-budget=270336",
  // Code is compiled without being optimised when it is first called, which is cheap, and not after it was interpreted for a while.
  "--always-sparkplug",
];

/**
 * Tells V8 that the work comes in bursts of seconds, that processors are few, and that memory is not to be kept. With its defaults a quarter of the
 * processor time of a burst of 300 runs goes into optimising functions that are hardly called again before it is over; what goes on for longer is
 * optimised all the same, a little later. `set` and `version` are replaced in tests only. To be called before the code that it is about is loaded.
 */
export function expectBursts(version = process.versions.v8, set: (flag: string) => void = setFlagsFromString): void {
  if (KNOWN_V8.test(version)) for (const flag of MEMORY) set(flag);
  if (MEASURED_V8.test(version)) for (const flag of COMPILING) set(flag);
}
