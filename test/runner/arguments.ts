import { availableParallelism } from "node:os";
/** What the command line asks for. */
export interface Arguments {
  filters: string[];
  jobs: number;
  /** Overrides every time limit. */
  timeoutMs?: number;
  /** Where to write the verdict on each file. */
  resultsFile?: string;
  list: boolean;
  help: boolean;
}

/** The text of `npm test -- --help`. */
export const HELP = `npm test [-- [FILTER...] [--jobs N] [--timeout S] [--results FILE] [--list] [--help]]

Runs lint, types, the check of generated files, and every test file, each file in a process of its own.
The last line is "N passed, M failed", with ", K skipped" where tests were left out; exit code 1 if anything failed
or nothing ran.

  FILTER         run only what has this in its name, e.g. unit/kube, integration, lint (several: any of them)
  --jobs N       files at a time (one more than there are processors: most files wait for a cluster most of the time)
  --timeout S    time limit of each file in seconds, instead of its own (unit 300, integration 600, e2e 900)
  --results F    write the verdict on each file to F, as JSON
  --list         print what would run and run nothing
  --help         this text

Integration files get a real API server, end-to-end files a real cluster with one node; both are started when a selected
file needs them and stopped at the end. End-to-end files need root on Linux and are skipped elsewhere.
`;

/** Reads the command line; throws an Error that says what is wrong with it. */
export function parseArguments(argv: readonly string[]): Arguments {
  const parsed: Arguments = { filters: [], jobs: availableParallelism() + 1, list: false, help: false };
  const rest = argv.flatMap((word) => (/^--\w+=/.test(word) ? splitOnce(word) : [word]));
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === "--list") parsed.list = true;
    else if (word === "--help" || word === "-h") parsed.help = true;
    else if (word === "--jobs") parsed.jobs = positive(word, rest.shift(), 64);
    else if (word === "--results") parsed.resultsFile = path(word, rest.shift());
    else if (word === "--timeout") parsed.timeoutMs = positive(word, rest.shift(), 86_400) * 1_000;
    else if (word.startsWith("-")) throw new Error(`unknown option ${word}: see npm test -- --help`);
    else parsed.filters.push(word.replace(/^(\.\/)?test\//, "").replace(/\.test\.[jt]s$/, ""));
  }
  return parsed;
}

function splitOnce(word: string): string[] {
  const at = word.indexOf("=");
  return [word.slice(0, at), word.slice(at + 1)];
}

function path(option: string, text: string | undefined): string {
  if (text === undefined || text === "" || text.startsWith("-")) throw new Error(`${option} needs the name of a file`);
  return text;
}

function positive(option: string, text: string | undefined, most: number): number {
  const value = Number(text);
  if (text === undefined || !/^\d+$/.test(text) || value < 1 || value > most) {
    throw new Error(
      `${option} needs a whole number from 1 to ${most}, not ${text === undefined ? "nothing" : `"${text}"`}`,
    );
  }
  return value;
}
