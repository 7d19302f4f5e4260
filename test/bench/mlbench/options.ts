import { LocalError } from "../../../local/local-error.ts";
import { DATABASES, type DatabaseKind } from "../clockwork/database.ts";
import { numberBetween, optionValues } from "../option-values.ts";

/** What the command line of the benchmark asks for. */
export interface MlbenchBenchOptions {
  clients: number;
  /** Of each measurement. */
  seconds: number;
  /** In each post of the bulk form. */
  points: number;
  /** That one run is brought to, which is then read in all ways; 0: none. */
  entries: number;
  store: DatabaseKind;
  write: boolean;
  help: boolean;
}

/** The text of `--help`. */
export const MLBENCH_BENCH_HELP = `Usage: npm run bench:mlbench -- [--clients N] [--seconds S] [--points N] [--entries N] [--store WHAT] [--write]

Starts the API on a store of its own and posts metrics of a run to it, one at a time and in lists, beside a bare Koa server that answers the same
posts and keeps nothing; then counts what is stored, and reads it. At last it fills one run and reads that in every form, watching the memory of the API
and how long others wait for their answers. Exit status 1 if a point is lost, or if lists come to fewer than 10,000 points a second.

  --clients N   connections that are kept busy (50)
  --seconds S   of each measurement (10)
  --points N    in each list, up to 10000 (1000)
  --entries N   that the large run has in the end; 0 leaves it out (1000000)
  --store WHAT  ${DATABASES.join(" or ")} (embedded)
  --write       write the result into docs/performance.md
  --help        this text
`;

/** Reads the command line; throws `LocalError` saying what is wrong with it. */
export function parseMlbenchBenchOptions(argv: readonly string[]): MlbenchBenchOptions {
  const values = optionValues(argv, {
    clients: { type: "string", default: "50" },
    seconds: { type: "string", default: "10" },
    points: { type: "string", default: "1000" },
    entries: { type: "string", default: "1000000" },
    store: { type: "string", default: "embedded" },
    write: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  });
  const store = DATABASES.find((kind) => kind === values.store);
  if (store === undefined) throw new LocalError(`--store ${values.store}: must be ${DATABASES.join(" or ")}`);
  return {
    clients: numberBetween("--clients", values.clients, 1, 1_000, true),
    seconds: numberBetween("--seconds", values.seconds, 1, 600, true),
    points: numberBetween("--points", values.points, 2, 10_000, true),
    entries: numberBetween("--entries", values.entries, 0, 100_000_000, true),
    store,
    write: values.write,
    help: values.help,
  };
}
