/** What `npm run simulate` is asked for. */
export interface Options {
  /** The first seed. */
  seed: number;
  schedules: number;
  /** Ids of runs, tasks, actions and faults that are left out of the case. */
  drop: readonly string[];
  /** Print everything that happens. */
  trace: boolean;
  /** Cut a failing case down. */
  shrink: boolean;
  help: boolean;
}

export const HELP = `npm run simulate [-- [--seed N] [--schedules N] [--drop IDS] [--trace] [--no-shrink] [--help]]

Plays random schedules: the real operator in a simulated cluster, on a virtual clock, with users and faults drawn from a seed.
The same seed always plays the same. Ends with exit code 1 at the first schedule that breaks a rule, cut down to what it needs.

  --seed N        the first seed, or the only one (1)
  --schedules N   how many seeds to play, from that one on (1)
  --drop IDS      leave these parts out of the case, as a failure that was cut down says: r0,r1/t3,f2,r0.1cancel
  --trace         print all that happens
  --no-shrink     stop at a failure without cutting it down
  --help          this text
`;

/** Reads the command line; throws an Error that says what is wrong with it. */
export function parseOptions(argv: readonly string[]): Options {
  const options: Options = { seed: 1, schedules: 1, drop: [], trace: false, shrink: true, help: false };
  const words = [...argv];
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === "--seed") options.seed = whole(word, words.shift());
    else if (word === "--schedules") options.schedules = whole(word, words.shift());
    else if (word === "--drop") options.drop = (words.shift() ?? "").split(",").filter((id) => id !== "");
    else if (word === "--trace") options.trace = true;
    else if (word === "--no-shrink") options.shrink = false;
    else if (word === "--help" || word === "-h") options.help = true;
    else throw new Error(`unknown option ${word}: see npm run simulate -- --help`);
  }
  return options;
}

function whole(option: string, value: string | undefined): number {
  if (value === undefined || !/^\d{1,9}$/.test(value)) throw new Error(`${option} needs a whole number, got ${value}`);
  return Number(value);
}
