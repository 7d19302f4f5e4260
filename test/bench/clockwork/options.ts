import { LocalError } from "../../../local/local-error.ts";
import { numberBetween, optionValues } from "../option-values.ts";
import { DATABASES, type DatabaseKind } from "./database.ts";

/** What the command line of the benchmark asks for. */
export interface ClockworkBenchOptions {
  jobs: number;
  stores: readonly DatabaseKind[];
  /** For each query, over HTTP and without it. */
  seconds: number;
  write: boolean;
  help: boolean;
}

/** The text of `--help`. */
export const CLOCKWORK_BENCH_HELP = `Usage: npm run bench:clockwork -- [--jobs N] [--store embedded|postgres|both] [--seconds S] [--write]

Fills the table of Clockwork's jobs, starts the API on it, and asks every documented question: how long the answer takes over HTTP, how long the same
SQL takes in the same run without the API, and how the database goes about it. Exit status 1 if a page is read by going through the whole table.

  --jobs N      jobs in the table (1000000)
  --store WHAT  ${DATABASES.join(", ")} or both (both)
  --seconds S   how long each query is asked, over HTTP and then without it (2)
  --write       write the result into docs/performance.md
  --help        this text
`;

/** Reads the command line; throws `LocalError` saying what is wrong with it. */
export function parseClockworkBenchOptions(argv: readonly string[]): ClockworkBenchOptions {
  const values = valuesOf(argv);
  return {
    jobs: numberBetween("--jobs", values.jobs, 1_000, 10_000_000, true),
    stores: storesOf(values.store),
    seconds: numberBetween("--seconds", values.seconds, 0.1, 600, false),
    write: values.write,
    help: values.help,
  };
}

function valuesOf(argv: readonly string[]) {
  return optionValues(argv, {
    jobs: { type: "string", default: "1000000" },
    store: { type: "string", default: "both" },
    seconds: { type: "string", default: "2" },
    write: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  });
}

function storesOf(text: string): readonly DatabaseKind[] {
  if (text === "both") return DATABASES;
  const found = DATABASES.find((kind) => kind === text);
  if (found === undefined) throw new LocalError(`--store ${text}: must be ${DATABASES.join(", ")} or both`);
  return [found];
}
