import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";

/**
 * The kinds of test file, which differ in what they may stand on: nothing, an API server, a cluster with a node. The fault suite has
 * both, with logs of all that is written.
 */
export type Kind = "unit" | "integration" | "e2e" | "faults/server" | "faults/node";

/** The kinds, named by their directories, in the order in which they run. */
export const KINDS: readonly Kind[] = ["unit", "integration", "e2e", "faults/server", "faults/node"];

/** One test file. */
export interface TestFile {
  kind: Kind;
  /** Path below test/ without its ending, e.g. `unit/kube/queue`; what filters are matched against. */
  name: string;
  /** The compiled file, absolute. */
  compiled: string;
  /** Time limit from a first line `// timeout: SECONDS`, if it has one. */
  ownTimeoutMs?: number;
  /** Run only where it is asked for by name: its first line is `// timeout: SECONDS, on demand`. */
  onDemand: boolean;
  /** Suites that the source makes and never runs. */
  suitesNotRun: string[];
}

const ENDING = ".test.ts";
const TIMEOUT = /^\/\/ timeout: (\d+)(, on demand)?\s*$/m;

/**
 * All test files below `root`/test. They are looked for among the sources, not in dist/: an output whose source is gone
 * is nobody's test any more.
 */
export function discover(root: string): TestFile[] {
  return KINDS.flatMap((kind) => sourcesBelow(join(root, "test", kind)).map((source) => describe(root, kind, source)));
}

function describe(root: string, kind: Kind, source: string): TestFile {
  const path = relative(root, source).split(sep).join("/");
  const text = readFileSync(source, "utf8");
  const [, timeout, onDemand] = TIMEOUT.exec(text.slice(0, text.indexOf("\n") + 1)) ?? [];
  return {
    kind,
    name: path.slice("test/".length, -ENDING.length),
    compiled: join(root, "dist", `${path.slice(0, -".ts".length)}.js`),
    onDemand: onDemand !== undefined,
    suitesNotRun: suitesNotRun(text),
    ...(timeout === undefined ? {} : { ownTimeoutMs: Number(timeout) * 1_000 }),
  };
}

/** Names of the uvu suites that a source declares at top level without a `NAME.run()`. */
export function suitesNotRun(source: string): string[] {
  const made = [...source.matchAll(/^(?:export )?(?:const|let) (\w+)(?:: [^=\n]+)? = suite\b/gm)].map(
    (match) => match[1] ?? "",
  );
  if (/^import \{[^}]*\btest\b[^}]*\} from "uvu";/m.test(source)) made.push("test");
  return made.filter((name) => !new RegExp(`\\b${name}\\.run\\(\\)`).test(source));
}

function sourcesBelow(directory: string): string[] {
  let entries: string[];
  try {
    entries = readdirSync(directory, { recursive: true, encoding: "utf8" });
  } catch {
    return [];
  }
  return entries
    .filter((entry) => entry.endsWith(ENDING))
    .map((entry) => join(directory, entry))
    .sort();
}
