import { parseArgs } from "node:util";
import { LocalError } from "../../../local/local-error.ts";

/** What the command line of the soak asks for. */
export interface SoakOptions {
  runs: number;
  /** Runs that are under way at a time. */
  inFlight: number;
  out: string;
  write: boolean;
  help: boolean;
}

/** The text of `--help`. */
export const SOAK_HELP = `Usage: npm run soak -- [--runs N] [--in-flight N] [--out DIR] [--write]

Sends many short runs through one operator process, deletes them when they have ended, and looks whether anything grows or stays behind: heap,
sockets, objects in the cluster and in the caches. It does so in four parts; behind each it waits until nothing is left to be done (a good minute),
and compares only what is held then. Exit status 1 if something grows or stays.

  --runs N        how many (10000)
  --in-flight N   how many are under way at a time (64)
  --out DIR       where the samples and the plot go (.odin/soak)
  --write         write the result into docs/performance.md and the plot beside it
  --help          this text
`;

/** Reads the command line; throws `LocalError` saying what is wrong with it. */
export function parseSoakOptions(argv: readonly string[]): SoakOptions {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        runs: { type: "string", default: "10000" },
        "in-flight": { type: "string", default: "64" },
        out: { type: "string", default: ".odin/soak" },
        write: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    return {
      runs: wholeNumber("--runs", values.runs, 10, 1_000_000),
      inFlight: wholeNumber("--in-flight", values["in-flight"], 1, 1_000),
      out: values.out,
      write: values.write,
      help: values.help,
    };
  } catch (error) {
    if (error instanceof LocalError) throw error;
    const reason = error instanceof Error ? error.message.split(". ")[0] : String(error);
    throw new LocalError(`${reason}; --help lists the options`);
  }
}

function wholeNumber(option: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least || value > most) {
    throw new LocalError(`${option} ${JSON.stringify(text)}: must be a whole number from ${least} to ${most}`);
  }
  return value;
}
