import { parseArgs } from "node:util";
import { LocalError } from "../../../local/local-error.ts";
import { DATABASES, type DatabaseKind } from "../clockwork/database.ts";

/** The parts of the measurement, in the order in which they are done. */
export const VESTA_PARTS = ["scraping", "requests", "hour"] as const;
export type VestaPart = (typeof VESTA_PARTS)[number];

/** What the command line of the benchmark asks for. */
export interface VestaBenchOptions {
  exporters: number;
  gpus: number;
  stores: readonly DatabaseKind[];
  parts: readonly VestaPart[];
  clients: number;
  /** Requests a second of all clients together. */
  rate: number;
  /** Of each measurement. */
  seconds: number;
  /** How much time is played, in minutes. */
  minutes: number;
  write: boolean;
  help: boolean;
}

/** How many times as fast as life the hour is played: exporters are read every second instead of every 15, and rows written every 4 instead of every 60. */
export const SPEED = 15;

/** The text of `--help`. */
export const VESTA_BENCH_HELP = `Usage: npm run bench:vesta -- [--exporters N] [--gpus N] [--store embedded|postgres|both] [--only PART[,PART]] [--clients N] [--rate N]
                              [--seconds S] [--minutes M] [--write]

Lets the API watch a fleet of GPU exporters, each on a node of its own in a real API server, and measures: what reading them takes (scraping), how long
answers take meanwhile (requests), and what an hour leaves in memory and in the history (hour). The hour is played ${SPEED} times as fast as life, by intervals
that are shorter by that; then its rows are moved into the past, where they are thinned out. Exit status 1 if a request fails, a host is not running, memory
grows on, or nothing is thinned out.

  --exporters N  nodes with an exporter (500)
  --gpus N       of each node (8)
  --store WHAT   ${DATABASES.join(", ")} or both (both)
  --only PART    ${VESTA_PARTS.join(", ")}; several with commas (all)
  --clients N    connections that are kept open (50)
  --rate N       requests a second of all together (10)
  --seconds S    of each measurement (30)
  --minutes M    that are played, ${SPEED} times as fast (60)
  --write        write the result into docs/performance.md
  --help         this text
`;

/** Reads the command line; throws `LocalError` saying what is wrong with it. */
export function parseVestaBenchOptions(argv: readonly string[]): VestaBenchOptions {
  const values = valuesOf(argv);
  return {
    exporters: wholeNumber("--exporters", values.exporters, 1, 5_000),
    gpus: wholeNumber("--gpus", values.gpus, 1, 16),
    stores: storesOf(values.store),
    parts: partsOf(values.only),
    clients: wholeNumber("--clients", values.clients, 1, 1_000),
    rate: wholeNumber("--rate", values.rate, 1, 10_000),
    seconds: wholeNumber("--seconds", values.seconds, 1, 600),
    minutes: wholeNumber("--minutes", values.minutes, 1, 600),
    write: values.write,
    help: values.help,
  };
}

function valuesOf(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        exporters: { type: "string", default: "500" },
        gpus: { type: "string", default: "8" },
        store: { type: "string", default: "both" },
        only: { type: "string", default: VESTA_PARTS.join(",") },
        clients: { type: "string", default: "50" },
        rate: { type: "string", default: "10" },
        seconds: { type: "string", default: "30" },
        minutes: { type: "string", default: "60" },
        write: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    }).values;
  } catch (error) {
    throw new LocalError(`${(error as Error).message}\n\n${VESTA_BENCH_HELP}`);
  }
}

function storesOf(text: string): readonly DatabaseKind[] {
  if (text === "both") return DATABASES;
  const found = DATABASES.find((kind) => kind === text);
  if (found === undefined) throw new LocalError(`--store ${text}: must be ${DATABASES.join(", ")} or both`);
  return [found];
}

function partsOf(text: string): readonly VestaPart[] {
  const wanted = text.split(",");
  const unknown = wanted.find((name) => !VESTA_PARTS.some((part) => part === name));
  if (unknown !== undefined) throw new LocalError(`--only ${unknown}: must be of ${VESTA_PARTS.join(", ")}`);
  return VESTA_PARTS.filter((part) => wanted.includes(part));
}

function wholeNumber(flag: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (text !== "" && Number.isInteger(value) && value >= least && value <= most) return value;
  throw new LocalError(`${flag} ${text}: must be a whole number from ${least} to ${most}`);
}
